"""Tables of text: whatever programs write is read as what they meant, or refused with the remedy."""

from __future__ import annotations

import bz2
import codecs
import gzip
from pathlib import Path

import pytest

from training import data
from training.data import Dataset, Options
from training.errors import DataError

ROWS = [(i * i % 97 + 0.25, ("red", "blue")[i % 2], 3 * i + 0.5) for i in range(40)]
LINES = ["size,colour,price", *(f"{size},{colour},{price}" for size, colour, price in ROWS)]
PLAIN = "\n".join(LINES) + "\n"


def load(path: Path, **options: object) -> Dataset:
    return data.load(str(path), options=Options(**({"target": "price"} | options)))


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_semicolons(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


FORMS: dict[str, tuple[str, str | bytes, dict[str, object]]] = {
    "as it is": ("a.csv", PLAIN, {}),
    "byte order mark": ("a.csv", "\ufeff" + PLAIN, {}),
    "windows lines": ("a.csv", PLAIN.replace("\n", "\r\n"), {}),
    "old mac lines": ("a.csv", PLAIN.replace("\n", "\r"), {}),
    "no last newline": ("a.csv", PLAIN.rstrip(), {}),
    "blank lines and spaces": ("a.csv", "\n  \n" + PLAIN.replace("\n", "\n\n  \n").replace(",", " , "), {}),
    "rows without a value": ("a.csv", PLAIN + ",,\n,,\n", {}),
    "tabs": ("a.tsv", PLAIN.replace(",", "\t"), {}),
    "bars": ("a.txt", PLAIN.replace(",", "|"), {}),
    "a delimiter that is told": ("a.csv", PLAIN.replace(",", "^"), {"delimiter": "^"}),
    "the delimiter as Excel is told": ("a.csv", "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"), {}),
    "the delimiter as Excel writes what it was told": ("a.csv", '"sep=,",,\n' + PLAIN, {}),
    "thousands with narrow spaces": (
        "a.csv",
        "size;colour;price\n" + "".join(f"{s};{c};{p * 1:,.2f}\n".replace(",", "\u202f") for s, c, p in ROWS),
        {"thousands": " "},
    ),
    "thousands with typographic apostrophes": (
        "a.csv",
        "size;colour;price\n" + "".join(f"{s};{c};{p:,.2f}\n".replace(",", "\u2019") for s, c, p in ROWS),
        {"thousands": "'"},
    ),
    "decimal comma": ("a.csv", as_semicolons(PLAIN), {"decimal": ","}),
    "thousands": (
        "a.csv",
        "size;colour;price\n" + "".join(f'{s:09,.2f};{c};"{p:,.2f}"\n'.lstrip("0,") for s, c, p in ROWS),
        {"thousands": ","},
    ),
    "UTF-16 with tabs, as Excel writes Unicode text": (
        "a.csv",
        codecs.BOM_UTF16_LE + PLAIN.replace(",", "\t").encode("utf-16-le"),
        {},
    ),
    "UTF-32": ("a.csv", PLAIN.encode("utf-32"), {}),
    "gzip": ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0), {}),
    "gzip without the name": ("a.csv", gzip.compress(PLAIN.encode(), mtime=0), {}),
    "bzip2": ("a.csv.bz2", bz2.compress(PLAIN.encode()), {}),
    "an index of pandas": ("a.csv", "\n".join(f"{i - 1 if i else ''},{line}" for i, line in enumerate(LINES)), {}),
    "a delimiter after the last column": ("a.csv", PLAIN.replace("\n", ",\n"), {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_table_is_read_from_every_form(form: str, tmp_path: Path) -> None:
    name, content, options = FORMS[form]
    plain, read = load(written(tmp_path / "plain.csv", PLAIN)), load(written(tmp_path / name, content), **options)
    assert read.inputs.names == ("size", "colour=blue", "colour=red")
    assert read.test.inputs.tolist() == plain.test.inputs.tolist()
    assert read.train.targets.tolist() == plain.train.targets.tolist()


def test_what_was_found_is_said(tmp_path: Path) -> None:
    excel = written(tmp_path / "a.csv", (PLAIN.replace(",", "\t") + "\t\t\n").encode("utf-16"))
    assert load(excel).notes == (
        "a.csv: 1 row without a value left out",
        "a.csv is read as UTF-16, by its first bytes",
        "a.csv is read with tabs between its columns",
    )


@pytest.mark.parametrize("inside", ["\u2028", "\x85", "\x0c", "\x0b", "\n", "\r\n", ",", '""', "\u00a0", "\x1c"])
def test_a_cell_may_hold_what_ends_lines_elsewhere(inside: str, tmp_path: Path) -> None:
    lines = ['"the ""size"", m",note,price', *(f'{i * i},"{"ab"[i % 2]}{inside}c",{i}' for i in range(40))]
    dataset = load(written(tmp_path / "a.csv", "\n".join(lines)))
    assert dataset.inputs.names[0] == 'the "size", m'
    meant = inside.replace('""', '"')
    assert dataset.inputs.names[1:] == (f"note=a{meant}c", f"note=b{meant}c")
    assert (
        sum(len(split.inputs) for split in (dataset.train, dataset.validation, dataset.calibration, dataset.test)) == 40
    )


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "Latin-1": (
        "a.csv",
        PLAIN.replace("red", "röd").encode("latin-1"),
        "say --encoding cp1252 .* should begin '0.25,röd",
    ),
    "UTF-16 without a mark": ("a.csv", PLAIN.encode("utf-16-le"), "say --encoding utf-16-le"),
    "an Excel workbook": ("a.csv", b"PK\x03\x04" + bytes(40), "an Excel workbook; save the sheet as CSV"),
    "a cut gzip": ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-20], "cannot be decompressed"),
    "an open quote": ("a.csv", (PLAIN + '1,"red,2\n').encode(), "line 42 is not CSV: unexpected end of data"),
    "more after a quote": ("a.csv", (PLAIN + '1,"r"ed,2\n').encode(), "line 42 is not CSV"),
    "a column without a name": ("a.csv", PLAIN.replace("colour", "").encode(), "column 2 has no name in the header"),
    "a comma for the decimals": (
        "a.csv",
        as_semicolons(PLAIN).encode(),
        "if the comma begins the decimals, say --decimal ,",
    ),
    "a table of another delimiter": (
        "a.csv",
        PLAIN.replace(",", "^").encode(),
        r"it has: size\^colour\^price; if another character separates its columns, name it with --delimiter",
    ),
    "comments above the header": (
        "a.csv",
        f"# from LIMS 3, by Bob\n# all rows\n{PLAIN}".encode(),
        r"'# from LIMS 3', does not name the 3 columns below it; delete what stands above .* line 3$",
    ),
    "a title above the header": (
        "a.csv",
        f"Quarterly report\n\n{PLAIN}".replace(",", ";").encode(),
        r"'Quarterly report', does not name the 3 columns below it; .* line 3$",
    ),
    "a title in a row of cells": ("a.csv", f"Report,,\n,,\n{PLAIN}".encode(), r"does not name the 3 columns"),
    "an old workbook": ("a.csv", b"\xd0\xcf\x11\xe0" + bytes(40), "an old Excel workbook; save the sheet as CSV"),
    "a page": ("a.csv", b"\n <html><table>", "is HTML or XML; save the table as CSV"),
    "JSON": ("a.csv", b'[{"size": 1}]', "is JSON; save the table as CSV"),
    "quotes behind strokes": (
        "a.csv",
        b'a,price\n"an \\"a\\"",2\n',
        "line 2 is not CSV: .*; close every quote, and write one inside",
    ),
    "a value too many in every row": (
        "a.csv",
        PLAIN.replace("\n", ",x\n").replace("price,x", "price").encode(),
        "40 rows: row 1 .* has 4 values, .*; the header has 3 columns; each column needs a name",
    ),
    "a currency": (
        "a.csv",
        PLAIN.replace("\n", " EUR\n").replace("price EUR", "price").encode(),
        "'0.5 EUR' in row 1 .*; write sign, digits and a decimal point alone",
    ),
    "groups and brackets as in accounts": (
        "a.csv",
        "".join(f"{'(' * (i % 2)}1 234{')' * (i % 2)},{i}\n" if i else "x,price\n" for i in range(40)).encode(),
        r"'\(1 234\)' in row 1 .*; if they group thousands, say --thousands ' '",
    ),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_read_right_is_refused_with_the_remedy(form: str, tmp_path: Path) -> None:
    name, content, said = REFUSED[form]
    with pytest.raises(DataError, match=said):
        load(written(tmp_path / name, content))


def test_an_encoding_that_is_told_is_used(tmp_path: Path) -> None:
    latin = written(tmp_path / "a.csv", PLAIN.replace("red", "röd").encode("cp1252"))
    assert load(latin, encoding="cp1252").inputs.names[2] == "colour=röd"
    with pytest.raises(DataError, match="--encoding klingon is no known encoding"):
        load(latin, encoding="klingon")
    for options, said in (
        ({"delimiter": "ab"}, "not one character"),
        ({"decimal": "x"}, "neither"),
        ({"thousands": "."}, "other"),
    ):
        with pytest.raises(DataError, match=said):
            load(latin, **options)


def test_all_problems_of_a_file_are_said_at_once_with_their_lines(tmp_path: Path) -> None:
    rows = [f"{i},{'red' if i % 2 else 'blue'},{i}" for i in range(60)]
    rows[3], rows[5], rows[9], rows[20] = "3", 'x,"r\ned",5', "?,red,9", "1,2,3,4"
    rows[30:50] = [f"{i},red," for i in range(30, 50)]
    with pytest.raises(DataError) as caught:
        load(written(tmp_path / "a.csv", "\n".join(["size,colour,price", *rows])))
    first, *others = str(caught.value).split("\n")
    assert first == "a.csv has 4 problems:"
    assert others[0] == ("2 rows: row 4 (line 5) has 1 value, row 21 (line 23) has 4 values; the header has 3 columns")
    assert others[1].startswith("row 6 (line 7), column 'size': 'x' is not a number; ")
    assert others[2].startswith("row 10 (line 12), column 'size': '?' counts as missing; ")
    assert others[3].startswith("column 'price', 20 cells count as missing: the empty cell in row 31 (line 33), ")
    assert "row 40 (line 42) and 10 more; leave out the row" in others[3]
