"""Tables of text: CSV files in any usual encoding, with any usual delimiter."""

from __future__ import annotations

import codecs
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from training.data.cells import AS_PROGRAMS_DO, NumberFormat, of_arrow, quoted
from training.data.problems import MOST_PLACES
from training.data.table import Part, Table, Text
from training.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
"""Characters between columns that are found without being told, the likelier first."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive, such as an Excel workbook; save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"%PDF", "a PDF file"),
    (b"PAR1", "a Parquet file; end its name in .parquet"),
    (b"<", "HTML or XML; save the table as CSV"),
    (b"[{", "JSON; save the table as CSV"),
    (b'{"', "JSON; save the table as CSV"),
)
_NAMES = {"\t": "tabs"}
_SAMPLE = 50
"""Number of records by which the delimiter is found."""
_BLOCK = 1 << 26
"""Number of bytes that Arrow parses at a time; no record is longer."""
_LEADING_BLANKS = re.compile(r"^(?:[ \t]*[\r\n])+")
_DECLARED = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""First line in which Excel is told the delimiter."""


@dataclass(frozen=True)
class TextFormat:
    """The form of a table of text; a part that is empty is found out.

    Attributes:
        encoding: Name of the encoding.
        delimiter: Character between columns.
        numbers: Format of its numbers.
    """

    encoding: str = ""
    delimiter: str = ""
    numbers: NumberFormat = AS_PROGRAMS_DO


def read_text(path: Path, place: str, written: TextFormat) -> Table:
    """Read a table with a header; a compressed file is decompressed.

    Args:
        path: The file.
        place: Name of the file in messages.
        written: Format that it is written in.

    Raises:
        DataError: if the file is empty, not text, or not a table.
    """
    content, encoding = _decoded(_content(path, place), place, written.encoding)
    text = _LEADING_BLANKS.sub("", content)
    declared = _DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    delimiter = written.delimiter or (declared[1] if declared else find_delimiter(text))
    source = Text(text, delimiter, 1 + content.count("\n", 0, len(content) - len(text)))
    _check_quotes(source, place)
    _check_header(source, place)
    names = _names(next(source.records()), place)
    body, ragged, blank = _parsed(source, len(names))
    columns = [pa.compute.utf8_trim_whitespace(column) for column in body.columns]
    filled = np.zeros(len(body), np.bool_)
    for column in columns:
        filled |= pa.compute.not_equal(column, "").to_numpy()
    every = np.arange(1, len(body) + len(ragged) + len(blank) + 1)
    part = Part(place, np.delete(every, [number - 1 for number in (*ragged, *blank)]), source)
    notes = [f"{place}: {_count((~filled).sum(), 'row')} without a value left out"] * (not filled.all())
    notes += _nameless(names, columns, place)
    if encoding.startswith(("utf-16", "utf-32")) and not written.encoding:
        notes.append(f"{place} is read as {encoding.upper()}, by its first bytes")
    if delimiter != "," and not written.delimiter:
        notes.append(f"{place} is read with {_NAMES.get(delimiter, delimiter)} between its columns")
    named = {name: of_arrow(column) for name, column in zip(names, columns, strict=True) if name}
    table = Table(place, named, (part,), written.numbers, faults=_ragged(ragged, part, len(names)), notes=tuple(notes))
    table = table if filled.all() else table.rows(filled)
    if not len(table):
        names_all = "; each column needs a name, and a value that holds the delimiter needs quotes"
        raise DataError(f"{table.faults[0]}{names_all}" if ragged else f"{place} has a header and no row below it")
    return table


def find_delimiter(text: str) -> str:
    """Return the character by which the most of the first records have as many columns as the header, and then most.

    >>> find_delimiter('size;"price, EUR";rooms\\n1,5;2;3\\n'), find_delimiter("a|b\\n1|2\\n")
    (';', '|')
    """

    def fit(delimiter: str) -> tuple[float, int]:
        header, *rows = map(len, itertools.islice(Text(text, delimiter).records(), _SAMPLE))
        return sum(row == header for row in rows) / max(1, len(rows)) if header > 1 else -1, header

    return max(DELIMITERS, key=fit)


def _content(path: Path, place: str) -> bytes:
    content = path.read_bytes()
    for magic, kind in _OTHERS:
        if content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(magic):
            raise DataError(f"{place} is {kind}")
    suffix = "gzip" if content.startswith(b"\x1f\x8b") else "detect"
    try:
        with pa.input_stream(str(path), compression=suffix) as stream:
            unpacked: bytes = stream.read()
            return unpacked
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{place} cannot be decompressed: {error}") from error


def _decoded(content: bytes, place: str, encoding: str) -> tuple[str, str]:
    """Return the text and the name of its encoding."""
    mark = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    try:
        used = encoding or mark or "utf-8"
        text = content.decode(used)
    except LookupError as error:
        raise DataError(
            f"--encoding {encoding} is no known encoding, such as utf-8, utf-16, latin-1 or cp1252"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(_other_encoding(content, place, error)) from error
    if "\0" in text:
        raise DataError(f"{place} is no text: it holds the character 0; if it is UTF-16, say --encoding utf-16-le")
    if not text.strip("\ufeff \t\r\n"):
        raise DataError(f"{place} is empty; a header line with the columns' names and rows below it are needed")
    return text.removeprefix("\ufeff"), used


def _other_encoding(content: bytes, place: str, error: UnicodeDecodeError) -> str:
    start = content.rfind(b"\n", 0, error.start) + 1
    line = content[start : start + 60].decode("cp1252", "replace").splitlines()[0]
    number = content.count(b"\n", 0, error.start) + 1
    return (
        f"{place} is not text in {error.encoding.upper()}: byte {error.start} is not valid; say --encoding cp1252"
        f" (Windows) or --encoding latin-1 if line {number} should begin {line!r}"
    )


def _check_quotes(source: Text, place: str) -> None:
    """Raise if a quoted cell does not end, or goes on after its quote: Arrow would read something else then."""
    if '"' in source.content and (found := source.find_broken_quote()):
        raise DataError(
            f"{place}, line {found[0]} is not CSV: {found[1]}; close every quote, and write one inside quotes twice"
        )


def _check_header(source: Text, place: str) -> None:
    """Raise if the first line is a title or a comment, and the header stands below it."""
    header = next(source.records())
    names = [name for name in header if name.strip()]
    if not header[0].strip() or (len(names) > 1 and not names[0].startswith("#")):
        return
    for delimiter in DELIMITERS if len(header) == 1 else source.delimiter:
        table = Text(source.content, delimiter, source.first)
        records = list(itertools.islice(table.records(), _SAMPLE))
        for number, (record, below) in enumerate(itertools.pairwise(records[1:]), 1):
            if len(record) == len(below) > 1 and len(list(filter(str.strip, record))) > len(names):
                raise DataError(
                    f"{place}: the first line, {quoted(names[0])}, does not name the {len(record)} columns below it;"
                    f" delete what stands above the header, which may be line {table.lines[number]}"
                )


def _parsed(source: Text, width: int) -> tuple[pa.Table, dict[int, int], list[int]]:
    """Return the records below the header as text, the widths of ragged ones by number, and the numbers of blank ones.

    Ragged and blank records are left out of the first; the first record below the header has the number 1.
    """
    ragged: dict[int, int] = {}
    blank: list[int] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        if row.text.strip():
            ragged[row.number - 1] = row.actual_columns
        else:
            blank.append(row.number - 1)
        return "skip"

    names = [str(i) for i in range(width)]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(source.content.encode()),
        pyarrow.csv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK),
        pyarrow.csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=skip),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    return table.slice(1), ragged, blank


def _names(header: list[str], place: str) -> list[str]:
    """Return the names in a header, empty where a column has none."""
    names = [name.strip() for name in header]
    if all(AS_PROGRAMS_DO.number(name) is not None for name in names):
        raise DataError(
            f"{place} has no header: its first line holds only numbers; the columns' names are needed there"
        )
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise DataError(f"{place} has more than one column named {twice[0]!r}; every column has a name of its own")
    return names


def _nameless(names: list[str], columns: list[pa.ChunkedArray], place: str) -> list[str]:
    """Return what was decided on columns without a name: empty ones, and a first one that counts the rows.

    Raises:
        DataError: for any other column without a name.
    """
    notes = []
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        if not name and not pa.compute.any(pa.compute.not_equal(column, "")).as_py():
            notes.append(f"{place}: column {i + 1} has neither a name nor a value, and is left out")
        elif not name and i == 0 and column.to_pylist()[:3] in (["0", "1", "2"], ["1", "2", "3"]):
            notes.append(f"{place}: column 1 has no name and counts the rows, and is left out")
        elif not name:
            raise DataError(f"{place}: column {i + 1} has no name in the header; give it one, or delete the column")
    return notes


def _ragged(widths: dict[int, int], part: Part, width: int) -> tuple[str, ...]:
    """Return a line on the records that have more or fewer values than the header."""
    if not widths:
        return ()
    said = [f"{part.where(number)} has {_count(count, 'value')}" for number, count in widths.items()]
    if len(said) > 1:
        said = [f"{part.place}: {_count(len(said), 'row')}: {', '.join(_places(said, part.place))}"]
    return (f"{said[0]}; the header has {width} columns",)


def _places(said: list[str], place: str) -> list[str]:
    more = [f"and {len(said) - MOST_PLACES} more"] * (len(said) > MOST_PLACES)
    return [text.removeprefix(f"{place}: ") for text in said[:MOST_PLACES]] + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
