"""The cells of one column as a file has them: every different value once, and which of them each row has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.columns import category_of, missing_among, number_in

_LONGEST = 40


@dataclass(frozen=True)
class NumberFormat:
    """The way in which a file writes numbers.

    Attributes:
        decimal: Character before the decimals.
        thousands: Character between groups of three digits; empty if there is none. A space stands for spaces of every
            width, and an apostrophe for the typographic one too, as spreadsheets write them.
    """

    decimal: str = "."
    thousands: str = ""

    def number(self, value: object) -> float | None:
        """Return the number that a cell holds, infinity included; ``None`` if it holds none.

        >>> [NumberFormat(",", ".").number(text) for text in ("1.234,5", "-2,5e3", "1,23.4", "12")]
        [1234.5, -2500.0, None, 12.0]
        >>> NumberFormat(",", " ").number("1\\u202f234,5"), NumberFormat(".", "'").number("1\\u20192345")
        (1234.5, None)
        >>> [NumberFormat().number(text) for text in ("1_000", "1,5", "inf", 3)]
        [None, None, inf, 3.0]
        """
        if isinstance(value, str) and (self.decimal, self.thousands) != (".", ""):
            if not self._pattern.fullmatch(value):
                return None
            value = re.sub(self._group, "", value) if self.thousands else value
            value = value.replace(self.decimal, ".")
        number = number_in(value) if isinstance(value, str) else value
        return float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None

    @property
    def _group(self) -> str:
        return {" ": r"\s", "'": "['\u2019]"}.get(self.thousands, re.escape(self.thousands))

    @property
    def _pattern(self) -> re.Pattern[str]:
        whole = rf"\d{{1,3}}(?:{self._group}\d{{3}})+|\d+" if self.thousands else r"\d+"
        return re.compile(rf"[-+]?(?=.*\d)(?:{whole})?(?:{re.escape(self.decimal)}\d*)?(?:[eE][-+]?\d+)?")


AS_PROGRAMS_DO = NumberFormat()
"""Numbers such as ``-1234.5e6``."""


@dataclass(frozen=True)
class Cells:
    """The cells of a column.

    Attributes:
        values: Every different value: text without spaces around it, or a number.
        index: Position in ``values`` of each row's, ``(rows,)``; -1 where a cell is missing.
    """

    values: tuple[str | float, ...]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of rows that have each value."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.values))

    @property
    def missing(self) -> NDArray[np.bool_]:
        """A mask of the rows whose cell is missing, ``(rows,)``."""
        return self.index < 0

    def where(self, chosen: Sequence[bool] | NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the rows whose value is among the chosen of :attr:`values`, in ascending order."""
        return np.flatnonzero(np.append(np.asarray(chosen, np.bool_), False)[self.index])

    def spread(self, values: Sequence[object]) -> list[object]:
        """Return something for each row, given one for each of :attr:`values`; ``None`` where a cell is missing."""
        whole = [*values, None]
        return [whole[i] for i in self.index.tolist()]

    def without(self, marks: frozenset[str]) -> Cells:
        """Return the cells with those missing that hold one of the marks."""
        gone = missing_among([category_of(value) for value in self.values], marks)  # -999.0 is -999
        return _renumbered(self.values, np.where(np.append(gone, True)[self.index], -1, self.index))

    def rows(self, chosen: NDArray[np.bool_] | slice) -> Cells:
        """Return the cells of some rows."""
        return _renumbered(self.values, self.index[chosen])


def quoted(value: str | float) -> str:
    """Return a cell as a message repeats it, and not all of a long one.

    >>> quoted("old"), quoted("x" * 50), quoted(3.0)
    ("'old'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'", '3.0')
    """
    return repr(value if not isinstance(value, str) or len(value) <= _LONGEST else f"{value[:_LONGEST]}...")


def joined(parts: Sequence[Cells]) -> Cells:
    """Return the cells of several parts below one another."""
    place: dict[str | float, int] = {}
    for part in parts:
        for value in part.values:
            place.setdefault(value, len(place))
    index = [np.array([*(place[value] for value in part.values), -1])[part.index] for part in parts]
    return Cells(tuple(place), np.concatenate(index))


def of_arrow(column: pa.ChunkedArray) -> Cells:
    """Return the cells of a column in Arrow's own types: text, numbers, booleans, dates, or a dictionary of these.

    Booleans become the texts ``true`` and ``false``, and dates those of ISO 8601.

    Raises:
        TypeError: for a type that no feature is made of, such as a list.
    """
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return Cells((), np.full(len(array), -1))
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if pa.types.is_nested(array.type) or pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        raise TypeError(f"of the type {array.type}")
    encoded = array.dictionary_encode()
    values = [_plain(value) for value in encoded.dictionary.to_pylist()]
    index = np.append(np.arange(len(values)), -1)[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    missing = [value is None or value != value for value in values]
    index = np.where(np.append(missing, True)[index], -1, index)
    return _renumbered([0.0 if gone else value for value, gone in zip(values, missing, strict=True)], index)


def _plain(value: object) -> str | float:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value.strip()
    raise TypeError(f"of the type {type(value).__name__}")


def _renumbered(values: Sequence[str | float], index: NDArray[np.int64]) -> Cells:
    """Return cells without values that no row has, and with equal ones made one."""
    used = np.unique(index[index >= 0])
    place: dict[str | float, int] = {}
    new = np.full(len(values) + 1, -1)
    for i in used.tolist():
        new[i] = place.setdefault(values[i], len(place))
    return Cells(tuple(place), new[index])
