"""CSV files: a stranger's columns become features, and every mistake is one line that says where it is."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from training import data
from training.data import Dataset, Options
from training.data.tables import published_splits
from training.errors import DataError

COLOURS = ("red", "green", "blue")
ROWS = [f"{2 * i},{COLOURS[i % 3]},{i},{'yes' if i % 4 else 'no'}" for i in range(60)]


def load(path: Path, **options: object) -> Dataset:
    return data.load(str(path), options=Options(**options))


def test_a_numeric_target_is_a_regression_in_its_own_units(csv_file) -> None:
    dataset = load(csv_file("n,colour,price,sold", *ROWS, name="My Shop.csv"), target="price")
    assert dataset.name == "my_shop"
    assert dataset.inputs.names == ("n", "colour=blue", "colour=green", "colour=red", "sold=no", "sold=yes")
    assert (dataset.outputs.task, dataset.outputs.names) == ("regression", ("price",))
    assert dataset.train.inputs[:, 0] / 2 == pytest.approx(dataset.train.targets[:, 0])
    assert dataset.outputs.mean == pytest.approx(dataset.train.targets.double().mean(0).tolist())
    assert dataset.inputs.scale[0] == pytest.approx(float(dataset.train.inputs[:, 0].double().std()))
    assert set(dataset.train.inputs[:, 1:4].sum(1).tolist()) == {1.0}
    assert [len(s.inputs) for s in (dataset.train, dataset.validation, dataset.calibration, dataset.test)] == [
        32,
        4,
        12,
        12,
    ]


def test_a_text_target_and_a_numeric_one_on_request_are_classes(csv_file) -> None:
    path = csv_file("n,colour,price,sold", *ROWS)
    dataset = load(path, target="sold")
    assert (dataset.outputs.task, dataset.outputs.names) == ("classification", ("no", "yes"))
    assert float(dataset.test.targets.double().mean()) == pytest.approx(0.75, abs=0.1)
    numbered = load(csv_file("x,level", *(f"{i},{(9, 10, 8)[i % 3]}" for i in range(60))), target="level")
    assert numbered.outputs.task == "regression"
    classes = load(
        csv_file("x,level", *(f"{i},{(9, 10, 8)[i % 3]}" for i in range(60))), target="level", task="classification"
    )
    assert classes.outputs.names == ("8", "9", "10")


def test_the_split_depends_on_the_rows_and_not_on_their_order(csv_file) -> None:
    first = load(csv_file("n,colour,price,sold", *ROWS), target="price").test.inputs
    shuffled = random.Random(0).sample(ROWS, len(ROWS))
    second = load(csv_file("n,colour,price,sold", *shuffled), target="price").test.inputs
    assert sorted(first[:, 0].tolist()) == sorted(second[:, 0].tolist())


def test_options_choose_columns(csv_file) -> None:
    dataset = load(csv_file("n,colour,price,sold", *ROWS), target="price", drop=("sold", "n"))
    assert dataset.inputs.names == ("colour=blue", "colour=green", "colour=red")
    codes = load(csv_file("code,y", *(f"{10 + i % 2},{i}" for i in range(60))), target="y", categorical=("code",))
    assert codes.inputs.names == ("code=10", "code=11")
    assert codes.arguments.endswith("data.csv --target y --categorical code")


def test_other_delimiters_quotes_and_a_byte_order_mark_are_read(csv_file) -> None:
    lines = [f'"{i}";"a; b"' if i % 2 else f"{i};c" for i in range(40)]
    assert load(csv_file("\ufeffx;kind", *lines), target="kind").outputs.names == ("a; b", "c")


def test_a_constant_column_has_scale_one(csv_file) -> None:
    assert (
        load(csv_file("a,b,y", *(f"{2 * i},0.1,{i}" for i in range(60))), target="y", keep=("b",)).inputs.scale[1]
        == 1.0
    )


def good(rows: int = 30) -> list[str]:
    return [f"{i},{COLOURS[i % 3]},{i}" for i in range(rows)]


def spoilt(row: int, line: str) -> tuple[str, ...]:
    return ("age,colour,y", *good()[:row], line, *good())


Y = {"target": "y"}
REFUSED = {
    "empty": ((), Y, "data.csv is empty; a header line with the columns' names and rows below it are needed"),
    "blank": (("", " "), Y, "data.csv is empty; a header line with the columns' names and rows below it are needed"),
    "header only": (("a,b,y",), Y, "data.csv has a header and no row below it"),
    "no header": (
        ("1,2,3", "4,5,6"),
        Y,
        ("data.csv has no header: its first line holds only numbers; the columns' names are needed there"),
    ),
    "nameless column": (
        ("a,,y", "1,2,3"),
        Y,
        "data.csv: column 2 has no name in the header; give it one, or delete the column",
    ),
    "same name twice": (
        ("a,a,y", "1,2,3"),
        Y,
        "data.csv has more than one column named 'a'; every column has a name of its own",
    ),
    "no target": (("a,b", "1,2"), {}, "data.csv: say what to predict with --target; there are: a, b"),
    "unknown target": (("a,b", "1,2"), Y, "data.csv has no column 'y'; it has: a, b"),
    "unknown drop": (("a,y", "1,2"), {**Y, "drop": ("b",)}, "data.csv has no column 'b'; it has: a, y"),
    "nothing but the target": (
        ("y", "a"),
        Y | {"task": "classification"},
        "data.csv has 2 problems:\ncolumn 'y' has one class only, 'a'; at least two are needed\n"
        "data.csv has no column to predict from",
    ),
    "no feature": (("y", "1", "2"), Y, "data.csv has no column to predict from"),
    "ragged": (spoilt(2, "1,red"), Y, "data.csv: row 3 (line 4) has 2 values; the header has 3 columns"),
    "missing number": (
        spoilt(4, ",red,1"),
        Y,
        (
            "data.csv: row 5 (line 6), column 'age': the empty cell counts as missing; fill it in, or say"
            " --missing impute or --missing drop-rows"
        ),
    ),
    "missing text": (
        spoilt(4, "1,NA,1"),
        Y,
        (
            "data.csv: row 5 (line 6), column 'colour': 'NA' counts as missing; fill it in, or say --missing impute"
            " or --missing drop-rows; if 'NA' stands for a value, name other marks with --na-values"
        ),
    ),
    "missing target": (
        spoilt(0, "1,red,nan"),
        Y,
        (
            "data.csv: row 1 (line 2), column 'y': 'nan' counts as missing; leave out the row, as --missing drop-rows"
            " does; if 'nan' stands for a value, name other marks with --na-values"
        ),
    ),
    "text in numbers": (
        spoilt(1, "old,red,1"),
        Y,
        (
            "data.csv: row 2 (line 3), column 'age': 'old' is not a number; write one, or take it for missing with"
            " --na-values; if the numbers of this column are names of categories, say --categorical age"
        ),
    ),
    "number in text": (
        spoilt(1, "1,7,1"),
        Y,
        (
            "data.csv: row 2 (line 3), column 'colour': '7' is a number, but most of this column is"
            " text; if it is the name of a category, say --categorical colour"
        ),
    ),
    "text in the target": (
        spoilt(1, "1,red,many"),
        Y,
        (
            "data.csv: row 2 (line 3), column 'y': 'many' is not a number; if this column is"
            " classes, say --task classification"
        ),
    ),
    "comma for a point": (
        ("a;y", *(f"{i},5;{i}" for i in range(2))),
        Y,
        (
            "data.csv: column 'a', 2 cells are not written as a number such as 1234.5: '0,5' in row 1 (line 2),"
            " '1,5' in row 2 (line 3); if the comma begins the decimals, say --decimal , and if it groups thousands,"
            " --thousands ,; if it is the name of a category, say --categorical a"
        ),
    ),
    "numbers with a unit": (
        ("a,y", *(f"{i},{i} %" for i in range(2))),
        Y,
        (
            "data.csv: column 'y', 2 cells are not written as a number such as 1234.5: '0 %' in row 1 (line 2),"
            " '1 %' in row 2 (line 3); write sign, digits and a decimal point alone, and the unit into the header; if"
            " it is the name of a class, say --task classification"
        ),
    ),
    "the target left out": (
        ("a,y", "1,2"),
        Y | {"drop": ("y",)},
        (
            "data.csv: 'y' is what to predict, so --drop does not apply to it; if its numbers"
            " are classes, say --task classification"
        ),
    ),
    "a category named as a column": (
        ("a=b,a,y", *(f"{i * i},{'bc'[i % 2]},{i}" for i in range(30))),
        Y,
        "data.csv: a column and a category are both named 'a=b'; rename one of them",
    ),
    "a class for each row": (
        ("x,y", *(f"1,{letter}" for letter in "abcdefgh")),
        Y,
        "data.csv: 8 rows of 8 classes are too few to train, validate, calibrate and test with; 20 of each are enough",
    ),
    "infinite": (
        spoilt(1, "inf,red,1"),
        Y,
        "data.csv: row 2 (line 3), column 'age': 'inf' is not a finite float32 number; take it for missing with"
        " --na-values, or leave out the row",
    ),
    "too large": (
        spoilt(1, "1e39,red,1"),
        Y,
        "data.csv: row 2 (line 3), column 'age': '1e39' is not a finite float32 number; take it for missing with"
        " --na-values, or leave out the row",
    ),
    "free text": (
        ("name,none,y", *(f"n{i:03},,{i}" for i in range(101))),
        Y,
        (
            "data.csv has no column to predict from: 'name' is left out: an identifier or free text: 101 different"
            " values in 101 rows; 'none' is left out: it has no value in any training row"
        ),
    ),
    "too few rows": (
        ("x,y", "1,2.5", "2,3"),
        Y,
        "data.csv: 2 rows are too few to train, validate, calibrate and test with; 20 are enough",
    ),
    "option of others": (
        ("x,y", "1,2"),
        {**Y, "size": (3, 4)},
        (
            "data.csv is a table: --size does not apply to it; its options are: --categorical, --date-format,"
            " --decimal, --delimiter, --drop, --encoding, --id, --keep, --missing, --na-values, --numeric, --steps,"
            " --target, --task, --thousands, --time"
        ),
    ),
    "sequence without a time": (
        ("x,y", "1,2"),
        {**Y, "id": "x"},
        "data.csv: sequences need both --id and --time; there are: x, y",
    ),
    "unclosed quote": (
        ("x,y", '1,"2', "3,4"),
        Y,
        "data.csv, line 2 is not CSV: unexpected end of data; close every quote, and write one inside quotes twice",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused_to_the_letter(mistake: str, csv_file) -> None:
    lines, options, said = REFUSED[mistake]
    with pytest.raises(DataError) as caught:
        load(csv_file(*lines), **options)
    assert str(caught.value) == said


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x,y\n\xff,1\n")
    with pytest.raises(DataError, match=r"byte 4 is not valid; say --encoding cp1252 .* if line 2 should begin 'ÿ,1'$"):
        load(tmp_path / "a.csv", target="y")


def test_parts_in_files_of_their_own_stay_apart(csv_file, tmp_path: Path) -> None:
    csv_file("x,kind", *(f"{i},{'ab'[i % 2]}" for i in range(50)), name="train.csv")
    csv_file("x,kind", *(f"{i + 100},{'ab'[i % 2]}" for i in range(10)), name="test.csv")
    dataset = load(tmp_path, target="kind")
    assert dataset.test.inputs[:, 0].tolist() == [float(i + 100) for i in range(10)]
    assert dataset.test_name == "test split"
    assert load(tmp_path / "train.csv", target="kind").test_name == "held-out fifth"
    (tmp_path / "test.csv").rename(tmp_path / "val.csv")
    validated = load(tmp_path, target="kind")
    assert torch.equal(validated.test.inputs, dataset.test.inputs)
    assert validated.test_name == "validation split (there is no test split)"
    (tmp_path / "val.csv").unlink()
    csv_file("x,kind", "1,a", "2,c", name="test.csv")
    with pytest.raises(DataError) as caught:
        load(tmp_path, target="kind")
    assert str(caught.value) == (
        "test.csv: row 2 (line 3), column 'kind': 'c' is a class of no training row; classes of train.csv are: a, b"
    )
    csv_file("x,sort", "1,a", name="test.csv")
    with pytest.raises(DataError, match=r"^test\.csv has the columns x, sort; train\.csv has x, kind$"):
        load(tmp_path, target="kind")


@pytest.fixture
def uci(csv_file, tmp_path: Path) -> Path:
    csv_file("x0,x1,y", *(f"{i},{-i},{2 * i}" for i in range(50)))
    splits = [{"train": list(range(49, 9, -1)), "test": list(range(10))}, {"train": list(range(40)), "test": [40, 41]}]
    (tmp_path / "splits.json").write_text(json.dumps(splits))
    return tmp_path


def test_published_splits_are_kept_and_refitting_takes_all_training_rows(uci: Path) -> None:
    dataset = load(uci)
    assert dataset.test.targets.flatten().tolist() == [2.0 * i for i in range(10)]
    assert dataset.train.inputs[:, 0].tolist() == [float(i) for i in range(49, 17, -1)]
    assert [len(s.inputs) for s in (dataset.validation, dataset.calibration)] == [4, 4]
    whole = dataset.refit()
    assert sorted(whole.train.inputs[:, 0].tolist()) == [float(i) for i in range(10, 50)]
    assert whole.inputs.mean == pytest.approx((29.5, -29.5))
    assert whole.outputs.mean == pytest.approx((59.0,))
    assert torch.equal(load(uci, split=1).test.inputs[:, 0], torch.tensor([40.0, 41.0]))
    assert [load(uci, split=number).test_name[-12:] for number in (0, 1)] == ["test split 0", "test split 1"]


SPLITS = {
    "[{": "splits.json is not a list of pairs of row numbers, train and test",
    '[{"train": [0.5], "test": [1]}]': "splits.json is not a list of pairs of row numbers, train and test",
    '[{"train": [], "test": []}]': "splits.json: split 0 names rows that are not among data.csv's 50",
    '[{"train": [0], "test": [50]}]': "splits.json: split 0 names rows that are not among data.csv's 50",
    '[{"train": [0, 1], "test": [1]}]': "splits.json: split 0 names a row twice; train and test share none",
    '[{"train": [0, 1], "test": [2]}]': "split 0: 2 training rows are too few to hold some out",
    "[]": "splits.json has no split 0; it has 0, from 0",
}


@pytest.mark.parametrize("content", SPLITS)
def test_splits_that_cannot_be_are_refused(uci: Path, content: str) -> None:
    (uci / "splits.json").write_text(content)
    with pytest.raises(DataError) as caught:
        load(uci)
    assert str(caught.value) == SPLITS[content]


def test_published_splits_are_counted(uci: Path) -> None:
    assert published_splits(uci) == 2
    (uci / "splits.json").write_text("[]")
    with pytest.raises(DataError, match=r"^splits\.json has no split$"):
        published_splits(uci)
    (uci / "splits.json").unlink()
    with pytest.raises(DataError, match=r"no file splits\.json; a folder with data\.csv and splits\.json is needed$"):
        published_splits(uci)


def test_a_split_that_does_not_exist_is_refused(uci: Path) -> None:
    with pytest.raises(DataError, match=r"^splits\.json has no split 2; it has 2, from 0$"):
        load(uci, split=2)


def test_real_tables_have_their_published_splits(shared: Path) -> None:
    dataset = load(shared / "uci" / "yacht", split=19)
    assert (len(dataset.refit().train.inputs), len(dataset.test.inputs)) == (277, 31)


def steps(lengths: list[int], target: str = "whole") -> list[str]:
    lines = ["piece,t,level,y"]
    for piece, length in enumerate(lengths):
        lines += [f"p{piece},{t},{piece + t},{piece % 2 if target == 'whole' else t}" for t in reversed(range(length))]
    return lines


SEQUENCE = {"target": "y", "id": "piece", "time": "t"}


def test_steps_are_ordered_by_time_and_a_constant_target_is_the_sequences(csv_file) -> None:
    dataset = load(csv_file(*steps([5] * 40)), **SEQUENCE)
    assert (dataset.inputs.kind, dataset.inputs.shape, dataset.inputs.names) == ("sequence", (5, 1), ("level",))
    assert torch.equal(dataset.train.inputs.diff(dim=1), torch.ones(len(dataset.train.inputs), 4, 1))
    assert dataset.train.targets.dtype == torch.int64
    assert load(csv_file(*steps([5] * 40)), **SEQUENCE, steps=2).inputs.shape == (2, 1)
    numbers = load(csv_file(*steps([5] * 40)), **SEQUENCE, task="regression")
    assert numbers.train.targets.shape == (len(numbers.train.inputs), 1)
    dates = [f"p{i // 5},2024-01-{28 - i % 5},{i % 5},{i // 5 % 2}" for i in range(200)]
    assert load(csv_file("piece,t,level,y", *dates), **SEQUENCE).train.inputs[0, :, 0].tolist() == [4, 3, 2, 1, 0]


def test_targets_of_each_step_end_where_the_sequence_does(csv_file) -> None:
    dataset = load(csv_file(*steps([3, 5] * 20, "each")), **SEQUENCE)
    assert dataset.train.targets.shape[1:] == (5, 1)
    short = dataset.train.targets[:, 4, 0].isnan()
    assert 0 < short.double().mean() < 1
    assert (dataset.train.inputs[:, 4, 0].isnan() == short).all()
    assert dataset.outputs.mean == pytest.approx((float(dataset.train.targets.nanmean()),))
    classes = load(csv_file(*steps([3, 5] * 20, "each")), **SEQUENCE, task="classification")
    assert int(classes.train.targets.min()) == -1


def test_sequences_of_one_target_may_differ_in_length(csv_file) -> None:
    dataset = load(csv_file(*steps([3, 5] * 20)), **SEQUENCE)
    assert dataset.positions == ()
    lengths = (~dataset.train.inputs[..., 0].isnan()).sum(1)
    assert set(lengths.tolist()) == {3, 5}
    latest = load(csv_file(*steps([3, 5] * 20)), **SEQUENCE, steps=4)
    assert set((~latest.train.inputs[..., 0].isnan()).sum(1).tolist()) == {3, 4}


SEQUENCES_REFUSED = {
    "time twice": (
        [*steps([2]), "p0,1,0,0"],
        {},
        "data.csv: row 3 (line 4), column 't': piece 'p0' has this time twice",
    ),
    "time of text": (
        ["piece,t,level,y", "p,monday,1,1"],
        {},
        "data.csv: row 1 (line 2), column 't': 'monday' is no time; a number or a date such as 2024-12-31T23:59:00 is",
    ),
}


@pytest.mark.parametrize("mistake", SEQUENCES_REFUSED)
def test_sequences_that_cannot_be_are_refused(mistake: str, csv_file) -> None:
    lines, options, said = SEQUENCES_REFUSED[mistake]
    with pytest.raises(DataError) as caught:
        load(csv_file(*lines), **SEQUENCE, **options)
    assert str(caught.value) == said
