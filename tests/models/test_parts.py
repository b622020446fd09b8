"""Rows of several parts: packed and unpacked, checked and standardised as each part alone is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import InputShapeError, InputValueError
from models.parts import describe_parts, join_parts, pack, unpack
from models.prediction.reference import coarse_inputs
from models.specs import InputSpec

SCAN = InputSpec("image", (2, 3, 4), (1.0, 2.0), (4.0, 8.0), 0.0, 255.0)
NOTE = InputSpec("tokens", (5,), low=0.0, high=2.0**24 - 1)
TABLE = InputSpec("table", (3,), (1.0, 2.0, 3.0), (2.0, 2.0, 2.0))
DEPTH = InputSpec("table", (1,))
SPEC = join_parts({"scan": SCAN, "note": NOTE, "patient": TABLE, "depth": DEPTH})


def arrays(rows: int = 4) -> dict[str, np.ndarray]:
    stream = np.random.default_rng(0)
    return {
        "depth": stream.standard_normal(rows).astype(np.float32),
        "patient": stream.standard_normal((rows, 3)).astype(np.float32),
        "note": stream.integers(0, 2**24, (rows, 5)),
        "scan": stream.integers(0, 256, (rows, 24)).astype(np.uint8),  # flat, as every input may be
    }


def test_rows_come_apart_as_they_were_whatever_the_order_of_the_arrays() -> None:
    given = arrays()
    rows = pack(SPEC, given)
    assert (rows.shape, SPEC.shape, SPEC.size) == ((4, 33), (33,), 33)
    apart = unpack(SPEC, rows)
    assert list(apart) == ["scan", "note", "patient", "depth"]
    assert apart["scan"].shape == (4, 2, 3, 4)
    for name, array in given.items():
        assert (apart[name].reshape(array.shape) == array).all()  # ids up to 2^24 among them
    assert describe_parts(SPEC) == "scan (image 2 x 3 x 4), note (tokens 5), patient (table 3) and depth (table 1)"


def test_each_part_is_standardised_and_compared_as_alone() -> None:
    rows = torch.from_numpy(pack(SPEC, arrays()))
    standard = SPEC.standardise(rows)
    parts = SPEC.split(rows)
    torch.testing.assert_close(standard, torch.cat([one.standardise(x).flatten(1) for one, x in parts], 1))
    assert (SPEC.standardise(SPEC.example(2)) == 0).all()
    alone = [coarse_inputs(part.standardise(x), part) for part, x in parts]
    assert [one.shape[1] for one in alone] == [24, 0, 3, 1]
    together = coarse_inputs(standard, SPEC)
    weighed = torch.cat([one / one.shape[1] ** 0.5 for one in alone if one.numel()], 1)
    torch.testing.assert_close(together, weighed)


def test_positions_are_those_of_pictures_alone() -> None:
    assert SPEC.grids == SCAN.grids == ((3, 4),)
    assert TABLE.grids == NOTE.grids == ()
    rows = torch.from_numpy(pack(SPEC, arrays()))
    found, pixels = SPEC.with_grid((3, 4), rows)
    assert (found, pixels.shape) == (SCAN, (4, 2, 3, 4))
    assert SCAN.with_grid((3, 4), pixels)[1] is pixels


@pytest.mark.parametrize(
    ("changed", "error", "words", "pointer"),
    [
        ({"patient": np.zeros((4, 2))}, InputShapeError, "patient: inputs have shape (4, 2)", "/inputs/0/patient"),
        ({"patient": np.zeros((3, 3))}, InputShapeError, "different numbers of rows: depth 4, patient 3", "/inputs"),
        ({"patients": np.zeros((4, 3))}, InputShapeError, "no input 'patients'; did you mean 'patient'?", "/inputs"),
        ({"note": np.full((4, 5), 2**24)}, InputValueError, "note: 20 values are not allowed", "/inputs/0/note/0"),
        ({"scan": np.full((4, 24), np.nan)}, InputValueError, "first at /inputs/0/scan/0", "/inputs/0/scan/0"),
        ({"scan": np.full((4, 24), "a")}, InputShapeError, "scan: inputs are <U1; allowed are numbers", "/inputs"),
        ({"scan": np.float32(1)}, InputShapeError, "different numbers of rows", "/inputs"),
    ],
)
def test_what_is_wrong_is_named(
    changed: dict[str, np.ndarray], error: type[InputShapeError | InputValueError], words: str, pointer: str
) -> None:
    with pytest.raises(error) as refused:
        pack(SPEC, arrays() | changed)
    assert words in str(refused.value)
    assert refused.value.pointer == pointer


def test_a_part_that_is_missing_and_a_vector_of_another_length_are_refused() -> None:
    given = arrays()
    del given["depth"]
    with pytest.raises(InputShapeError, match=r"^depth missing; a row has scan"):
        pack(SPEC, given)
    with pytest.raises(InputShapeError, match="allowed is"):
        SPEC.check_rows(np.zeros((2, 34)))
    with pytest.raises(InputValueError, match=r"^scan: 1 values"):
        SPEC.check_rows(np.eye(1, 33) * 256)
