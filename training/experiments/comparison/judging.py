"""The figures that models are compared by, each as a mean over rows, and what an answer costs."""

from __future__ import annotations

import functools
import operator
import statistics
import time
from dataclasses import dataclass
from typing import Literal

import torch

from models.checkpoints.checkpoint import Checkpoint
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import DrawSums
from training.data import Dataset
from training.evaluation.evaluate import SAMPLES, SEED
from training.evaluation.metrics.intervals import LEVEL
from training.evaluation.metrics.per_row import (
    Contributions,
    auroc,
    calibration_error,
    distance_from,
    ratio,
    root,
)
from training.evaluation.metrics.prediction.decisions import find_detector, score_rows
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.predictor import PredictorEvaluation

NLL = "NLL, nats"
OOD = "OOD AUROC"
_WARM_UPS, _REPETITIONS = 3, 21


@dataclass(frozen=True)
class Figure:
    """A figure that models are compared by.

    Attributes:
        name: Name with the unit.
        better: Values that are better.
        meaning: Meaning in words.
    """

    name: str
    better: Literal["lower", "higher"]
    meaning: str

    @property
    def sign(self) -> int:
        """1 if a higher value is better, else -1."""
        return 1 if self.better == "higher" else -1


FIGURES = {
    "classification": (
        Figure("error", "lower", "share of test rows whose most probable class is not theirs"),
        Figure(NLL, "lower", "negative log-likelihood of the right class"),
        Figure("ECE", "lower", "difference of confidence and accuracy, over 15 bins"),
        Figure(OOD, "higher", "AUROC of `ood_score`, rows out of distribution against test rows"),
    ),
    "regression": (
        Figure("RMSE", "lower", "root mean squared error of the predictive mean, in the target's unit"),
        Figure(NLL, "lower", "negative log density of the outcome"),
        Figure("coverage gap", "lower", "distance of the share of outcomes inside central 90 % intervals from 90 %"),
        Figure(OOD, "higher", "AUROC of `ood_score`, rows out of distribution against test rows"),
    ),
}
"""Figures by task, in the order of the table."""


@dataclass(frozen=True)
class Judged:
    """One trained model as it was measured.

    Attributes:
        figures: Contributions to each figure by its name; without rows out of distribution, or where the model was not
            calibrated, there is no :data:`OOD`.
        milliseconds: Median time of an answer for one row, of draws that are made already.
        draws: Number of draws of an answer; 0 is one function.
        megabytes: Size of the weights on disk.
        training_seconds: Duration of the training.
    """

    figures: dict[str, Contributions]
    milliseconds: float
    draws: int
    megabytes: float
    training_seconds: float


def judge(checkpoint: Checkpoint, megabytes: float, dataset: Dataset, ood: OodInputs | None) -> Judged:
    """Measure a model on the test rows, with 50 draws or as many as it has."""
    model, manifest = checkpoint.model, checkpoint.manifest
    assert isinstance(model, Predictor)  # as its recipe says
    samples = model.available_samples(SAMPLES)
    evaluation = PredictorEvaluation(model, dataset, samples, SEED, ood, checkpoint.calibration)
    of_task = _classification if evaluation.task == "classification" else _regression
    figures: dict[str, Contributions] = {name: (values,) for name, values in of_task(evaluation).items()}
    figures |= _out_of_distribution(evaluation)
    seconds = manifest.figures["training_seconds"]
    return Judged(figures, time_answer(model, dataset, samples), samples, megabytes, seconds)


@torch.inference_mode()
def time_answer(model: Predictor, dataset: Dataset, samples: int) -> float:
    """Return the median time of an answer for one row in milliseconds, by torch in this process.

    The draws are made before, as the service keeps those of the usual seed.
    """
    row = dataset.test.rows(slice(1)).inputs
    draws = model.posterior.sample(SEED, samples) if samples else {}
    seconds = []
    for _ in range(_WARM_UPS + _REPETITIONS):
        started = time.perf_counter()
        sums = map(DrawSums.of, model.conditionals(row, draws))
        model.summarise(functools.reduce(operator.add, sums))
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds[_WARM_UPS:])


def _classification(evaluation: PredictorEvaluation) -> dict[str, torch.Tensor]:
    answers = evaluation.class_predictions
    of_label = answers.probs.double().gather(-1, answers.labels.unsqueeze(-1)).squeeze(-1)
    return {
        "error": answers.wrong.double(),
        NLL: -of_label.clamp_min(torch.finfo(torch.float32).tiny).log(),
        "ECE": calibration_error(answers.probs, answers.labels),
    }


def _regression(evaluation: PredictorEvaluation) -> dict[str, torch.Tensor]:
    answers = evaluation.regression_predictions
    known = ~answers.targets.isnan()
    squared = (answers.mean - answers.targets).double().square().where(known, 0.0)
    held = (answers.targets >= answers.low) & (answers.targets <= answers.high)  # NaN is in no interval
    counts = known.sum(-1)
    return {
        "RMSE": root(ratio(squared.sum(-1), counts)),
        NLL: -answers.log_likelihood.double(),
        "coverage gap": distance_from(ratio(held.sum(-1), counts), LEVEL),
    }


def _out_of_distribution(evaluation: PredictorEvaluation) -> dict[str, Contributions]:
    detector = find_detector(evaluation)
    if evaluation.ood is None or detector is None:
        return {}
    usual = score_rows(evaluation, detector, evaluation.dataset.test.inputs, evaluation.answers)
    others = score_rows(evaluation, detector, evaluation.ood.rows, evaluation.answer_others(evaluation.ood))
    return {OOD: auroc(usual, others)}
