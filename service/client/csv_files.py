"""CSV files, compressed or not, in any encoding: their rows as texts, of which the service knows the kinds."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow_csv

from service.client.batches import ShareOfFile, TextForm
from service.client.errors import InputFileError
from service.client.number_texts import as_programs_write

COMPRESSED = (".gz", ".bz2", ".zst")
_DELIMITERS = ",;\t|"
_DECLARED = re.compile(r'"?sep=(.)"?[ \t,;]*(?:\r\n|\r|\n)', re.IGNORECASE)
"""First line in which Excel is told the delimiter."""
_HEADER_BYTES = 1_000_000
_BLOCK_BYTES = 4 * 2**20


def csv_tables(path: Path, form: TextForm) -> Iterator[ShareOfFile]:
    """Yield the rows of a CSV file as texts, some megabytes at a time.

    Args:
        path: The file; compressed if it ends in one of :data:`COMPRESSED`.
        form: Its form.

    Raises:
        InputFileError: naming the row that cannot be read.
    """
    encoding = form.encoding or _encoding(path)
    header = _header(path, encoding, form.delimiter)
    names = [name.strip() for name in header.names]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise InputFileError(f"{path}: the header has {min(repeated)!r} twice; name every column once")
    parse = arrow_csv.ParseOptions(
        delimiter=header.delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
    )
    start = 0
    with path.open("rb") as raw:
        try:
            for batch in arrow_csv.open_csv(
                _decompressed(path, raw),
                arrow_csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, encoding=encoding, skip_rows=header.line
                ),
                parse,
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(header.names, pa.string()), strings_can_be_null=False
                ),
            ):
                table = pa.Table.from_batches([batch]).rename_columns(names)
                yield as_programs_write(table, form, f"{path}: row", start), raw.tell() / max(path.stat().st_size, 1)
                start += len(table)
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise InputFileError(f"{path}: {_csv_reason(error)}") from error


def _csv_reason(error: Exception) -> str:
    text = str(error).splitlines()[0]
    if isinstance(error, UnicodeError) or "UTF8" in text:
        return "the text is not UTF-8; name its encoding, such as --encoding cp1252"
    reason = text.removeprefix("CSV parse error: ").removeprefix("CSV conversion error to string: ")
    return f"{reason}; the first line names the columns, and every line below has as many cells"


def _encoding(path: Path) -> str:
    with path.open("rb") as raw:
        start = _decompressed(path, raw).read(4)
    marks = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    return next((name for mark, name in marks.items() if start.startswith(mark)), "utf8")


@dataclass(frozen=True)
class _Header:
    """The names as they stand in the header, the delimiter that splits it into most, and its line from 0."""

    names: list[str]
    delimiter: str
    line: int


def _header(path: Path, encoding: str, delimiter: str) -> _Header:
    with path.open("rb") as raw:
        try:
            start = _decompressed(path, raw).read(_HEADER_BYTES)
            text = start.decode("utf-8-sig" if encoding == "utf8" else encoding, "ignore").lstrip("\ufeff\r\n")
        except (LookupError, UnicodeError, OSError) as error:
            raise InputFileError(f"{path}: {error}") from error
    if declared := _DECLARED.match(text):
        text, delimiter = text[declared.end() :], delimiter or declared[1]
    headers = [(next(csv.reader(io.StringIO(text, newline=""), delimiter=d), []), d) for d in delimiter or _DELIMITERS]
    names, delimiter = max(headers, key=lambda header: len(header[0]))
    if not names:
        raise InputFileError(f"{path}: the file is empty; its first line is to name the columns")
    return _Header(names, delimiter, 1 if declared else 0)


def _decompressed(path: Path, raw: BinaryIO) -> Any:
    if path.suffix not in COMPRESSED:
        return pa.PythonFile(raw, "r")
    return pa.CompressedInputStream(pa.PythonFile(raw, "r"), pa.Codec.detect(str(path)).name)
