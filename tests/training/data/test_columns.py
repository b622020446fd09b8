"""What becomes of a column: by its values, by its name, or as the user says; never in silence."""

from __future__ import annotations

import numpy as np
import pytest

from models.columns import Column
from training import data
from training.data import Dataset, Options
from training.errors import DataError

N = 60
SIZE = [f"{i * i % 59}.5" for i in range(N)]
DAYS = [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(N)]
EUROPEAN = [".".join(reversed(day.split("-"))) for day in DAYS]
MIDDAYS = [f"{1 + i // 28:02}/{1 + i % 12:02}/2024" for i in range(N)]
COUNTED = [str(1001 + i) for i in range(N)]
COLOURS = [("red", "blue", "green")[i % 3] for i in range(N)]


@pytest.fixture
def load(csv_file):
    """Loads a table of a size, one column of the test's, and a price."""

    def load(values: list[str], name: str = "it", **options: object) -> Dataset:
        quoted = ['"{}"'.format(value.replace('"', '""')) for value in values]
        lines = [f"{size},{value},{i}" for i, (size, value) in enumerate(zip(SIZE, quoted, strict=True))]
        path = csv_file(f"size,{name},price", *lines, name="shop.csv")
        return data.load(str(path), options=Options(**({"target": "price"} | options)))

    return load


def column(dataset: Dataset, name: str = "it") -> Column:
    return next(column for column in dataset.inputs.table.columns if column.name == name)


LEFT_OUT = {
    "counts the rows": (COUNTED, "it", "an identifier: it counts the rows, from 1001 to 1060"),
    "identifier by its name": ([str(i * i) for i in range(N)], "Order ID", "an identifier by its name: 60 different"),
    "beyond float32": ([str(2**53 + 7 * i) for i in range(N)], "it", "an identifier: 60 different whole numbers"),
    "timestamps in a second": (
        [f"{1.7e9 + i / 1000:.3f}" for i in range(N)],
        "it",
        "float32 cannot tell its values apart",
    ),
    "texts": ([f"b-{i}" for i in range(N)], "it", "an identifier or free text: 60 different values in 60 rows"),
    "nearly all different": ([f"b-{max(i, 4)}" for i in range(N)], "it", "an identifier or free text: 56 different"),
    "constant": (["7"] * N, "it", "constant: '7' in every training row"),
    "constant or missing": (["x", "NA"] * 30, "it", "constant: 'x' in every training row"),
    "empty": (["", "NA"] * 30, "it", "it has no value in any training row"),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_a_column_that_says_nothing_is_left_out_with_its_reason(kind: str, load) -> None:
    values, name, reason = LEFT_OUT[kind]
    dataset = load(values, name)
    (left_out,) = dataset.inputs.table.left_out
    assert left_out.name == name
    assert left_out.reason.startswith(reason)
    (note,) = (note for note in dataset.notes if f"column {name!r} is left out: {reason}" in note)
    assert (f"--keep {name}" in note) == (kind != "empty")  # which nothing can make a feature
    assert [finding.becomes[:9] for finding in dataset.findings] == ["1 feature", "left out:", "what is p"]


@pytest.mark.parametrize("kind", ["counts the rows", "identifier by its name", "constant"])
def test_keep_uses_it_all_the_same(kind: str, load) -> None:
    values, name, _ = LEFT_OUT[kind]
    dataset = load(values, name, keep=(name,))
    assert column(dataset, name).kind == "number"
    assert dataset.inputs.table.left_out == ()


KINDS: dict[str, tuple[list[str], dict[str, object], Column]] = {
    "years count, but are no rows": (
        [str(1950 + i) for i in range(N)],
        {},
        Column("it", "number", low=1950, high=2009),
    ),
    "ISO dates": (DAYS, {}, Column("it", "date", cycles=("year", "week"))),
    "ISO with times": ([f"{DAYS[0]}T{i % 24:02}:00:00Z" for i in range(N)], {}, Column("it", "date", cycles=("day",))),
    "dates with a day of 13 or more": (
        EUROPEAN,
        {},
        Column("it", "date", cycles=("year", "week"), date_format="%d.%m.%Y"),
    ),
    "dates as whole numbers": (
        [day.replace("-", "") for day in DAYS],
        {},
        Column("it", "date", cycles=("year", "week"), date_format="%Y%m%d"),
    ),
    "named months": (
        [f"{1 + i // 28} May {1950 + i}" for i in range(N)],
        {},
        Column("it", "date", cycles=("year", "week"), date_format="%d %b %Y"),
    ),
    "months": (
        [f"{1990 + i // 12}-{1 + i % 12:02}" for i in range(N)],
        {},
        Column("it", "date", cycles=("year",), date_format="%Y-%m"),
    ),
    "ambiguous, but told": (
        MIDDAYS,
        {"date_format": ("it=%m/%d/%Y",)},
        Column("it", "date", cycles=("year", "week"), date_format="%m/%d/%Y"),
    ),
    "dates as names": (DAYS[:10] * 6, {"categorical": ("it",)}, Column("it", "category", categories=tuple(DAYS[:10]))),
    "codes": (["01234", "4321", "99999"] * 20, {}, Column("it", "category", categories=("01234", "4321", "99999"))),
    "codes as numbers": (["01", "2", "9"] * 20, {"numeric": ("it",)}, Column("it", "number", low=1, high=9)),
    "booleans": (["True", "FALSE"] * 30, {}, Column("it", "category", categories=("FALSE", "True"))),
    "whole numbers with decimals": (
        ["1.0", "2", "3.00"] * 20,
        {"categorical": ("it",)},
        Column("it", "category", categories=("1", "2", "3")),
    ),
    "unknown is a word": (["unknown", "a"] * 30, {}, Column("it", "category", categories=("a", "unknown"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_decide_on_the_kind_unless_the_user_does(kind: str, load) -> None:
    values, options, expected = KINDS[kind]
    found = column(load(values, **options))
    assert (found.kind, found.categories, found.cycles, found.date_format) == (
        expected.kind,
        expected.categories,
        expected.cycles,
        expected.date_format,
    )
    if expected.kind == "number":
        assert expected.low <= found.low < found.high <= expected.high


SIGNS = ("", "\N{MINUS SIGN}")
REFUSED: dict[str, tuple[list[str], str]] = {
    "day or month": (
        MIDDAYS,
        r"with the day or the month first: .*--date-format it=%d/%m/%Y or --date-format it=%m/%d/%Y",
    ),
    "two kinds of dates": (
        [*DAYS[:-1], "31.12.2024"],
        r"'31.12.2024' is no date as 2024-12-31; another format is told",
    ),
    "thousands": ([f"{i},000" for i in range(N)], r"if it groups thousands, --thousands ,"),
    "percent": ([f"{i} %" for i in range(N)], "are not written as a number"),
    "more names than can be learnt": (
        [f"b-{i}" for i in range(N)],
        "has 60 different values; at most 30 of these rows can",
    ),
    "numbers with their unit": ([f"{i % 12} kg" for i in range(N)], r"write 'kg' into the header, as in 'it \(kg\)'"),
    "quarters": (
        [f"{2000 + i // 4}Q{1 + i % 4}" for i in range(N)],
        r"cells are a time in no format that is known: '2000Q1' in row 1 .*; write dates as 2024-12-31 or name their"
        r" format with --date-format it=FORMAT, and times as numbers; or say --categorical it or --drop it",
    ),
    "minus signs of books": (
        [f"{SIGNS[i % 2]}{i}" for i in range(N)],
        "; write sign, digits and a decimal point alone",
    ),
    "exponents behind a comma": ([f"1,{i}e+02" for i in range(10, 10 + N)], "say --decimal ,"),
    "infinite": (["inf", *SIZE[1:]], "'inf' is not a finite float32 number"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(kind: str, load) -> None:
    values, said = REFUSED[kind]
    with pytest.raises(DataError, match=said):
        load(values, keep=("it",))


DOUBTS: dict[str, tuple[list[str], str, str]] = {
    "a number for missing": (
        ["-999" if i % 9 == 4 else str(i % 7) for i in range(N)],
        "it",
        "-999 in 7 rows, far from",
    ),
    "an identifier that repeats": ([str(1000 + i // 4) for i in range(N)], "patient_id", "named like an identifier"),
    "some time zones": ([f"{day}T00:00{'Z' * (i % 2)}" for i, day in enumerate(DAYS)], "it", "without a time zone"),
}


@pytest.mark.parametrize("kind", DOUBTS)
def test_values_that_may_mean_something_else_are_taken_as_they_are_and_said(kind: str, load) -> None:
    values, name, said = DOUBTS[kind]
    dataset = load(values, name)
    assert [said in note for note in dataset.notes if repr(name) in note].count(True) == 1
    assert not any(said in note for note in load(SIZE[::-1], "width").notes)


def test_points_that_may_group_thousands_are_said(csv_file) -> None:
    lines = [f"{i % 7};{100 + i}.{100 + 7 * i}" for i in range(N)]
    path = str(csv_file("size;price", *lines, name="german.csv"))
    said = "column 'price' has three digits after every point, which are taken for decimals"
    assert any(note.startswith(said) for note in data.load(path, options=Options(target="price")).notes)
    dataset = data.load(path, options=Options(target="price", thousands=".", decimal=","))
    assert not any(said in note for note in dataset.notes)
    assert dataset.train.targets.min() > 100_000


def test_units_are_read_from_the_header(load) -> None:
    for name, unit in (("width [cm]", "cm"), ("heat in °C", "°C"), ("width", "")):
        assert column(load(SIZE, name), name).unit == unit


def test_a_rare_category_is_trained_on_and_said(load) -> None:
    for row in range(0, N, 7):
        dataset = load([colour if i != row else "violet" for i, colour in enumerate(COLOURS)])
        violet = dataset.inputs.names.index("it=violet")
        assert dataset.train.inputs[:, violet].sum() == 1
        assert "column 'it' has categories of one row, which is trained on: violet" in dataset.notes


def test_slips_of_writing_and_leaks_are_said(load) -> None:
    slips = load(["Red" if i == 4 else "blue " if i % 2 else "red" for i in range(N)])
    assert column(slips).categories == ("Red", "blue", "red")
    assert (
        "column 'it' has categories that differ only in case, spaces or the form of accents: 'Red', 'red'"
        in slips.notes
    )
    leak = load([str(3 * i * i % 7) for i in range(N)], target="it", task="classification")
    assert not any("away" in note for note in leak.notes)
    twin = load([f"{-7 * i}" for i in range(N)], keep=("it",))
    assert any(note.startswith("column 'it' gives the target 'price' away") for note in twin.notes)


def test_a_column_of_the_wrong_name_is_refused_with_the_nearest(load) -> None:
    for option in ("drop", "categorical", "numeric", "keep"):
        with pytest.raises(DataError, match=r"has no column 'sise'; it has: size, it, price; did you mean 'size'\?"):
            load(COLOURS, **{option: ("sise",)})
    with pytest.raises(DataError, match="--categorical and --numeric are both given for 'it'; one is allowed"):
        load(COLOURS, categorical=("it",), numeric=("it",))
    with pytest.raises(DataError, match="--date-format it is not COLUMN=FORMAT"):
        load(COLOURS, date_format=("it",))


def test_ranges_are_those_of_the_training_rows(load) -> None:
    dataset = load(COLOURS)
    size = column(dataset, "size")
    train = dataset.train.inputs[:, 0]
    assert np.float32(size.low) == train.min()
    assert np.float32(size.high) == train.max()
