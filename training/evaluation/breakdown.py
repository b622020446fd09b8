"""Figures of each class, or of each target: a mean hides who pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.evaluation.baseline import class_counts, training_mean
from training.evaluation.metrics.intervals import picp
from training.evaluation.metrics.ranking import auroc
from training.evaluation.predictor import PredictorEvaluation


@dataclass(frozen=True)
class ClassBreakdown:
    """One class in the training and the test split.

    Attributes:
        name: Name of the class.
        training: Number of training outcomes of this class.
        test: Number of test outcomes of this class.
        recall: Share of these that are found; ``None`` without any.
        precision: Share right of those that are taken for this class; ``None`` without any.
        auc: AUROC of the class's probability, this class against all others; ``None`` where it is not measured.
        coverage: Share of these whose set of level 0.9 holds the class, where the level is that of all rows; of pixels
            the mean share of an image's; ``None`` without such sets.
        coverage_by_class: The same where the level is that of each class: the default if there are rows enough.
    """

    name: str
    training: int
    test: int
    recall: float | None
    precision: float | None
    auc: float | None
    coverage: float | None
    coverage_by_class: float | None = None


@dataclass(frozen=True)
class TargetBreakdown:
    """One of several targets of a regression, in its own units.

    Attributes:
        name: Name of the target.
        test: Number of test outcomes.
        rmse: Root mean squared error of the predictive mean.
        baseline: Root mean squared error of the training rows' mean.
        coverage: Share of outcomes inside the central 90 % of the mixture.
    """

    name: str
    test: int
    rmse: float
    baseline: float
    coverage: float


@dataclass(frozen=True)
class SetSizeBreakdown:
    """Conformal sets of one size.

    Attributes:
        size: Number of classes in a set.
        test: Number of test outcomes whose set of level 0.9 has this size.
        coverage: Share of these whose set holds the class.
    """

    size: int
    test: int
    coverage: float


Breakdown = Sequence[ClassBreakdown | TargetBreakdown | SetSizeBreakdown]


def break_down(evaluation: PredictorEvaluation) -> Breakdown:
    """Return a line for every class and every size of a set, or for every target of several; none for other tasks."""
    if evaluation.task == "classification":
        return [*_by_class(evaluation), *by_set_size(evaluation)]
    if evaluation.task == "segmentation":
        return _by_pixel_class(evaluation)
    return _by_target(evaluation) if evaluation.task == "regression" and evaluation.predictor.outputs.size > 1 else ()


def by_set_size(evaluation: PredictorEvaluation) -> list[SetSizeBreakdown]:
    """Return a line for every size that conformal sets of the test outcomes have; none without such sets.

    References:
        Angelopoulos et al. (2021), Uncertainty Sets for Image Classifiers using Conformal Prediction, section 4.
    """
    members = evaluation.conformal_members
    held = evaluation.held(members)
    if members is None or held is None:
        return []
    sizes = members.sum(-1)
    masks = {int(size): sizes == size for size in torch.unique(sizes)}
    return [SetSizeBreakdown(size, int(own.sum()), float(held[own].double().mean())) for size, own in masks.items()]


def _by_class(evaluation: PredictorEvaluation) -> list[ClassBreakdown]:
    answers, guess = evaluation.class_predictions, evaluation.class_predictions.probs.argmax(-1)
    members = (evaluation.members_of_sets(by_class=by_class) for by_class in (False, True))
    of_all, of_class = (evaluation.held(one) for one in members)
    lines = []
    for index, (name, training) in enumerate(_named(evaluation)):
        own, taken = answers.labels == index, guess == index
        scores = answers.probs[:, index]
        lines.append(
            ClassBreakdown(
                name,
                training,
                int(own.sum()),
                _share(taken[own]),
                _share(own[taken]),
                auroc(scores[~own], scores[own]) if own.any() and not own.all() else None,
                *(None if held is None else _share(held[own]) for held in (of_all, of_class)),
            )
        )
    return lines


def _by_pixel_class(evaluation: PredictorEvaluation) -> list[ClassBreakdown]:
    confusion = evaluation.segmentation_counts.confusion
    right, true, guessed = (counts.tolist() for counts in (confusion.diag(), confusion.sum(1), confusion.sum(0)))
    shares = [[None] * len(right) if found is None else found.by_class() for found in evaluation.found_shares]
    return [
        ClassBreakdown(name, training, n, r / n if n else None, r / g if g else None, None, *held)
        for (name, training), r, n, g, *held in zip(_named(evaluation), right, true, guessed, *shares, strict=True)
    ]


def _by_target(evaluation: PredictorEvaluation) -> list[TargetBreakdown]:
    answers, outputs = evaluation.regression_predictions, evaluation.predictor.outputs
    lines = []
    for d, name in enumerate(outputs.names):
        known = ~answers.targets[..., d].isnan()
        targets, mean, low, high = (
            values[..., d][known] for values in (answers.targets, answers.mean, answers.low, answers.high)
        )
        rmse, baseline = (
            float((targets - guess).square().mean().sqrt()) for guess in (mean, training_mean(evaluation)[d])
        )
        lines.append(TargetBreakdown(name, len(targets), rmse, baseline, picp(targets, low, high)))
    return lines


def _named(evaluation: PredictorEvaluation) -> list[tuple[str, int]]:
    return list(zip(evaluation.predictor.outputs.names, class_counts(evaluation).tolist(), strict=True))


def _share(mask: Tensor) -> float | None:
    return float(mask.double().mean()) if len(mask) else None
