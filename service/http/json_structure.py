"""What a JSON body holds, counted before anything is made of it.

Python's parser keeps its lock while it reads: for 40 ms in a list of a million numbers, and for 80 ms in an object of
as many names as fit, in which nobody else is answered. So the items of all lists and the members of each object are
counted first, and the lock is free meanwhile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRequestError

MOST_LISTS = 100_000
"""Most lists and objects in a body: more than a batch of images has lines, and few enough to be made in a moment."""
MOST_VALUES = 400_000
"""Most values in a body that is not rows of numbers alone: they are made in 20 ms."""
MOST_MEMBERS = 20_000
"""Most members of an object: more than a table has columns."""

_QUOTE, _BACKSLASH, _BEGIN, _OPEN, _END, _CLOSE, _COMMA, _COLON = range(1, 9)
_MARK = np.zeros(256, np.uint8)
_MARK[list(b'"\\{[}],:')] = range(1, 9)
_STEP = np.array([0, 0, 0, 1, 1, -1, -1, 0, 0], np.int8)
"""What each mark adds to the depth."""


def check_structure(body: bytes, max_depth: int) -> None:
    """Raise if a body nests too deep, or has more lists, objects, values or members than can be read in a moment.

    Of a body that is no JSON nothing is promised but the time that this takes: the parser refuses it.

    Raises:
        InvalidRequestError: saying what is too many and how many are allowed.
    """
    marks = _marks(_MARK[np.frombuffer(body, np.uint8)])
    steps = _STEP[marks]
    lists, values = int((steps > 0).sum()), int((marks >= _COMMA).sum())
    if lists > MOST_LISTS:
        raise InvalidRequestError(f"the body has too many lists and objects; allowed are at most {MOST_LISTS}")
    depths = np.cumsum(steps, dtype=np.int32)
    if depths.max(initial=0) > max_depth:
        raise InvalidRequestError(f"the body is nested too deep; allowed are at most {max_depth} levels")
    if values > MOST_VALUES:
        raise InvalidRequestError(
            f"the body has more than {MOST_VALUES} values and is not rows of finite numbers of one shape alone, which"
            " may have more; send fewer, or arrays of numbers"
        )
    if values > MOST_MEMBERS and _largest_object(marks, depths) > MOST_MEMBERS:
        raise InvalidRequestError(f"an object in the body has too many members; allowed are at most {MOST_MEMBERS}")


def _marks(kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brackets, commas and colons outside texts, in their order."""
    places = np.flatnonzero(kinds)
    marks: NDArray[np.uint8] = kinds[places]
    if (marks == _BACKSLASH).any():
        others = np.maximum.accumulate(np.where(kinds == _BACKSLASH, -1, np.arange(len(kinds), dtype=np.int32)))
        behind = places - others[places - 1]  # a quote behind an odd number of backslashes ends no text
        marks = marks[(marks != _BACKSLASH) & ((marks != _QUOTE) | (behind % 2 == 1))]
    quotes = marks == _QUOTE
    outside: NDArray[np.uint8] = marks[~quotes & ~np.logical_xor.accumulate(quotes)]
    return outside


def _largest_object(marks: NDArray[np.uint8], depths: NDArray[np.int32]) -> int:
    """Return the number of members of the object that has most."""
    colons, ends = np.flatnonzero(marks == _COLON), np.flatnonzero(marks == _END)
    most = 0
    for depth in np.unique(depths[colons]):  # the objects at one depth end one after the other
        objects = np.searchsorted(ends[depths[ends] == depth - 1], colons[depths[colons] == depth])
        most = max(most, int(np.bincount(objects).max()))
    return most
