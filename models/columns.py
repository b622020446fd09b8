"""One raw column of a table, and the features that a network takes of it.

Training decides what a column is and writes it into the manifest; the service turns a client's values into features by
the same lines. Nothing else knows what a one-hot is.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import list_names

Values = Sequence[object] | NDArray[np.float64]
"""Values of one column, a cell a row: numbers, texts, and ``None`` where one is missing."""

Cycle = Literal["year", "week", "day"]
SECONDS: Mapping[Cycle, float] = {"year": 31_556_952.0, "week": 604_800.0, "day": 86_400.0}
"""Length of each cycle of the calendar, in seconds; a year is the Gregorian calendar's mean."""
_MONDAY = 4 * 86_400
"""Seconds from 1970-01-01, a Thursday, to the first Monday."""

_WHOLE = re.compile(r"[-+]?\d+\.0+")
"""A whole number as programs write it that compute with fractions."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]|$)")
"""The beginning of a date of ISO 8601 as programs write it."""

_MOST_BITS = 1000
"""Longest whole number that fits a float."""
LARGEST = float(np.finfo(np.float32).max)
"""Largest number of float32, in which models compute."""
_LONGEST_TEXT = 40
MOST_NAMES = 20
"""Largest number of categories that a message lists."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A raw column that a model predicts from.

    Attributes:
        name: Name in the header, and in requests.
        kind: Kind of value: ``number``, ``category`` or ``date``.
        unit: Unit of a number, if the header has one.
        categories: Categories that training rows have, in the order of the features.
        low: Smallest value of the training rows; of a date, in seconds since 1970 UTC.
        high: Largest value of the training rows.
        fill: Value that takes the place of a missing one; ``None`` where a missing value is refused.
        cycles: Cycles of the calendar that a date has features for, beside its place in time.
        date_format: Format of a date as in ``datetime.strptime``; empty for ISO 8601.
    """

    name: str
    kind: Literal["number", "category", "date"]
    unit: str = ""
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    fill: float | str | None = None
    cycles: tuple[Cycle, ...] = ()
    date_format: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that this column becomes."""
        if self.kind == "category":
            names = [f"{self.name}={category}" for category in self.categories]
        elif self.kind == "date":
            waves = [f"{self.name} {cycle} {wave}" for cycle in self.cycles for wave in ("sine", "cosine")]
            names = [f"{self.name} in years since 1970", *waves]
        else:
            names = [self.name]
        return (*names, f"{self.name} missing") if self.fill is not None else tuple(names)

    @property
    def example(self) -> float | str:
        """A value that the column takes: the middle of the observed range, the first category, the earliest date."""
        if self.kind == "category":
            return self.categories[0]
        low, high = self.low or 0.0, self.high or self.low or 0.0
        if self.kind == "date":
            return self._date(low)
        middle = float(f"{(low + high) / 2:.3g}")
        return middle if low <= middle <= high else low

    @property
    def allowed(self) -> str:
        """The values that this column takes, in words."""
        if self.kind == "category":
            return list_names(self.categories, MOST_NAMES)
        if self.kind == "date":
            form = self.date_format or "2024-12-31 or 2024-12-31T23:59:00"
            return f"dates as {form}{self._observed(self._date)}"
        return f"finite numbers{self._observed('{:g}'.format)}"

    def _observed(self, write: Callable[[float], str]) -> str:
        if self.low is None or self.high is None:
            return ""
        return f"; training rows have {write(self.low)} to {write(self.high)}"

    def _date(self, seconds: float) -> str:
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment.strftime(self.date_format) if self.date_format else moment.date().isoformat()


@dataclass(frozen=True)
class Fault:
    """A cell that cannot be used.

    Attributes:
        row: Number of the row, from 0.
        of: The column.
        value: Value of the cell; ``None`` if it is missing.
    """

    row: int
    of: Column
    value: object

    @property
    def column(self) -> str:
        """Name of the column."""
        return self.of.name

    @property
    def unknown(self) -> bool:
        """``True`` for a category that no training row has."""
        return self.of.kind == "category" and bool(category_of(self.value))

    @property
    def detail(self) -> str:
        """The value that was given, and what is allowed; written when it is asked for: every cell may be at fault."""
        name, allowed = self.of.name, self.of.allowed
        if self.value is None:
            return f"the value of {name!r} is missing; allowed are: {allowed}"
        if self.unknown:
            return f"{show(self.value)} is not a known value of {name!r}; known are: {allowed}"
        return f"{show(self.value)} is not allowed for {name!r}; allowed are: {allowed}"


def seconds_of(text: str, date_format: str = "") -> float | None:
    """Return a date in seconds since 1970, in UTC where it names no time zone; ``None`` if the text is none.

    Args:
        text: The date.
        date_format: Format as in ``datetime.strptime``; empty for ISO 8601.

    >>> seconds_of("1970-01-02"), seconds_of("02.01.1970 01:00", "%d.%m.%Y %H:%M"), seconds_of("soon")
    (86400.0, 90000.0, None)
    """
    try:
        text = text.strip()
        moment = datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def number_in(text: str) -> float | str:
    """Return the number in a text, or the text itself if it is none as programs write it.

    >>> [number_in(text) for text in (" -1.5e3", "1_000", "1,5", "12 kg")]
    [-1500.0, '1_000', '1,5', '12 kg']
    """
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text


def category_of(value: object) -> str:
    """Return the text of a category: ``3`` for 3, 3.0 and the text ``3.0``, ``true`` for ``True``.

    >>> [category_of(value) for value in (" red ", 3, 3.0, "3.0", "03", True)]
    ['red', '3', '3', '3', '03', 'true']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        text = value.strip()
        return text[: text.index(".")] if _WHOLE.fullmatch(text) else text
    return str(value) if isinstance(value, int | float) else ""


def missing_among(values: Values, na_values: frozenset[str]) -> NDArray[np.bool_]:
    """Return which values are missing, boolean ``(rows,)``: none, NaN, an empty text, or a mark in any case.

    Args:
        values: A value for each row.
        na_values: Marks that stand for a missing value; one that is a number stands for that number too.
    """
    texts, numbers = _marks(na_values)
    if isinstance(values, np.ndarray):
        return np.isnan(values) | np.isin(values, list(numbers)) if numbers else np.isnan(values)
    return np.fromiter((_is_missing(value, texts, numbers) for value in values), np.bool_, len(values))


def encode_column(column: Column, values: Values, na_values: frozenset[str]) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return the features of a column, ``(rows, features)``, and the cells that cannot be used, whose features are 0.

    Args:
        column: The column.
        values: A value for each row.
        na_values: Texts that stand for a missing value.
    """
    missing = missing_among(values, na_values)
    features, faults = np.zeros((len(values), len(column.features))), []
    if column.fill is None:
        rows = (~missing).nonzero()[0]
        faults += [Fault(row, column, None) for row in missing.nonzero()[0].tolist()]
    else:
        rows = np.arange(len(values))
        values = [column.fill if gone else value for value, gone in zip(values, missing, strict=True)]
        features[:, -1] = missing
    present = values if len(rows) == len(values) else [values[row] for row in rows.tolist()]
    encoded, good = _ENCODERS[column.kind](column, present)
    features[rows[good], : encoded.shape[1]] = encoded[good]
    faults += [Fault(int(rows[i]), column, present[i]) for i in (~good).nonzero()[0].tolist()]
    return features, faults


@functools.lru_cache(maxsize=64)
def _marks(na_values: frozenset[str]) -> tuple[frozenset[str], frozenset[float]]:
    """Return the marks as texts in small letters, the empty one among them, and those that are numbers."""
    texts = frozenset(mark.strip().casefold() for mark in na_values)
    numbers = frozenset(number for number in map(number_in, texts) if isinstance(number, float))
    return texts | {""}, numbers


def _is_missing(value: object, texts: frozenset[str], numbers: frozenset[float]) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in texts
    return value is None or value != value or (isinstance(value, int | float) and value in numbers)


def decode_column(column: Column, features: NDArray[np.float32]) -> list[object]:
    """Return the values of a column whose features ``(rows, features)`` these are; a date to the nearest day.

    >>> decode_column(Column("colour", "category", categories=("blue", "red")), np.array([[0, 1], [1, 0]], np.float32))
    ['red', 'blue']
    """
    if column.kind == "category":
        values: list[object] = [column.categories[i] for i in features[:, : len(column.categories)].argmax(1)]
    elif column.kind == "date":
        days = np.rint(features[:, 0].astype(np.float64) * SECONDS["year"] / SECONDS["day"]).tolist()
        moments = [datetime.fromtimestamp(day * SECONDS["day"], UTC) for day in days]
        values = [m.strftime(column.date_format) if column.date_format else m.date().isoformat() for m in moments]
    else:
        values = [float(str(value)) for value in features[:, 0]]  # the shortest decimals that are the same float32
    filled = features[:, -1] == 1 if column.fill is not None else np.zeros(len(features), np.bool_)
    return [None if gone else value for value, gone in zip(values, filled, strict=True)]


def _numbers(_: Column, values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    plain = isinstance(values, np.ndarray) or set(map(type, values)) == {float}
    numbers = np.array(values if plain else [_number(value) for value in values], np.float64)
    return numbers[:, None], np.abs(numbers) <= LARGEST


def _number(value: object) -> float:
    """Return a number as a float, and NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return math.inf if isinstance(value, int) and value.bit_length() > _MOST_BITS else float(value)


def places_among(names: Sequence[str], values: Iterable[object]) -> NDArray[np.intp]:
    """Return the place of each value's category among some, -1 for one that is not there.

    Where all of them are true and false, these are known in any case: programs write ``True``, ``TRUE`` and ``true``.

    >>> places_among(("False", "True"), [True, "TRUE", "no"]).tolist(), places_among(("red", "True"), [True]).tolist()
    ([1, 1, -1], [-1])
    """
    index = {name: i for i, name in enumerate(names)}
    lower = {name.lower(): i for i, name in enumerate(names)}
    booleans = lower if lower.keys() == {"true", "false"} else {}
    texts = [category_of(value) for value in values]
    return np.array([index.get(text, booleans.get(text.lower(), -1)) for text in texts], np.intp)


def _one_hot(column: Column, values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    places = places_among(column.categories, values)
    good = places >= 0
    one_hot = np.zeros((len(values), len(column.categories)))
    one_hot[good.nonzero()[0], places[good]] = 1
    return one_hot, good


def _calendar(column: Column, values: Values) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    whole = column.date_format.replace("%", "").isalnum()  # dates that are written as whole numbers, such as 20241231
    texts = [category_of(value) if whole and isinstance(value, int | float) else value for value in values]
    found = [_moment(value, column.date_format) if isinstance(value, str) else None for value in texts]
    seconds = np.array([0.0 if moment is None else moment for moment in found])
    waves = [wave(2 * np.pi * _phase(seconds, cycle)) for cycle in column.cycles for wave in (np.sin, np.cos)]
    good = np.array([moment is not None for moment in found], np.bool_)
    return np.stack([seconds / SECONDS["year"], *waves], 1), good


def _moment(text: str, date_format: str) -> float | None:
    """Return a date in its column's format or, where that cannot be taken for another, in ISO 8601 as programs send it.

    >>> _moment("31.12.1970", "%d.%m.%Y") == _moment("1970-12-31", "%d.%m.%Y"), _moment("1970-12-31", "%Y-%d-%m")
    (True, None)
    """
    found = seconds_of(text, date_format)
    if found is None and date_format and not date_format.startswith("%Y-") and _ISO.match(text.strip()):
        return seconds_of(text)
    return found


def _phase(seconds: NDArray[np.float64], cycle: Cycle) -> NDArray[np.float64]:
    start = _MONDAY if cycle == "week" else 0
    phase: NDArray[np.float64] = (seconds - start) / SECONDS[cycle] % 1
    return phase


def show(value: object) -> str:
    """Return a value as a message repeats it: as JSON, and not all of a long one.

    >>> show("red"), show("r" * 50), show(None), show([1])
    ('"red"', '"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr..."', 'null', 'a list')
    """
    if not isinstance(value, str | int | float | bool | None):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a whole number of more than 60 digits"
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)
    whole = value[:_LONGEST_TEXT].encode(errors="replace").decode()  # JSON can hold half a character
    text = msgspec.json.encode(whole).decode()
    return f'{text[:-1]}..."' if len(value) > _LONGEST_TEXT else text


_ENCODERS: Mapping[str, Callable[[Column, Values], tuple[NDArray[np.float64], NDArray[np.bool_]]]] = {
    "number": _numbers,
    "category": _one_hot,
    "date": _calendar,
}
"""For each kind of column, the function from its values to their features and to which of them could be used."""
