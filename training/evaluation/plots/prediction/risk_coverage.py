"""Risk-coverage curve: the error that is left when the most uncertain rows are turned away."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from models.errors import RiskError
from models.guarantees.calibration import FALSE_ALARM_RATE
from models.guarantees.verdicts import Detectors
from training.evaluation.metrics.ranking import aurc, risk_coverage
from training.evaluation.plots.plot import BLUE, GREEN, GREY, ORANGE, Plot, sheet, tidy
from training.evaluation.predictor import PredictorEvaluation

_BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
"""Bounds on the error whose promise is drawn."""


def draw(evaluation: PredictorEvaluation) -> Figure:
    """Draw the curve between those of a perfect and of no ranking."""
    answers = evaluation.class_predictions
    wrong = answers.wrong.double()
    coverage = torch.arange(1, len(wrong) + 1) / len(wrong) * 100
    figure = sheet(4.8, 3.4)
    axes = figure.subplots()
    axes.plot(coverage, _percent(wrong, answers.entropy), color=BLUE, label="by predictive entropy")
    axes.plot(coverage, _percent(wrong, wrong), color=GREEN, linestyle="--", label="perfect ranking")
    axes.axhline(float(wrong.mean()) * 100, color=GREY, linestyle=":", label="no ranking")
    if (bounds := _promised(evaluation)) is not None:
        shares, errors = bounds
        axes.plot(shares, errors, ".", color=ORANGE, label="promised with 95 % confidence (max_error)")
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    title = f"Risk and coverage: AURC {aurc(wrong, answers.entropy):.4f}"
    tidy(axes, "coverage: least uncertain rows answered (%)", "error among them (%)", title)
    return figure


def _promised(evaluation: PredictorEvaluation) -> tuple[list[float], list[float]] | None:
    """Return what share of the calibration rows is accepted for each bound on the error, both in %."""
    detectors = None if evaluation.calibration is None else Detectors(evaluation.calibration)
    if detectors is None or detectors.rows.loss is None or detectors.find(evaluation.samples, evaluation.seed) is None:
        return None
    kept = []
    for bound in _BOUNDS:
        try:
            found = detectors.accept_below(evaluation.samples, bound, evaluation.seed)
        except RiskError:
            continue
        kept.append((100 * found.accepted * (1 - FALSE_ALARM_RATE), 100 * bound))
    return ([share for share, _ in kept], [error for _, error in kept]) if kept else None


def _percent(wrong: Tensor, uncertainty: Tensor) -> Tensor:
    return risk_coverage(wrong, uncertainty) * 100


PLOT = Plot(
    "risk-coverage",
    "Risk and coverage: the error among the least uncertain rows, by how many of them are answered; dots, what "
    "max_error promises from the calibration rows.",
    lambda evaluation: evaluation.task == "classification",
    draw,
)
