"""Risk control: the share of a row's outcomes that is missed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.errors import LevelError
from models.guarantees.conformal import score_quantile
from models.guarantees.risk import RiskCurves, scores_needed

PARTS = 128


def test_the_threshold_that_each_share_of_a_row_needs() -> None:
    scores = torch.tensor([[0.4, 0.1, 0.9, 0.2], [0.5, 0.6, 0.7, 0.8]])
    wanted = torch.tensor([[True, True, False, True], [False] * 4])
    needed = scores_needed(scores, wanted, 3)
    assert needed[0].tolist() == pytest.approx([0.1, 0.2, 0.4])
    assert needed[1].isnan().all()


def test_with_one_outcome_a_row_it_is_the_conformal_quantile() -> None:
    scores = np.random.default_rng(0).random(99).astype(np.float32)
    needed = scores_needed(torch.from_numpy(scores)[:, None], torch.ones(99, 1, dtype=torch.bool), 1)
    curves = RiskCurves.fit(needed.T.numpy()[None, None])
    for level in (0.5, 0.9, 0.99):
        got = curves.threshold(0, 0, level)
        assert score_quantile(scores, level) <= got <= score_quantile(scores, min(0.99, level + 0.011))


@pytest.mark.parametrize(("level", "rows"), [(0.9, 20), (0.9, 60), (0.8, 60)])
def test_new_rows_miss_no_larger_share_of_their_outcomes(level: float, rows: int) -> None:
    """Each row has its own number of outcomes, and some rows are much harder than others."""
    stream = np.random.default_rng(0)
    missed = []
    for _ in range(100):
        ease = stream.random((rows + 50, 1))
        scores = torch.from_numpy(stream.random((rows + 50, 40)) ** (4 * ease))
        wanted = torch.from_numpy(stream.random((rows + 50, 40)) < 0.2 + 0.5 * ease)
        needed = scores_needed(scores[:rows], wanted[:rows], PARTS)
        threshold = RiskCurves.fit(needed.T.numpy()[None, None].astype(np.float32)).threshold(0, 0, level)
        lost = ((scores[rows:] > threshold) & wanted[rows:]).sum(1) / wanted[rows:].sum(1)
        missed.append(float(lost.nanmean()))
    slack = 0.02 + 1 / (rows + 1)  # what so few rows are too coarse for
    assert 1 - level - slack < np.mean(missed) < 1 - level + 3 * np.std(missed) / math.sqrt(len(missed))


def test_too_few_rows_of_a_class_are_refused_with_the_number_it_takes() -> None:
    needed = torch.full((2, PARTS, 30), 0.5)
    needed[1, :, 7:] = math.nan  # only 7 rows have it
    curves = RiskCurves.fit(needed.numpy()[None])
    assert curves.rows.tolist() == [30, 7]
    assert curves.threshold(0, 0, 0.9) == pytest.approx(0.5)
    with pytest.raises(LevelError, match=r"7 calibration rows of 'car', as it takes 9"):
        curves.threshold(0, 1, 0.9, " of 'car'")
