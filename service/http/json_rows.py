"""Rows in JSON as an array, without a Python object for each number: the usual body takes a tenth of the time.

simdjson lets the first of two equal keys win and does not count what nests; so only a body that can hold none of what
is refused is read here, and any other gets a second look by :func:`service.http.request_body.parse_json`, which words
the refusals. There is no body that both read and read differently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.http.json_structure import MOST_LISTS
from service.http.request_body import MOST_KEYS


def read_numbers(
    body: bytes, key: str, max_rows: int, max_depth: int, parser: simdjson.Parser | None = None
) -> tuple[dict[str, Any], NDArray[Any]] | None:
    """Return the options of a body and its rows of numbers in their shape; ``None`` if it needs a second look.

    Args:
        body: A JSON object in UTF-8, such as ``{"inputs": [[0, 1]], "samples": 50}``.
        key: Key of the rows.
        max_rows: Limit on the rows.
        max_depth: Limit on the levels of lists and objects.
        parser: Parser that keeps its memory from one body to the next; of a long one, getting it takes longest.
    """
    # One brace is no object within another; and simdjson would pass over a byte order mark.
    if not body.startswith(b"{") or body.count(b"{") > 1 or (opened := body.count(b"[")) > MOST_LISTS:
        return None
    try:
        document: Any = (parser or simdjson.Parser()).parse(body)
        names, rows = list(document), document[key]
        if not len({*names}) == len(names) <= MOST_KEYS:  # before each is looked for among all
            return None
        shape, lists = _shape(rows, max_rows)
        options = {name: document[name] for name in names if name != key}
        listed = {name: value.as_list() for name, value in options.items() if isinstance(value, simdjson.Array)}
        # Every list must be among those that were counted: one more would stand in the place of a number.
        if lists + len(listed) != opened or len(shape) >= max_depth:
            return None
        return options | listed, np.frombuffer(rows.as_buffer(of_type="d")).reshape(shape)
    except (ValueError, TypeError, KeyError, RuntimeError, IndexError):  # malformed, or with something else in it
        return None


def _shape(rows: Any, max_rows: int) -> tuple[list[int], int]:
    """Return the shape of nested lists, and how many they are.

    Raises:
        ValueError: if they are too many rows, empty, or not of one shape.
    """
    shape, level, lists = [len(rows)], [rows], 1
    if not 0 < len(rows) <= max_rows:
        raise ValueError
    while isinstance(level[0][0], simdjson.Array):
        level = [one for part in level for one in part]
        shape.append(len(level[0]))
        if any(len(one) != shape[-1] for one in level):
            raise ValueError
        lists += len(level)
    return shape, lists
