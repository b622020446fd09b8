"""A level that holds in every group."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import LevelError
from models.guarantees.conditional import quantiles_by_group
from models.guarantees.conformal import score_quantile

SCORES = np.arange(40, dtype=np.float32)
GROUPS = np.arange(40) // 30


def test_each_group_has_the_quantile_of_its_rows() -> None:
    got = quantiles_by_group(SCORES, 0.9, GROUPS, ("many", "few"))
    assert got.tolist() == [score_quantile(SCORES[:30], 0.9), score_quantile(SCORES[30:], 0.9)]


def test_a_group_of_too_few_rows_is_refused_by_its_name_unless_nobody_asks() -> None:
    with pytest.raises(LevelError, match=r"0.95 is too high for 10 calibration rows of 'few', as it takes 19;"):
        quantiles_by_group(SCORES, 0.95, GROUPS, ("many", "few"))
    got = quantiles_by_group(SCORES, 0.95, GROUPS, ("many", "few"), [0])
    assert np.isnan(got).tolist() == [False, True]
