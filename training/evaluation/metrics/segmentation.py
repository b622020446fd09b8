"""How well every pixel is labelled."""

from __future__ import annotations

from torch import Tensor

from training.evaluation.metrics.segmentation_counts import Tally
from training.evaluation.predictor import Subject


def figures(subject: Subject) -> dict[str, float]:
    """Figures over all pixels of the test split that are not void, of the average of the draws and of one pass.

    ``wrong_pixel_auroc``: how often a wrongly labelled pixel has the higher predictive entropy than a right one.
    """
    tally = subject.tally
    measured = {f"test_{name}": value for name, value in overlap(tally.confusion).items()}
    measured["test_nll_nats"] = tally.nll / float(tally.confusion.sum())
    if (wrong := tally.wrong.value()) is not None:
        measured["wrong_pixel_auroc"] = wrong
    if not subject.samples:
        return measured
    alone = overlap(Tally(subject.predictor, subject.dataset.test, 0, subject.seed).confusion)
    return measured | {f"test_{name}_deterministic": value for name, value in alone.items()}


def overlap(confusion: Tensor) -> dict[str, float]:
    r"""Of counts of pixels ``(C, C)``, true classes by predicted ones.

    .. math::
        \frac{\sum_c n_{cc}}{\sum_{cd} n_{cd}}, \quad
        \frac{1}{C} \sum_c \frac{n_{cc}}{\sum_d n_{cd}}, \quad
        \frac{1}{C} \sum_c \frac{n_{cc}}{\sum_d n_{cd} + \sum_d n_{dc} - n_{cc}}

    A class with no pixel, true or predicted, is left out of a mean that it has no term in.

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
