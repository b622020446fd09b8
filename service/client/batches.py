"""Batches of a file's rows, and the form of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from service.client.rows import Rows


@dataclass(frozen=True)
class TextForm:
    """The form of a CSV file.

    Attributes:
        delimiter: Character between cells; empty to find it in the header.
        encoding: Encoding of the text; empty for UTF-8, or UTF-16 where the file begins as such.
        decimal: Decimal sign of numbers.
        numbers: Names of the columns that hold numbers.
    """

    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    numbers: Collection[str] = ()


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: The rows.
        ids: Number of each row, from 0; of a picture the path below its folder.
        share: Share of the file that is read so far, from 0 to 1.
    """

    rows: Rows
    ids: Sequence[int] | Sequence[str]
    share: float


def rechunk(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    """Yield the rows of tables in tables of one size, the last one excepted."""
    left: pa.Table | None = None
    for table in tables:
        whole = table if left is None else pa.concat_tables([left, table])
        stop = len(whole) - len(whole) % size
        yield from (whole.slice(start, size) for start in range(0, stop, size))
        left = whole.slice(stop)
    if left is not None and len(left):
        yield left
