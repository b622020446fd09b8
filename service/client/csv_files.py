"""CSV files, compressed or not, in any encoding: their rows as texts, of which the service knows the kinds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from service.client.batches import Batch, TextForm, rechunk
from service.client.errors import InputFileError
from service.client.rows import as_csv

COMPRESSED = (".gz", ".bz2", ".zst")
_DELIMITERS = ",;\t|"
_HEADER_BYTES = 1_000_000
_BLOCK_BYTES = 4 * 2**20


def csv_batches(path: Path, size: int, form: TextForm) -> Iterator[Batch]:
    """Yield the rows of a CSV file as texts, in batches of one size, the last one excepted.

    Args:
        path: The file; compressed if it ends in one of :data:`COMPRESSED`.
        size: Number of rows in a batch.
        form: Its form.

    Raises:
        InputFileError: naming the row that cannot be read.
    """
    encoding = form.encoding or _encoding(path)
    header, delimiter = _header(path, encoding, form.delimiter)
    names = [name.strip() for name in header]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InputFileError(f"{path}: the header has {min(repeated)!r} twice; name every column once")
    with path.open("rb") as raw:
        try:
            reader = arrow_csv.open_csv(
                _decompressed(path, raw),
                arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, encoding=encoding),
                arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1),
                arrow_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False),
            )
            tables = (_in_points(pa.Table.from_batches([batch]).rename_columns(names), form) for batch in reader)
            start = 0
            for table in rechunk(tables, size):
                share = min(1.0, raw.tell() / max(path.stat().st_size, 1))
                yield Batch(as_csv(table), range(start, start + len(table)), share)
                start += len(table)
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise InputFileError(f"{path}: {_csv_reason(error)}") from error


def _csv_reason(error: Exception) -> str:
    text = str(error).splitlines()[0]
    if isinstance(error, UnicodeError) or "UTF8" in text:
        return "the text is not UTF-8; name its encoding, such as --encoding cp1252"
    return text.removeprefix("CSV parse error: ").removeprefix("CSV conversion error to string: ")


def _encoding(path: Path) -> str:
    with path.open("rb") as raw:
        start = _decompressed(path, raw).read(4)
    marks = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    return next((name for mark, name in marks.items() if start.startswith(mark)), "utf8")


def _header(path: Path, encoding: str, delimiter: str) -> tuple[list[str], str]:
    """Return the names in the header as they stand there, and the delimiter that splits it into most."""
    with path.open("rb") as raw:
        try:
            start = _decompressed(path, raw).read(_HEADER_BYTES)
            text = start.decode("utf-8-sig" if encoding == "utf8" else encoding, "ignore").lstrip("\r\n")
        except (LookupError, UnicodeError, OSError) as error:
            raise InputFileError(f"{path}: {error}") from error
    headers = [(next(csv.reader(io.StringIO(text, newline=""), delimiter=d), []), d) for d in delimiter or _DELIMITERS]
    best = max(headers, key=lambda header: len(header[0]))
    if not best[0]:
        raise InputFileError(f"{path}: the file is empty; its first line is to name the columns")
    return best


def _decompressed(path: Path, raw: BinaryIO) -> Any:
    if path.suffix not in COMPRESSED:
        return pa.PythonFile(raw, "r")
    return pa.CompressedInputStream(pa.PythonFile(raw, "r"), pa.Codec.detect(str(path)).name)


def _in_points(table: pa.Table, form: TextForm) -> pa.Table:
    """Return a table in which numbers have a decimal point."""
    if form.decimal == ".":
        return table
    for i, name in enumerate(table.column_names):
        if name in form.numbers:
            table = table.set_column(i, name, compute.replace_substring(table[name], form.decimal, "."))
    return table
