"""Units of measurement in the names of columns."""

from __future__ import annotations

import re

_BRACKETED = re.compile(r".+?[(\[]\s*([^()\[\]]{1,12}?)\s*[)\]]\s*")
_AFTER_IN = re.compile(r".+\sin\s(\S{1,8})")
_SHORT = 3


def unit_of(name: str) -> str:
    """Return the unit that a column's name ends with, in brackets or after ``in``; empty if it has none.

    >>> [unit_of(name) for name in ("size (m2)", "size [m²]", "temp in °C", "rooms in house", "income (2020)", "age")]
    ['m2', 'm²', '°C', '', '', '']
    """
    if match := _BRACKETED.fullmatch(name):
        return "" if match[1].isdecimal() else match[1]
    match = _AFTER_IN.fullmatch(name)
    return match[1] if match and (len(match[1]) <= _SHORT or not match[1].isalpha()) else ""
