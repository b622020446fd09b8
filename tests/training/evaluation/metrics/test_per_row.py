"""Contributions of rows: their mean is the figure as it is computed elsewhere, and their spread is its error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from training.evaluation.metrics.calibration import ece
from training.evaluation.metrics.intervals import picp
from training.evaluation.metrics.per_row import auroc, calibration_error, distance_from, ratio, root
from training.evaluation.metrics.ranking import auroc as ranked_auroc

ROWS = 600
RANDOM = np.random.default_rng(0)
PROBS = torch.from_numpy(RANDOM.dirichlet(np.ones(3), ROWS))
LABELS = torch.from_numpy(RANDOM.integers(0, 3, ROWS))
ERRORS = torch.from_numpy(RANDOM.normal(size=(ROWS, 2)))
SCORES, OTHERS = (torch.from_numpy(RANDOM.integers(0, 30, ROWS) + shift).double() for shift in (0, 8))


def rmse(errors: Tensor) -> Tensor:
    known = ~errors.isnan()
    return root(ratio(errors.square().where(known, 0.0).sum(-1), known.sum(-1)))


def test_the_mean_is_the_figure_as_it_is_computed_elsewhere() -> None:
    holes = ERRORS.where(torch.from_numpy(RANDOM.random((ROWS, 2)) > 0.3), torch.nan)
    holes[:, 0] = ERRORS[:, 0]
    assert float(rmse(holes).mean()) == pytest.approx(float(holes.square().nanmean().sqrt()))
    assert float(calibration_error(PROBS, LABELS).mean()) == pytest.approx(ece(PROBS, LABELS), abs=1e-6)
    usual, others = auroc(SCORES, OTHERS)
    assert float(usual.mean()) == pytest.approx(float(others.mean()))
    assert float(usual.mean()) == pytest.approx(ranked_auroc(SCORES, OTHERS), abs=1e-6)
    held = (ERRORS.abs() < 1.2).sum(-1)
    gap = distance_from(ratio(held, torch.full((ROWS,), 2)), 0.9)
    low, high = torch.full_like(ERRORS, -1.2), torch.full_like(ERRORS, 1.2)
    assert float(gap.mean()) == pytest.approx(abs(picp(ERRORS, low, high) - 0.9))


def test_errors_of_nothing_are_nothing() -> None:
    assert rmse(torch.zeros(4, 1)).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("contributions", "figure"),
    [
        (rmse(ERRORS), lambda rows: ERRORS[rows].square().mean().sqrt()),
        (calibration_error(PROBS, LABELS), lambda rows: calibration_error(PROBS[rows], LABELS[rows]).mean()),
        (auroc(SCORES, OTHERS)[0], lambda rows: auroc(SCORES[rows], OTHERS)[0].mean()),
    ],
    ids=["rmse", "ece", "auroc"],
)
def test_the_spread_is_that_of_the_figure_on_rows_drawn_again(
    contributions: Tensor, figure: Callable[[Tensor], Tensor]
) -> None:
    drawn = torch.from_numpy(RANDOM.integers(0, ROWS, (400, ROWS)))
    bootstrap = torch.stack([figure(rows) for rows in drawn]).std()
    assert float(contributions.std()) / ROWS**0.5 == pytest.approx(float(bootstrap), rel=0.15)
