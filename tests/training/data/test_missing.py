"""Missing values: one list of marks for every kind of column, refused unless the user says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from training import data
from training.data import Dataset, Options
from training.data.options import NA_VALUES
from training.errors import DataError

N = 80


@pytest.fixture
def load(csv_file):
    """Loads a table whose eighth, sixteenth and so on row has a mark in a column."""

    def load(mark: str, name: str, **options: object) -> Dataset:
        rows = [
            {"size": i * i % 71, "colour": ("red", "blue")[i % 2], "sold": f"2024-01-{1 + i % 28:02}"} for i in range(N)
        ]
        for i in range(7, N, 8):
            rows[i][name] = mark
        lines = [f"{row['size']},{row['colour']},{row['sold']},{i}" for i, row in enumerate(rows)]
        return data.load(
            str(csv_file("size,colour,sold,price", *lines)), options=Options(**({"target": "price"} | options))
        )

    return load


@pytest.mark.parametrize("name", ["size", "colour", "sold"])
@pytest.mark.parametrize("mark", ["", "  ", *NA_VALUES, "none", "NULL", "nan"])
def test_every_mark_is_missing_in_every_kind_of_column(mark: str, name: str, load) -> None:
    with pytest.raises(DataError) as caught:
        load(mark, name)
    said = str(caught.value)
    assert said.startswith(f"data.csv: column {name!r}, 10 cells count as missing: ")
    assert "row 8 (line 9)" in said
    assert "--missing impute or --missing drop-rows" in said
    assert ("--na-values" in said) == bool(mark.strip())


def test_rows_are_dropped_on_request_and_counted(load) -> None:
    dataset = load("NA", "colour", missing="drop-rows")
    assert (
        sum(len(part.inputs) for part in (dataset.train, dataset.validation, dataset.calibration, dataset.test)) == 70
    )
    assert dataset.notes[0] == "10 of 80 rows have a missing value and are dropped (--missing drop-rows)"
    assert dataset.arguments.endswith(" --missing drop-rows")


@pytest.mark.parametrize("name", ["size", "colour", "sold"])
def test_values_are_filled_from_the_training_rows_and_marked(name: str, load) -> None:
    dataset = load("?", name, missing="impute")
    column = next(column for column in dataset.inputs.table.columns if column.name == name)
    marked = dataset.inputs.names.index(f"{name} missing")
    assert dataset.train.inputs[:, marked].sum() > 0
    if name == "size":
        known = dataset.train.inputs[dataset.train.inputs[:, marked] == 0, 0]
        assert column.fill == pytest.approx(float(np.median(known)))
        assert (dataset.test.inputs[dataset.test.inputs[:, marked] == 1, 0] == column.fill).all()
    assert any(f"column {name!r} lacks 10 values" in note for note in dataset.notes)
    assert [other.fill for other in dataset.inputs.table.columns if other.name != name] == [None, None]


def test_a_mark_can_be_a_value_and_a_number_a_mark(load) -> None:
    dataset = load("NA", "colour", na_values="")
    assert dataset.inputs.table.columns[1].categories == ("NA", "blue", "red")
    assert dataset.inputs.table.na_values == ()
    filled = load("-999.0", "size", na_values="-999,x", missing="impute")
    assert filled.inputs.table.columns[0].low >= 0
    assert filled.inputs.table.na_values == ("-999", "x")
    with pytest.raises(DataError, match="10 cells are not a number: 'NA' in row 8"):
        load("NA", "size", na_values="-999")


def test_a_target_is_never_filled(load) -> None:
    with pytest.raises(
        DataError, match=r"column 'size', 10 cells count as missing: .*leave out the row, as --missing drop"
    ):
        load("", "size", target="size", missing="impute")
    dataset = load("", "size", target="size", missing="drop-rows")
    assert bool(dataset.train.targets.isfinite().all())
