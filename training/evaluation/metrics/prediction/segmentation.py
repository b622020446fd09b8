"""Metrics of a segmentation, over all pixels."""

from __future__ import annotations

from torch import Tensor

from training.evaluation.measurement import Metrics
from training.evaluation.metrics.segmentation_counts import SegmentationCounts
from training.evaluation.predictor import PredictorEvaluation


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return metrics over all pixels of the test split that are not void, of the mean of the draws and of one pass.

    ``wrong_pixel_auroc`` is how often a wrongly labelled pixel has a higher predictive entropy than a right one.
    """
    counts = evaluation.segmentation_counts
    measured = {f"test_{name}": value for name, value in measure_overlap(counts.confusion).items()}
    measured["test_nll_nats"] = counts.nll / float(counts.confusion.sum())
    if (wrong := counts.wrong.value()) is not None:
        measured["wrong_pixel_auroc"] = wrong
    if not evaluation.samples:
        return measured
    alone = SegmentationCounts(evaluation.predictor, evaluation.dataset.test, 0, evaluation.seed)
    return measured | {f"test_{name}_deterministic": value for name, value in measure_overlap(alone.confusion).items()}


def measure_overlap(confusion: Tensor) -> Metrics:
    r"""Return pixel accuracy, mean class accuracy and mean intersection over union.

    .. math::
        \frac{\sum_c n_{cc}}{\sum_{cd} n_{cd}}, \quad
        \frac{1}{C} \sum_c \frac{n_{cc}}{\sum_d n_{cd}}, \quad
        \frac{1}{C} \sum_c \frac{n_{cc}}{\sum_d n_{cd} + \sum_d n_{dc} - n_{cc}}

    A class with no pixel, true or predicted, is left out of a mean that it has no term in.

    Args:
        confusion: Numbers of pixels ``n_cd``, true classes by predicted ones, ``(C, C)``.

    References:
        Badrinarayanan, Kendall & Cipolla (2017), SegNet, section 4.1.
    """
    counts = confusion.double()
    right, true, guessed = counts.diag(), counts.sum(1), counts.sum(0)
    union = true + guessed - right
    return {
        "pixel_accuracy": float(right.sum() / counts.sum()),
        "class_accuracy": float((right / true)[true > 0].mean()),
        "mean_iou": float((right / union)[union > 0].mean()),
    }
