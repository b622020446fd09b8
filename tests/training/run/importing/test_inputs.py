"""What the command line says of a row, and the range of values that follows."""

from __future__ import annotations

import pytest

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
