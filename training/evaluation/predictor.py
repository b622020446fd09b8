"""Evaluation of a predictor: its predictions are computed once for all metrics and plots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.errors import LevelError
from models.guarantees.calibration import CLASS, CalibrationRows
from models.guarantees.conditional import quantiles_by_group
from models.guarantees.conformal import conformal_set, score_quantile
from models.prediction.predictor import Predictor
from models.prediction.regression import Regression
from models.prediction.uncertainty import DrawSums, Uncertainty
from training.data import Dataset, Split
from training.evaluation.metrics.crps import crps
from training.evaluation.metrics.found_shares import FoundShares
from training.evaluation.metrics.intervals import LEVEL, central_interval
from training.evaluation.metrics.likelihood import outcome_nll
from training.evaluation.metrics.ood_scores import Scores, ood_scores
from training.evaluation.metrics.segmentation_counts import SegmentationCounts
from training.evaluation.ood_inputs import OodInputs, uniform_noise
from training.evaluation.predictions import blocks, mark_unobserved, predict_blocks, predict_draws


@dataclass(frozen=True)
class ClassPredictions:
    """Predictions for ``N`` observed outcomes, whatever row and step they belong to.

    Attributes:
        probs: Predictive means ``(N, C)``.
        labels: Class indices ``(N,)``.
        entropy: Predictive entropy in nats, ``(N,)``.
        information: Mutual information in nats, ``(N,)``; ``None`` without draws.
    """

    probs: Tensor
    labels: Tensor
    entropy: Tensor
    information: Tensor | None

    @property
    def wrong(self) -> Tensor:
        """A mask ``(N,)`` of the outcomes where another class is more probable than the true one."""
        return self.probs.argmax(-1) != self.labels


@dataclass(frozen=True)
class RegressionPredictions:
    """Predictions for ``N`` outcomes of ``D`` targets, in the targets' units.

    All tensors are ``(N, D)``, but for the log-likelihood.

    Attributes:
        mean: Predictive mean.
        low: Lower end of the central interval of the predictive mixture.
        high: Upper end of that interval.
        aleatoric: Variance of the noise.
        epistemic: Variance of the draws' means; 0 without draws.
        skew: Quantile skewness; 0 of a likelihood that has none.
        targets: True values; NaN where nothing was observed.
        log_likelihood: Log-likelihood of each observed outcome in nats, ``(N,)``.
        crps: Continuous ranked probability score of each target; NaN where nothing was observed.
    """

    mean: Tensor
    low: Tensor
    high: Tensor
    aleatoric: Tensor
    epistemic: Tensor
    skew: Tensor
    targets: Tensor
    log_likelihood: Tensor
    crps: Tensor

    @property
    def variance(self) -> Tensor:
        """Total variance, ``(N, D)``; the noise's alone without draws."""
        return self.aleatoric + self.epistemic


@dataclass(frozen=True)
class PredictorEvaluation:
    """A predictor with the rows that it is evaluated on.

    Attributes:
        predictor: The model, in evaluation mode.
        dataset: Data whose test split is measured.
        samples: Number of draws of a prediction; 0 is the posterior's mean.
        seed: Seed of the draws.
        ood: Inputs out of distribution to compare with, if any were given.
        calibration: What the predictor said of its calibration rows, if it was calibrated.
    """

    predictor: Predictor
    dataset: Dataset
    samples: int
    seed: int
    ood: OodInputs | None = None
    calibration: CalibrationRows | None = None

    @property
    def task(self) -> str:
        """The task that the predictor was fitted to."""
        return self.predictor.outputs.task

    @cached_property
    def answers(self) -> list[Uncertainty]:
        """Answers for the test split, in blocks; not for a segmentation, whose pixels are too many to keep."""
        return self._predict(self.dataset.test.inputs)

    @cached_property
    def class_predictions(self) -> ClassPredictions:
        """A classifier's predictions for the test split."""
        return self._classify(self.answers, self.dataset.test)

    @property
    def holds_by_class(self) -> bool:
        """Whether sets of level 0.9 hold in each class unless a request says otherwise."""
        return self.calibration is not None and self.calibration.hold_by_class(LEVEL)

    @cached_property
    def interval_score(self) -> float | None:
        """The score of intervals of level 0.9, conformal or under risk control; ``None`` without enough scores."""
        calibration = self.calibration
        if calibration is None or not (calibration.risk or "deviation" in calibration.scores):
            return None
        try:
            if calibration.risk is not None:
                return calibration.risk.threshold(calibration.position(self.samples, self.seed), -1, LEVEL)
            return score_quantile(calibration.scores_after(self.samples, "deviation", self.seed), LEVEL)
        except LevelError:
            return None

    @cached_property
    def conformal_members(self) -> Tensor | None:
        """The classes in the conformal set of each test outcome, as the service answers, boolean ``(N, C)``."""
        return self.members_of_sets(by_class=self.holds_by_class)

    def members_of_sets(self, *, by_class: bool) -> Tensor | None:
        """Return the classes in the conformal set of level 0.9 of each test outcome, boolean ``(N, C)``.

        Args:
            by_class: Whether the level holds in each class; for all together otherwise.

        Returns:
            Membership; ``None`` without enough calibration rows.
        """
        if self.calibration is None or "probability" not in self.calibration.scores:
            return None
        if by_class and CLASS not in self.calibration.groups:
            return None
        scores = self.calibration.scores_after(self.samples, "probability", self.seed)
        try:
            if by_class:
                groups, names = self.calibration.groups[CLASS], self.calibration.group_names[CLASS]
                bounds = torch.from_numpy(quantiles_by_group(scores, LEVEL, groups, names))
            else:
                bounds = torch.tensor(score_quantile(scores, LEVEL), dtype=torch.float64)
        except LevelError:
            return None
        return conformal_set(self.class_predictions.probs, bounds)

    def held(self, members: Tensor | None) -> Tensor | None:
        """Return whether each test outcome is in its set of these members, boolean ``(N,)``."""
        labels = self.class_predictions.labels.unsqueeze(-1)
        return None if members is None else members.gather(-1, labels).squeeze(-1)

    @cached_property
    def regression_predictions(self) -> RegressionPredictions:
        """A regression's predictions for the test split."""
        rows = blocks(self.predictor, len(self.dataset.test.inputs), max(1, self.samples))
        parts = [self._regress(self.dataset.test.rows(block)) for block in rows]
        names = RegressionPredictions.__dataclass_fields__
        return RegressionPredictions(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    @cached_property
    def segmentation_counts(self) -> SegmentationCounts:
        """Counts over the pixels of the test split, for a segmentation."""
        shares = [shares for shares in self._found_shares if shares is not None]
        return SegmentationCounts(self.predictor, self.dataset.test, self.samples, self.seed, shares)

    @cached_property
    def found_shares(self) -> tuple[FoundShares | None, FoundShares | None]:
        """Shares of the true outcomes in sets of level 0.9 under risk control, for all together and by class.

        ``None`` where a row has one outcome, or there are not enough calibration rows.
        """
        if self.task == "segmentation":
            _ = self.segmentation_counts  # adds the answers, which are not kept
            return self._found_shares
        for shares in self._found_shares:
            if shares is not None:
                rows = blocks(self.predictor, len(self.dataset.test.inputs))
                for block, answer in zip(rows, self.answers, strict=True):
                    shares.add(answer.mean, mark_unobserved(self.predictor, self.dataset.test.rows(block).targets))
        return self._found_shares

    @cached_property
    def _found_shares(self) -> tuple[FoundShares | None, FoundShares | None]:
        if self.calibration is None or self.calibration.risk is None or self.task == "regression":
            return None, None
        curves, position = self.calibration.risk, self.calibration.position(self.samples, self.seed)
        classes = range(self.predictor.outputs.size)

        def shares(groups: Iterable[int]) -> FoundShares | None:
            try:
                bounds = [curves.threshold(position, group, LEVEL) for group in groups]
            except LevelError:
                return None
            return FoundShares(torch.tensor(bounds, dtype=torch.float64), labelled=self.task == "multilabel")

        return shares([-1]), shares(classes)

    @property
    def observed_outcomes(self) -> int:
        """Number of outcomes of the test split that were observed."""
        return int(self.predictor.likelihood.observed(mark_unobserved(self.predictor, self._test_targets)).sum())

    @property
    def noise_rows(self) -> int:
        """Number of images of uniform noise; 0 for other inputs."""
        return 0 if self.noise is None else len(self.noise.rows)

    @property
    def _test_targets(self) -> Tensor:
        targets = self.dataset.test.targets
        return targets if targets.is_floating_point() else targets.long()

    @cached_property
    def test_scores(self) -> Scores:
        """Scores of the test split's rows."""
        if self.task == "segmentation":
            return self.segmentation_counts.scores
        return ood_scores(self.predictor, self.answers)

    @cached_property
    def ood_scores(self) -> Scores:
        """Scores of the rows out of distribution, where there are some."""
        assert self.ood is not None  # callers have checked
        return self._score(self.ood)

    @cached_property
    def noise_scores(self) -> Scores:
        """Scores of uniform noise, where there is some."""
        assert self.noise is not None  # callers have checked
        return self._score(self.noise)

    @cached_property
    def noise(self) -> OodInputs | None:
        """Uniform noise, as many images as in the test split but not too many; ``None`` for other inputs."""
        return uniform_noise(self.predictor.inputs, len(self.dataset.test.inputs))

    def classify(self, split: Split) -> ClassPredictions:
        """Return a classifier's predictions for the observed outcomes of other rows."""
        return self._classify(self._predict(split.inputs), split)

    def answer_others(self, inputs: OodInputs) -> Iterable[Uncertainty]:
        """Return the answers for :attr:`noise` or :attr:`ood`, in blocks, once for all metrics.

        Those of a segmentation, whose pixels are too many to keep, are predicted as they are read.
        """
        if self.task == "segmentation":
            return predict_blocks(self.predictor, inputs.rows, self.samples, self.seed)
        return self._noise_answers if inputs is self.noise else self._ood_answers

    @cached_property
    def _noise_answers(self) -> list[Uncertainty]:
        assert self.noise is not None  # callers have checked
        return self._predict(self.noise.rows)

    @cached_property
    def _ood_answers(self) -> list[Uncertainty]:
        assert self.ood is not None  # callers have checked
        return self._predict(self.ood.rows)

    def _predict(self, rows: Tensor) -> list[Uncertainty]:
        return list(predict_blocks(self.predictor, rows, self.samples, self.seed))

    def _score(self, inputs: OodInputs) -> Scores:
        return ood_scores(self.predictor, self.answer_others(inputs))

    def _classify(self, answers: list[Uncertainty], split: Split) -> ClassPredictions:
        labels = mark_unobserved(self.predictor, split.rows(slice(None)).targets)
        seen = self.predictor.likelihood.observed(labels).flatten()
        informations = [a.mutual_information.flatten() for a in answers if a.mutual_information is not None]
        return ClassPredictions(
            torch.cat([a.mean.flatten(0, -2) for a in answers])[seen],
            labels.flatten()[seen],
            torch.cat([a.predictive_entropy.flatten() for a in answers])[seen],
            torch.cat(informations)[seen] if informations else None,
        )

    @torch.inference_mode()
    def _regress(self, split: Split) -> RegressionPredictions:
        predictor = self.predictor
        drawn = predict_draws(predictor, split.inputs, self.samples, self.seed)
        answer = predictor.summarise(DrawSums.of(drawn))
        aleatoric, epistemic = answer.aleatoric_variance, answer.epistemic_variance
        epistemic = torch.zeros_like(aleatoric) if epistemic is None else epistemic
        seen = predictor.likelihood.observed(split.targets)
        nll = outcome_nll(predictor, split, self.samples, self.seed)
        assert isinstance(predictor.likelihood, Regression)  # as the task says
        scores = crps(predictor.likelihood, drawn, split.targets)
        skew = torch.zeros_like(aleatoric) if answer.skew is None else answer.skew
        columns = answer.mean, *central_interval(predictor.likelihood, drawn), aleatoric, epistemic, skew
        mean, low, high, aleatoric, epistemic, skew, scores = (column.cpu()[seen] for column in (*columns, scores))
        targets = split.targets[seen]
        return RegressionPredictions(mean, low, high, aleatoric, epistemic, skew, targets, -nll[seen], scores)
