"""Batches of a file's rows, and the form of the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from service.client.rows import Rows

ShareOfFile = tuple[pa.Table, float]
"""Some rows of a file, and the share of it that is read so far, from 0 to 1."""


@dataclass(frozen=True)
class TextForm:
    """The form of a CSV file.

    Attributes:
        delimiter: Character between cells; empty to find it in the header.
        encoding: Encoding of the text; empty for UTF-8, or UTF-16 where the file begins as such.
        decimal: Decimal sign of numbers.
        thousands: Character between groups of three digits; empty if there is none. A space stands for spaces of every
            width, and an apostrophe for the typographic one too.
        numbers: Names of the columns that hold numbers.
    """

    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    thousands: str = ""
    numbers: Collection[str] = ()


@dataclass(frozen=True)
class StepForm:
    """The form of a table whose rows are the steps of sequences.

    Attributes:
        id: Column that tells the sequences apart.
        time: Column of numbers or dates that orders the steps.
        last: Number of last steps of each sequence to keep; ``None`` keeps all.
    """

    id: str
    time: str
    last: int | None = None


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: The rows.
        ids: Number of each row, from 0; of a picture the path below its folder, of a sequence its name.
        share: Share of the file that is read so far, from 0 to 1.
        column: Name of the column of the answers that holds the ids.
    """

    rows: Rows
    ids: Sequence[int] | Sequence[str]
    share: float
    column: str = "row"


def batches_of(tables: Iterator[ShareOfFile], size: int, rows: Callable[[pa.Table], Rows]) -> Iterator[Batch]:
    """Yield the rows of tables in batches of one size, the last one excepted.

    Args:
        tables: Rows of a file, some at a time.
        size: Number of rows in a batch.
        rows: Function that returns the rows of a table.
    """
    start, share, left = 0, 0.0, None
    for table, share in tables:
        whole = table if left is None else pa.concat_tables([left, table])
        while len(whole) >= size:
            yield Batch(rows(whole.slice(0, size)), range(start, start + size), share)
            whole, start = whole.slice(size), start + size
        left = whole
    if left is not None and len(left):
        yield Batch(rows(left), range(start, start + len(left)), share)
