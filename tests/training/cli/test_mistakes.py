"""Mistakes that people make with tables at the command line: each ends in one clear line with the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from training.cli.commands import app

ROWS = [f"{i},{i * i % 59}.5,{('red', 'blue')[i % 2]},{('ill', 'well')[i % 3 > 0]},{i * 3 % 50}.25" for i in range(60)]
TABLE = "\n".join(["id,size,colour,state,price", *ROWS])


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "300"})


def swapped(old: str, new: str, count: int = -1) -> bytes:
    return TABLE.replace(old, new, count).encode()


FIT = {
    "a path that is not there": (None, "--data shop.scv --target price", "there is no data set 'shop.scv'"),
    "an empty folder": (None, "--data . --target price", "a folder of no known layout; known are: a table"),
    "an empty file": (b"", "--target price", "shop.csv is empty; a header line"),
    "a header alone": (b"size,price\n", "--target price", "has a header and no row below it"),
    "no header": (b"1,2\n3,4\n", "--target price", "has no header: its first line holds only numbers"),
    "no target": (None, "", "say what to predict with --target; there are: id, size, colour, state, price"),
    "a target with a typo": (None, "--target prize", "no column 'prize'; .*; did you mean 'price'"),
    "a target in other letters": (None, "--target Price", "did you mean 'price'"),
    "a target that is dropped": (None, "--target price --drop price", "is what to predict, so --drop does not apply"),
    "a target that is a sequence's": (
        None,
        "--target id --id id --time size",
        "is what to predict, so --id does not apply",
    ),
    "text as a regression": (
        None,
        "--target state --task regression",
        "60 cells are not a number: .*--task classification",
    ),
    "a task that is none": (None, "--target price --task regresion", "Invalid value for '--task'"),
    "numbers as classes": (None, "--target price --task classification", "too few to train"),
    "a dropped column that is not there": (None, "--target price --drop colur", "did you mean 'colour'"),
    "a missing cell": (
        swapped("red", "", 1),
        "--target price",
        "counts as missing; .*--missing impute or --missing drop-rows",
    ),
    "a mark of a missing cell": (
        swapped("red", "None", 1),
        "--target price",
        "'None' counts as missing; .*--na-values",
    ),
    "what to do with it misspelt": (None, "--target price --missing fill", "Invalid value for '--missing'"),
    "a missing target": (
        swapped(".25", "", 1).replace(b"0,0.5,red,ill,0", b"0,0.5,red,ill,"),
        "--target price",
        "leave out the row",
    ),
    "text among numbers": (swapped("1.5,", "old,", 1), "--target price", "'old' is not a number; .*--categorical size"),
    "a number among texts": (swapped("red", "7", 1), "--target price", "'7' is a number, .*--categorical colour"),
    "another delimiter": (swapped(",", "^"), "--target price", r"it has: id\^size\^colour\^state\^price"),
    "a delimiter that is a word": (None, "--target price --delimiter comma", "is not one character"),
    "Latin-1": (swapped("red", "r\xf6t").decode().encode("latin-1"), "--target price", "say --encoding cp1252"),
    "an encoding that is none": (None, "--target price --encoding utf9", "is no known encoding"),
    "a decimal comma": (swapped(",", ";").replace(b".", b","), "--target state --drop price", "say --decimal ,"),
    "a ragged row": (swapped(",red", "", 1), "--target price", "row 1 .line 2. has 4 values; the header has 5 columns"),
    "one class": (swapped("well", "ill"), "--target state", "has one class only, 'ill'"),
    "two rows": ("\n".join(TABLE.split("\n")[:3]).encode(), "--target price", "too few to train"),
    "a date in two ways": (
        swapped("red", "01/02/2024").replace(b"blue", b"03/04/2024"),
        "--target price",
        "--date-format colour=",
    ),
    "a size of pictures": (None, "--target price --size 3x4", "--size does not apply to it"),
    "an id without a time": (None, "--target price --id id", "sequences need both --id and --time"),
    "two columns of a name": (swapped("size", "colour", 1), "--target price", "more than one column named 'colour'"),
    "an Excel workbook": (b"PK\x03\x04rest", "--target price", "an Excel workbook; save the sheet as CSV"),
    "an unknown option": (None, "--target price --drops id", "No such option: --drops"),
    "one option for two things": (None, "--target price --drop size --keep size", "are both given for 'size'"),
}


@pytest.mark.parametrize("mistake", FIT)
def test_a_mistake_at_fit_ends_in_one_line(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, options, said = FIT[mistake]
    (tmp_path / "shop.csv").write_bytes(TABLE.encode() if content is None else content)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / ("empty" if "--data ." in options else ""))
    data = () if "--data" in options else ("--data", "shop.csv")
    result = run("fit", "mlp-mc_dropout", *data, *options.split(), "--out", tmp_path / "store")
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("Usage:", "Try ")) and line]
    assert (result.exit_code, len(lines)) == (2, 1), result.output
    assert re.search(said, lines[0]), lines[0]
    assert not (tmp_path / "store").exists()


def test_check_shows_the_table_and_trains_nothing(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    shop.write_text(TABLE)
    result = run("fit", "mlp-mc_dropout", "--check", "--data", shop, "--target", "state", "--out", tmp_path / "store")
    assert result.exit_code == 0, result.output
    for said in (
        "an identifier by its name: 60 different whole numbers in 60 rows",
        "blue, red",
        "60 rows: ",
        "predicted is one of 2 classes: ill (20 rows), well (40 rows)",
        "likelihood categorical",
    ):
        assert said in result.output
    shop.write_text(TABLE.replace("red", "?", 3).replace(",well", ",7", 1).replace("1.5,", "old,", 1))
    refused = run("fit", "mlp-mc_dropout", "--check", "--data", shop, "--target", "state", "--out", tmp_path / "store")
    assert refused.exit_code == 2
    assert "what is predicted" in refused.stdout
    first, *others = refused.stderr.splitlines()
    assert (first, len(others)) == ("error: shop.csv has 3 problems:", 3)
    assert not (tmp_path / "store").exists()
