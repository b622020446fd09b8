"""What the command line says of a row, and the range of values that follows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.importing.inputs import Bits, parse_inputs


@pytest.mark.parametrize(
    ("scale", "span", "bits", "expected"),
    [
        ((1.0,), (), None, (255.0, 0.0, 255.0, 8)),
        ((65535.0,), (), None, (65535.0, 0.0, 65535.0, 16)),
        ((1.0,), (0.0, 65535.0), None, (65535.0, 0.0, 65535.0, 16)),
        ((1.0,), (0.0, 1.0), None, (1.0, 0.0, 1.0, None)),
        ((500.0,), (-1000.0, 3000.0), None, (500.0, -1000.0, 3000.0, None)),
        ((255.0,), (), "any", (255.0, 0.0, 255.0, None)),
    ],
)
def test_the_range_of_pixels_follows_from_what_is_said(
    scale: tuple[float, ...],
    span: tuple[float, ...],
    bits: Bits | None,
    expected: tuple[float, float, float, int | None],
) -> None:
    spec, told = parse_inputs("image:1x4x5", (), scale, span, bits)
    assert spec.picture is not None
    assert (spec.scale[0], spec.low, spec.high, spec.picture.bits) == expected
    assert f"{spec.high:g}" in told
    assert ("--range says another" in told) == (not span)


def test_a_volume_has_a_mean_for_each_channel() -> None:
    spec, _ = parse_inputs("volume:2x3x4x5", (1.0, 2.0), (3.0, 4.0), ())
    assert spec.standardise(spec.example(2)).abs().max() == 0
    assert spec.example(2).shape == (2, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "span", "bits", "expected"),
    [
        ("volume:1x4x4", (), None, "volume:1x32x64x64"),
        ("image:1x4x4", (3.0, 1.0), None, "--range takes the smallest and the largest value"),
        ("image:1x4x4", (3.0,), None, "--range takes the smallest and the largest value"),
        ("table:3", (), "8", "--bits is of picture files"),
    ],
)
def test_what_is_not_understood_is_refused(
    text: str, span: tuple[float, ...], bits: Bits | None, expected: str
) -> None:
    with pytest.raises(ImportModelError, match=expected):
        parse_inputs(text, (), (), span, bits)


def schema(folder: Path, **fields: object) -> str:
    path = folder / "rows.json"
    path.write_text(json.dumps({"kind": "table", "shape": [2], **fields}), encoding="utf-8")
    return str(path)


def test_a_file_says_what_a_command_line_cannot(tmp_path: Path) -> None:
    spec, told = parse_inputs(schema(tmp_path, names=["age", "dose [mg]"], mean=[48, 12], scale=[13, 4], low=0), (), ())
    assert spec == InputSpec("table", (2,), (48.0, 12.0), (13.0, 4.0), 0.0, names=("age", "dose [mg]"))
    assert told == "a row is a table of shape (2,), as rows.json says: age, dose [mg]"
    columns = [{"name": "age", "kind": "number"}, {"name": "sex", "kind": "category", "categories": ["f", "m"]}]
    spec, _ = parse_inputs(schema(tmp_path, shape=[3], table={"columns": columns}), (), ())
    assert spec.table is not None
    assert spec.names == spec.table.features


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"kind": "outputs"}, "kind outputs is of no network"),
        ({"shape": [2, 3]}, "has 1 lengths of 1 or more; shape is [2, 3]"),
        ({"shape": [0]}, "Expected `int` >= 1 - at `$.shape[0]`"),
        ({"mean": [1, 2, 3]}, "mean has 3 values; allowed are one, or one per feature"),
        ({"scale": [1, 0]}, "at `$.scale[1]`"),
        ({"names": ["a", "a"]}, "1 different names are given, for 2 features"),
        ({"names": ["a", "b"], "table": {"columns": [{"name": "a", "kind": "number"}]}}, "make the features ['a']"),
        ({"kind": "tokens"}, "tokens have low 0, high the largest id"),
        ({"kind": "sound"}, "is not what GET /models/NAME says of inputs"),
        ({"means": [1]}, "is not what GET /models/NAME says of inputs"),
    ],
)
def test_a_file_that_is_no_specification_is_refused(tmp_path: Path, fields: dict[str, object], fault: str) -> None:
    with pytest.raises(ImportModelError, match=re.escape(fault)):
        parse_inputs(schema(tmp_path, **fields), (), ())


def test_a_file_is_there_and_says_all(tmp_path: Path) -> None:
    with pytest.raises(ImportModelError, match="there is no such file"):
        parse_inputs(str(tmp_path / "none.json"), (), ())
    with pytest.raises(ImportModelError, match="leave out --mean"):
        parse_inputs(schema(tmp_path), (1.0,), ())
