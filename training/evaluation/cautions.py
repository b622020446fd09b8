"""Sentences on figures that are bad, or that rest on few rows, so that nobody has to find them in a table."""

from __future__ import annotations

import math
from collections.abc import Iterator

from models.errors import list_names
from training.evaluation.breakdown import Breakdown, ClassBreakdown, TargetBreakdown
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.intervals import LEVEL

FEW_ROWS = 100
"""Number of test rows below which every share is known to no better than about 10 points."""
_FEW_OF_A_CLASS = 10
_MOST_NAMES = 10
_CHANCE = 0.5
_LARGE_ECE = 0.1
_LOW_RECALL = 0.5
_NEAREST = 0.5
_NAMED = 0.9
_AGAIN = "Train it again with another --seed or for longer, and look at its samples before it is used."
_SIGMAS = 3.0
"""Standard errors from which a coverage is not by chance what it is."""


def find_cautions(metrics: Metrics, breakdown: Breakdown, rows: int) -> list[str]:
    """Return a sentence for every figure that is bad.

    Args:
        metrics: All figures of a predictor.
        breakdown: Figures of its classes, or of its targets.
        rows: Number of test rows.
    """
    figures = [*_few(rows), *_useless(metrics), *_unaware(metrics), *_miscalibrated(metrics, rows)]
    return [*figures, *_classes(breakdown), *_targets(breakdown)]


def find_generator_cautions(metrics: Metrics, classes: int) -> list[str]:
    """Return a sentence for what says that a generator's training went wrong, whatever the data.

    Args:
        metrics: All figures of a generator.
        classes: Number of classes of its data; 0 without any.
    """
    return [*_missing_classes(metrics, classes), *_copied(metrics), *_mistaken_codes(metrics)]


def _missing_classes(metrics: Metrics, classes: int) -> Iterator[str]:
    present = metrics.get("classes_present", classes)
    if present < classes:
        yield (
            f"The generator makes {present:.0f} of the {classes} classes: the others have less than a tenth of an equal"
            f" share of its images. {_AGAIN}"
        )


def _copied(metrics: Metrics) -> Iterator[str]:
    nearest = metrics.get("nearest_training_ratio", 1.0)
    if nearest < _NEAREST:
        yield (
            f"The generator may copy its training images: its own are {nearest:.0%} as far from the nearest of them as"
            " real images are (nearest_training_ratio)."
        )


def _mistaken_codes(metrics: Metrics) -> Iterator[str]:
    share = metrics.get("samples_named_agreement", 1.0)
    if share < _NAMED:
        yield (
            f"The values of the class code are not what their names say: {1 - share:.0%} of the images show another"
            f" class (samples_named_agreement is {share:.3g}). {_AGAIN}"
        )


def _few(rows: int) -> Iterator[str]:
    if rows < FEW_ROWS:
        error = math.sqrt(LEVEL * (1 - LEVEL) / max(1, rows))
        yield (
            f"All test figures rest on {rows} rows: a share of {LEVEL:.0%} is known to ±{2 * error:.0%} only (two"
            " standard errors)."
        )


def _useless(metrics: Metrics) -> Iterator[str]:
    accuracy, majority = metrics.get("test_accuracy"), metrics.get("baseline_accuracy")
    if accuracy is not None and majority is not None and accuracy <= majority:
        yield (
            f"The model is no better than always answering the most frequent class: accuracy {accuracy:.3g}, baseline"
            f" {majority:.3g}."
        )
    rmse, mean = metrics.get("test_rmse_target_units"), metrics.get("baseline_rmse_target_units")
    if rmse is not None and mean is not None and rmse >= mean:
        yield (
            f"The model is no better than always answering the training rows' mean: RMSE {rmse:.4g}, baseline"
            f" {mean:.4g}."
        )


_AWARENESS = {
    "test_auc": "The model does not tell the classes apart better than chance",
    "misclassification_auroc": "The model is not less sure where it is wrong",
    "wrong_pixel_auroc": "The model is not less sure where a pixel is wrong",
    "noise_auroc": "The model is surer of noise than of real images: do not rely on it to notice strange inputs",
    "rotated_auroc": "The model does not notice that an image is turned by 90 degrees",
}
"""What an AUROC of one half or less means."""


def _unaware(metrics: Metrics) -> Iterator[str]:
    for name, meaning in _AWARENESS.items():
        if metrics.get(name, 1.0) <= _CHANCE:
            yield f"{meaning} ({name} is {metrics[name]:.3g}; chance is {_CHANCE})."
    for name, value in metrics.items():
        if name.startswith("ood_auroc_") and value <= _CHANCE:
            yield f"The model does not notice rows out of distribution ({name} is {value:.3g}; chance is {_CHANCE})."


def _miscalibrated(metrics: Metrics, rows: int) -> Iterator[str]:
    error = _SIGMAS * math.sqrt(LEVEL * (1 - LEVEL) / max(1, rows))
    for name, what in (
        ("test_picp_90", "The model is too sure: the central 90 % intervals hold"),
        ("test_conformal_picp_90", "The calibration rows are unlike the test rows: the conformal 90 % intervals hold"),
        ("test_conformal_coverage_90", "The calibration rows are unlike the test rows: the conformal 90 % sets hold"),
    ):
        if metrics.get(name, LEVEL) < LEVEL - error:
            yield f"{what} the outcome of {metrics[name]:.0%} of the test rows ({name})."
    if metrics.get("test_ece", 0.0) > _LARGE_ECE:
        yield (
            f"Confidence and accuracy differ by {metrics['test_ece']:.0%} on average (test_ece): do not read the"
            " probabilities as frequencies."
        )


def _classes(breakdown: Breakdown) -> Iterator[str]:
    lines = [line for line in breakdown if isinstance(line, ClassBreakdown)]
    if few := [f"{line.name} ({line.test})" for line in lines if line.test < _FEW_OF_A_CLASS]:
        names = list_names(few, _MOST_NAMES)
        yield f"Fewer than {_FEW_OF_A_CLASS} test outcomes of these classes, whose figures say little: {names}."
    missed = [
        f"{line.name} ({line.recall:.0%})"
        for line in lines
        if line.recall is not None and line.recall < _LOW_RECALL and line.test >= _FEW_OF_A_CLASS
    ]
    if missed:
        yield f"Most outcomes of these classes are missed (recall): {list_names(missed, _MOST_NAMES)}."


def _targets(breakdown: Breakdown) -> Iterator[str]:
    lines = [line for line in breakdown if isinstance(line, TargetBreakdown)]
    if len(lines) > 1:
        widest = max(lines, key=lambda line: line.baseline)
        yield (
            f"Figures in target units are means over {list_names([line.name for line in lines], _MOST_NAMES)}, as if"
            f" these had one unit, and follow {widest.name!r} most: read the figures of each target."
        )
    useless = [line for line in lines if line.rmse >= line.baseline]
    if useless:
        figures = [f"{line.name} (RMSE {line.rmse:.4g}, baseline {line.baseline:.4g})" for line in useless]
        yield f"These targets are predicted no better than by their mean: {list_names(figures, _MOST_NAMES)}."
