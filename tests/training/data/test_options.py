"""Options and paths: what is not understood is refused, and a name becomes part of a model's."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import data
from training.data import Options
from training.data.options import parse_size
from training.errors import DataError


def test_a_size_is_a_height_and_a_width() -> None:
    assert parse_size("180x240") == (180, 240)
    for wrong in ("180", "0x3", "3X4", "axb"):
        with pytest.raises(DataError, match=f"^--size {wrong} is not a height and a width such as 180x240$"):
            parse_size(wrong)


def test_options_are_written_as_they_are_typed() -> None:
    options = Options(target="my y", size=(3, 4), drop=("a", "b"), split=0)
    assert options.arguments() == " --target 'my y' --drop a --drop b --size 3x4 --split 0"


def test_options_of_a_path_are_refused_for_a_name(tiny_mnist: Path) -> None:
    with pytest.raises(DataError, match=r"^digits is bundled: --target does not apply to it; its options are: none$"):
        data.load("digits", options=Options(target="y"))
    with pytest.raises(DataError, match="--split does not apply"):
        data.load("mnist", tiny_mnist, Options(split=1))


def test_an_unknown_file_and_an_unknown_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("")
    with pytest.raises(
        DataError, match=r"a\.xlsx is not a file that can be read; \.csv, \.parquet, \.feather and \.npz can$"
    ):
        data.load(str(tmp_path / "a.xlsx"))
    with pytest.raises(DataError, match=r"there is no data set 'a\.csv'; there are: .*; and no file or folder of that"):
        data.load("a.csv")
    with pytest.raises(DataError, match="leave --data-dir out"):
        data.load(str(tmp_path), tmp_path)
