"""A predictor and the rows that it is judged on; what it says of them is computed once for all figures and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.noise import Site, Uniform, draw_noise
from models.prediction.calibration import Calibration
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import DrawSums, Uncertainty
from models.specs import InputSpec
from training.data import Dataset, Split
from training.evaluation.metrics.intervals import central
from training.evaluation.metrics.ood_scores import Scores, novelty
from training.evaluation.metrics.scores import blocks, conditionals, observable, outcome_nll, predicted, predictions
from training.evaluation.metrics.segmentation_counts import Tally

_MOST_NOISE_ROWS = 2000


@dataclass(frozen=True)
class Strange:
    """Inputs of another kind than the model was fitted to.

    Attributes:
        name: Of the data.
        rows: Raw, in the range of the model's own inputs, ``(N, *shape)``.
    """

    name: str
    rows: Tensor


@dataclass(frozen=True)
class Classified:
    """Answers for ``N`` observed outcomes, whatever row and step they belong to.

    Attributes:
        probs: Predictive means ``(N, C)``.
        labels: Class indices ``(N,)``.
        entropy: Predictive, in nats ``(N,)``.
        information: Mutual information, in nats ``(N,)``; ``None`` without draws.
    """

    probs: Tensor
    labels: Tensor
    entropy: Tensor
    information: Tensor | None

    @property
    def wrong(self) -> Tensor:
        """Whether another class is more probable than the true one, ``(N,)``."""
        return self.probs.argmax(-1) != self.labels


@dataclass(frozen=True)
class Regressed:
    """Answers for ``N`` outcomes of ``D`` targets, in the targets' units; all ``(N, D)`` but the log-likelihood.

    Attributes:
        mean: Predictive.
        low: Lower end of the central interval of the predictive mixture.
        high: Upper end.
        aleatoric: Variance of the noise.
        epistemic: Variance of the draws' means; 0 without draws.
        targets: NaN where nothing was observed.
        log_likelihood: Of each observed outcome, in nats.
    """

    mean: Tensor
    low: Tensor
    high: Tensor
    aleatoric: Tensor
    epistemic: Tensor
    targets: Tensor
    log_likelihood: Tensor

    @property
    def variance(self) -> Tensor:
        """Total; the noise's alone without draws."""
        return self.aleatoric + self.epistemic


@dataclass(frozen=True)
class Subject:
    """What is judged, and how.

    Attributes:
        samples: Draws of a prediction; 0 is the posterior's mean.
        seed: Of the draws.
        strange: To compare with, if any were given.
        calibration: Of the predictor, if it has any.
    """

    predictor: Predictor
    dataset: Dataset
    samples: int
    seed: int
    strange: Strange | None = None
    calibration: Calibration | None = None

    @property
    def task(self) -> str:
        """What the predictor answers."""
        return self.predictor.outputs.task

    @cached_property
    def answers(self) -> list[Uncertainty]:
        """For the test split, in blocks; not for a segmentation, whose pixels are too many to keep."""
        return predictions(self.predictor, self.dataset.test.inputs, self.samples, self.seed)

    @cached_property
    def classified(self) -> Classified:
        """The test split, of a classifier."""
        return self._classified(self.answers, self.dataset.test)

    @cached_property
    def regressed(self) -> Regressed:
        """The test split, of a regression."""
        parts = [self._regress(self.dataset.test.rows(rows)) for rows in self._blocks(self.dataset.test)]
        return Regressed(*(torch.cat([getattr(p, name) for p in parts]) for name in Regressed.__dataclass_fields__))

    @cached_property
    def tally(self) -> Tally:
        """The test split, of a segmentation."""
        return Tally(self.predictor, self.dataset.test, self.samples, self.seed)

    @cached_property
    def usual_scores(self) -> Scores:
        """Of the test split's rows."""
        return self.tally.scores if self.task == "segmentation" else novelty(self.predictor, self.answers)

    @cached_property
    def strange_scores(self) -> Scores:
        """The same of the strange rows."""
        assert self.strange is not None  # who asks has seen that there are some
        return self._scores(self.strange)

    @cached_property
    def noise_scores(self) -> Scores:
        """The same of uniform noise, as many rows as in the test split but not too many."""
        assert self.noise is not None  # who asks has seen that there is
        return self._scores(self.noise)

    @cached_property
    def noise(self) -> Strange | None:
        """Images whose pixels are uniform over their range; ``None`` where inputs are no images or have no range."""
        return uniform_noise(self.predictor.inputs, len(self.dataset.test.inputs))

    def classify(self, split: Split) -> Classified:
        """Answers for the observed outcomes of other rows."""
        return self._classified(predictions(self.predictor, split.inputs, self.samples, self.seed), split)

    def _scores(self, strange: Strange) -> Scores:
        return novelty(self.predictor, predicted(self.predictor, strange.rows, self.samples, self.seed))

    def _classified(self, answers: list[Uncertainty], split: Split) -> Classified:
        labels = observable(self.predictor, split.rows(slice(None)).targets)
        seen = self.predictor.likelihood.observed(labels).flatten()
        informations = [a.mutual_information.flatten() for a in answers if a.mutual_information is not None]
        return Classified(
            torch.cat([a.mean.flatten(0, -2) for a in answers])[seen],
            labels.flatten()[seen],
            torch.cat([a.predictive_entropy.flatten() for a in answers])[seen],
            torch.cat(informations)[seen] if informations else None,
        )

    @torch.inference_mode()
    def _regress(self, split: Split) -> Regressed:
        predictor = self.predictor
        parts = conditionals(predictor, split.inputs, self.samples, self.seed)
        answer = predictor.summarise(DrawSums.of(parts), of_mean_function=not self.samples)
        aleatoric, epistemic = answer.aleatoric_variance, answer.epistemic_variance
        epistemic = torch.zeros_like(aleatoric) if epistemic is None else epistemic
        seen = predictor.likelihood.observed(split.targets)
        nll = outcome_nll(predictor, split, self.samples, self.seed)
        columns = answer.mean, *central(parts), aleatoric, epistemic
        mean, low, high, aleatoric, epistemic = (column.cpu()[seen] for column in columns)
        return Regressed(mean, low, high, aleatoric, epistemic, split.targets[seen], -nll[seen])

    def _blocks(self, split: Split) -> list[slice]:
        return list(blocks(self.predictor, len(split.inputs), max(1, self.samples)))


def uniform_noise(inputs: InputSpec, rows: int) -> Strange | None:
    """Images whose pixels are uniform over their range; ``None`` where inputs are no images or have no range."""
    if inputs.kind != "image" or inputs.low is None or inputs.high is None:
        return None
    site = Site("pixels", inputs.shape, Uniform(inputs.low, inputs.high))
    drawn = draw_noise([site], 0, min(rows, _MOST_NOISE_ROWS))["pixels"]
    return Strange("uniform noise", drawn.clamp(inputs.low, inputs.high))
