"""Dates in a column of text: which format they have, and which cycles of the calendar they go through."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.columns import SECONDS, Cycle, seconds_of

_DAYS = (
    "%Y/%m/%d",
    "%Y.%m.%d",
    *(order.replace("-", mark) for mark in "./-" for order in ("%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y")),
    *(
        order
        for month in "bB"
        for order in (f"%d %{month} %Y", f"%d-%{month}-%Y", f"%{month} %d, %Y", f"%{month} %d %Y")
    ),
    "%d-%b-%y",
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%m.%Y", "%b %Y", "%B %Y", "%b-%y")
_FORMATS = (*(f"{day}{time}" for day, time in itertools.product(_DAYS, _TIMES)), *_MONTHS)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}.*)?")
_LIKE_A_TIME = re.compile(
    r"\d{4}[-/ ]?[QWHST]\d{1,2}(-\d)?|[QWHST]\d{1,2}[-/ ]?\d{4}"  # quarters, weeks and halves of a year
    r"|\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AP]M)?"  # times of a day, and durations
    r"|\d{4}([-/.])\d{1,2}\5\d{1,2}\D.*|\d{1,2}([-/.])\d{1,2}\6(\d{4}|\d{2})(\D.*)?"  # with something behind it
    r"|\d{1,2}\.?[ -][^\W\d]{3,}\.?,?[ -]\d{4}(\D.*)?",  # months in other languages
    re.IGNORECASE,
)
_SAMPLE = 50

YEAR_MONTH_DAY = "%Y%m%d"
_WHOLE_DATE = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")


def formats_of(texts: Sequence[str]) -> list[str]:
    """Return the formats in which most of the texts are dates; several if day and month cannot be told apart.

    >>> formats_of(["2024-01-31"]), formats_of(["31.01.2024", "01.02.2024"]), formats_of(["red"])
    ([''], ['%d.%m.%Y'], [])
    >>> formats_of(["01/02/2024"])
    ['%d/%m/%Y', '%m/%d/%Y']

    Args:
        texts: The different texts of a column.

    Returns:
        Formats as in ``datetime.strptime``, the empty one being ISO 8601; empty if the texts are no dates.
    """
    sample = texts if len(texts) <= _SAMPLE else texts[:: len(texts) // _SAMPLE]
    likely = [form for form in ("", *_FORMATS) if _fit(_moments(sample, form)) >= 0.5]
    read = {form: _moments(texts, form) for form in likely}
    most = max(map(_fit, read.values()), default=0)
    best = {tuple(moments): form for form, moments in reversed(read.items()) if _fit(moments) == most >= 0.5}
    return list(best.values())[::-1]  # formats that read the same dates, as those of months do in May, are one


def moment_of(text: str, date_format: str) -> float | None:
    """Return a date in seconds since 1970, ``None`` if it is none; of ISO 8601 only 2024-12-31, perhaps with a time."""
    return seconds_of(text, date_format) if date_format or _ISO.fullmatch(text) else None


def _moments(texts: Sequence[str], date_format: str) -> list[float | None]:
    return [moment_of(text, date_format) for text in texts]


def _fit(moments: Sequence[float | None]) -> float:
    """Return the share of texts that are dates."""
    return sum(moment is not None for moment in moments) / max(1, len(moments))


def are_whole_dates(texts: Sequence[str]) -> bool:
    """Return whether all texts are dates that are written as whole numbers, such as ``20241231``."""
    return len(texts) > 1 and all(
        _WHOLE_DATE.fullmatch(text) and seconds_of(text, YEAR_MONTH_DAY) is not None for text in texts
    )


def is_like_a_time(text: str) -> bool:
    """Return whether a text that is no date in any known format is some kind of time all the same.

    >>> [is_like_a_time(text) for text in ("2024-Q3", "W05 2024", "23:59", "1. März 2024", "2024-12-31 10:00 UTC")]
    [True, True, True, True, True]
    >>> [is_like_a_time(text) for text in ("red", "18-25", "12:1", "10.0.0.1", "M3 2024")]
    [False, False, False, False, False]
    """
    return _LIKE_A_TIME.fullmatch(text) is not None


def cycles_of(seconds: NDArray[np.float64], *, of_months: bool = False) -> tuple[Cycle, ...]:
    """Return the cycles of the calendar whose phase varies among moments in seconds since 1970.

    Args:
        seconds: Moments, ``(N,)``.
        of_months: ``True`` if they stand for whole months, which have no day of the week.
    """
    day = np.floor(seconds / SECONDS["day"])
    varies: dict[Cycle, NDArray[np.float64]] = {"year": day, "week": day % 7, "day": seconds % SECONDS["day"]}
    if of_months:
        del varies["week"]
    return tuple(cycle for cycle, phase in varies.items() if len(np.unique(phase)) > 1)


def some_lack_zones(texts: Sequence[str]) -> bool:
    """Return whether some dates of ISO 8601 name a time zone and others do not.

    >>> some_lack_zones(["2024-01-31T00:00", "2024-01-31T00:00:00+02:00"]), some_lack_zones(["2024-01-31", "soon"])
    (True, False)
    """
    dates = [datetime.fromisoformat(text) for text in texts if moment_of(text, "") is not None]
    return len({date.tzinfo is None for date in dates}) == 2
