"""Calibration rows of a checkpoint: read as they were written, and refused where they could decide nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import CheckpointError
from models.guarantees.calibration import CLASS, CalibrationRows, read
from tests.calibrated import calibrated

ROWS = replace(
    calibrated([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]),
    groups={CLASS: np.array([0, 1, 1])},
    group_names={CLASS: ("cat", "dog")},
)
KIND = "mutual_information"


def again(rows: CalibrationRows) -> CalibrationRows:
    return read(rows.serialise(), rows.summary())


def with_evidence(position: int, *values: float) -> CalibrationRows:
    changed = ROWS.evidence[KIND].copy()
    changed[position] = values
    return replace(ROWS, evidence={KIND: changed})


def test_rows_are_read_as_they_were_written() -> None:
    np.testing.assert_equal(again(ROWS).evidence, ROWS.evidence)
    np.testing.assert_equal(again(ROWS).groups, ROWS.groups)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_evidence_that_some_rows_lack_is_refused(value: float) -> None:
    with pytest.raises(CheckpointError, match="mutual_information holds NaN or infinity beside numbers"):
        again(with_evidence(3, 0.1, value, 0.3))


def test_draws_that_no_evidence_speaks_of_are_refused() -> None:
    with pytest.raises(CheckpointError, match="no evidence after 50 draws"):
        again(with_evidence(3, np.nan, np.nan, np.nan))


@pytest.mark.parametrize("group", [-1, 2])
def test_a_group_without_a_name_is_refused(group: int) -> None:
    with pytest.raises(CheckpointError, match=r"groups/class holds others than the 2 that the manifest names"):
        again(replace(ROWS, groups={CLASS: np.array([0, group, 1])}))
