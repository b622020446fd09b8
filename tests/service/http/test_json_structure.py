"""What a body holds is counted as a parser would count it, before there is one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidRequestError
from service.http import json_structure
from service.http.json_structure import check_structure

TEXTS = st.text(st.sampled_from('[]{},:"\\\\ aé\\n'), max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda parts: st.lists(parts, max_size=5) | st.dictionaries(TEXTS, parts, max_size=5),
    max_leaves=20,
)


def count(value: Any) -> tuple[int, int, int, int]:
    """Levels of a value, its lists and objects, the commas and colons in it, and the members of its largest object."""
    if not isinstance(value, list | dict):
        return 0, 0, 0, 0
    parts = [count(part) for part in (value.values() if isinstance(value, dict) else value)]
    marks = max(len(value) - 1, 0) + (len(value) if isinstance(value, dict) else 0)
    members = [len(value) if isinstance(value, dict) else 0, *(part[3] for part in parts)]
    depth = 1 + max((part[0] for part in parts), default=0)
    return depth, 1 + sum(part[1] for part in parts), marks + sum(part[2] for part in parts), max(members)


@given(VALUES)
def test_each_limit_is_met_exactly(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    depth, lists, values, members = count(value)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in (("MOST_LISTS", lists), ("MOST_VALUES", values), ("MOST_MEMBERS", members)):
            patch.setattr(json_structure, name, limit)
        check_structure(body, depth)
        for name, limit in (("MOST_LISTS", lists), ("MOST_VALUES", values), ("MOST_MEMBERS", members)):
            if limit:
                patch.setattr(json_structure, name, limit - 1)
                with pytest.raises(InvalidRequestError, match=r"allowed are at most|has more than"):
                    check_structure(body, depth)
                patch.setattr(json_structure, name, limit)
    if depth:
        with pytest.raises(InvalidRequestError, match="nested too deep"):
            check_structure(body, depth - 1)


@pytest.mark.parametrize("body", [b"", b'"', b"\\", b'"\\', b'"\\"', b"]]]]", b"\xff[\xfe", b'{"a": [1, "'])
def test_what_is_no_json_is_left_to_the_parser(body: bytes) -> None:
    check_structure(body, 4)
