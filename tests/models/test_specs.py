"""Which inputs are taken, and what a refusal says."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import InputShapeError, InputValueError
from models.specs import VOID, InputSpec, OutputSpec

DIGITS = InputSpec("image", (1, 8, 8), (8.0,), (4.0,), 0.0, 16.0)
SERIES = InputSpec("sequence", (5, 2), (1.0, 10.0), (2.0, 4.0), names=("a", "b"))
TABLE = InputSpec("table", (3,), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0))


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 8, 8), (5, 64)])
def test_the_same_rows_in_every_shape_allowed(shape: tuple[int, ...]) -> None:
    values = torch.arange(5 * 64).remainder(17)
    rows = DIGITS.rows(values.reshape(shape))
    assert rows.dtype == torch.float32
    assert torch.equal(rows, values.reshape(5, 1, 8, 8).float())


@pytest.mark.parametrize("shape", [(64,), (8, 8), (5, 63), (5, 8, 8, 1), (0, 64), (5, 1, 1, 8, 8), ()])
def test_other_shapes_are_refused_with_what_was_given_and_what_is_allowed(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputShapeError, match=r"\(rows, 1, 8, 8\) or \(rows, 64\)") as refused:
        DIGITS.rows(torch.zeros(shape))
    assert str(shape) in str(refused.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.125, 16.0625, 1e30])
def test_a_bad_value_is_named_by_its_place_and_not_echoed(value: float) -> None:
    rows = torch.zeros(4, 1, 8, 8)
    rows[2, 0, 3, 7] = value
    with pytest.raises(InputValueError, match=r"^1 values .*/inputs/2/0/3/7;.*numbers from 0 to 16$") as refused:
        DIGITS.rows(rows)
    text = str(refused.value)
    assert not any(echo in text for echo in ("nan", "inf", "-0.125", "16.0625", "1e+30", "1000"))


def test_the_place_is_in_the_shape_that_was_sent() -> None:
    rows = torch.zeros(2, 64)
    rows[1, 30:33] = math.nan
    with pytest.raises(InputValueError, match=r"^3 values .*/inputs/1/30;"):
        DIGITS.rows(rows)


def test_limits_belong_to_the_range() -> None:
    assert DIGITS.rows(torch.tensor([0.0, 16.0]).repeat(1, 32)).max() == 16


def test_without_limits_any_finite_number_will_do() -> None:
    assert TABLE.rows(torch.tensor([[1e30, -1e30, 0.0]])).shape == (1, 3)
    for value in (math.nan, math.inf):
        with pytest.raises(InputValueError, match="finite float32 numbers"):
            TABLE.rows(torch.full((1, 3), value))


def test_a_number_too_large_for_float32_is_refused() -> None:
    with pytest.raises(InputValueError, match="inputs/0/1"):
        TABLE.rows(torch.tensor([[0.0, 1e300, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize(("low", "high", "bad"), [(0.0, None, -1.0), (None, 5.0, 6.0)])
def test_one_limit_alone_counts(low: float | None, high: float | None, bad: float) -> None:
    spec = msgspec.structs.replace(TABLE, low=low, high=high)
    assert len(spec.rows(torch.ones(1, 3))) == 1
    with pytest.raises(InputValueError, match="inputs/0/0"):
        spec.rows(torch.full((1, 3), bad))


def test_standardise() -> None:
    torch.testing.assert_close(TABLE.standardise(torch.tensor([[2.0, 2.0, -1.0]])), torch.tensor([[1.0, 0.0, -2.0]]))
    torch.testing.assert_close(DIGITS.standardise(torch.full((2, 1, 8, 8), 16.0)), torch.full((2, 1, 8, 8), 2.0))


@pytest.mark.parametrize("spec", [DIGITS, TABLE], ids=["image", "table"])
def test_the_network_sees_examples_as_zeros(spec: InputSpec) -> None:
    example = spec.example(3)
    assert example.shape == (3, *spec.shape)
    assert not spec.standardise(spec.rows(example)).any()


def test_a_sequence_is_standardised_feature_by_feature() -> None:
    rows = SERIES.rows(torch.tensor([3.0, 18.0]).repeat(4, 5))
    assert rows.shape == (4, 5, 2)
    torch.testing.assert_close(SERIES.standardise(rows), torch.tensor([1.0, 2.0]).expand(4, 5, 2))


def test_a_segmentation_is_a_classification_of_pixels() -> None:
    assert OutputSpec("segmentation", ("a", "b")).outcome == "classification"
    assert OutputSpec("multilabel", ("a", "b")).outcome == "multilabel"


def test_targets_as_a_likelihood_sees_them() -> None:
    labels = torch.tensor([[0, 11], [2, 1]])
    assert torch.equal(OutputSpec("segmentation", ("a", "b", "c")).standardise(labels), labels)
    ignoring = OutputSpec("segmentation", ("a", "b", "c"), ignore=11)
    assert ignoring.standardise(labels).tolist() == [[0, VOID], [2, 1]]
    in_units = OutputSpec("regression", ("a [mm]", "b [kg]"), (150.0, -2.0), (70.0, 0.1))
    torch.testing.assert_close(in_units.standardise(torch.tensor([[220.0, -1.9]])), torch.ones(1, 2))


RAGGED = msgspec.structs.replace(SERIES, ragged=True)
PULSES = InputSpec("sequence", (4, 1), low=0.0, high=300.0, ragged=True)


def test_shorter_sequences_end_in_nan() -> None:
    rows = RAGGED.pad([np.ones((2, 2)), np.zeros((5, 2))])
    assert (rows.shape, rows.dtype) == ((2, 5, 2), np.float32)
    assert np.isnan(rows[0, 2:]).all()
    assert not np.isnan(rows[0, :2]).any()
    assert not np.isnan(rows[1]).any()
    assert np.array_equal(RAGGED.check_rows(np.ones((3, 2, 2)))[:, 2:], np.full((3, 3, 2), np.nan), equal_nan=True)
    assert np.array_equal(PULSES.check_rows(np.array([[70, 71]]))[0, :, 0], [70, 71, np.nan, np.nan], equal_nan=True)
    standardised = RAGGED.standardise(torch.from_numpy(rows))
    assert bool(standardised[0, 2:].isnan().all())


@pytest.mark.parametrize(
    ("spec", "rows", "said"),
    [
        (SERIES, [np.ones((2, 2)), np.ones((5, 2))], "the rows of inputs differ in shape; allowed is (5, 2) for each"),
        (RAGGED, [np.ones((5, 2)), np.ones((6, 2))], "row 1 of inputs has shape (6, 2); allowed is (steps, 2) with 1"),
        (RAGGED, [np.ones((0, 2))], "row 0 of inputs has shape (0, 2)"),
        (RAGGED, [np.ones((2, 3))], "row 0 of inputs has shape (2, 3)"),
        (RAGGED, [np.ones(4)], "row 0 of inputs has shape (4,)"),
        (RAGGED, [], "inputs have shape (0, 5, 2)"),
    ],
)
def test_sequences_that_cannot_be_padded_are_refused(spec: InputSpec, rows: list[NDArray[Any]], said: str) -> None:
    with pytest.raises(InputShapeError) as refused:
        spec.pad(rows)
    assert said in str(refused.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 301.0, 1e300])
def test_a_bad_value_of_a_shorter_sequence_has_its_place(value: float) -> None:
    with pytest.raises(InputValueError) as refused:
        PULSES.pad([np.ones((4, 1)), np.array([[1.0], [value]])])
    assert refused.value.pointer == "/inputs/1/1/0"
