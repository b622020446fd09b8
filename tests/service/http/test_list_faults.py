"""Null, text and raggedness among numbers are three messages, each with its place."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import CredenceError
from service.http.request_body import numbers_from_json


@pytest.mark.parametrize(
    ("value", "pointer", "said"),
    [
        ([[1, 2], [3, None]], "/inputs/1/1", "is null, a missing one"),
        ([[1, 2], [3, "x"]], "/inputs/1/1", "is text, not a number"),
        ([[1, True]], "/inputs/0/1", "is true or false, not a number"),
        ([[1, 2], {"a": 1}], "/inputs/1", "an object is at /inputs/1 among rows by position"),
        ([[1, {}]], "/inputs/0/1", "an object is at /inputs/0/1"),
        ([[1, 2], [3, [4]]], "/inputs/1/1", "there is a list at /inputs/1/1"),
        ([[1, 2], 3], "/inputs/1", "there is a number at /inputs/1"),
        ([[[1, 2], [3, 4]], [[1, 2], [3]]], "/inputs/1/1", "has 1 items and the first like it has 2"),
        ([1, "x"], "/inputs/1", "is text"),
        ([[1, 10**400]], "/inputs", "more than 64 bits"),
        ("rows", "/inputs", "is not a list"),
        ([[1, "x"], [None]], "/inputs/0/1", "is text"),
    ],
)
def test_the_first_fault_is_named_with_its_place(value: object, pointer: str, said: str) -> None:
    with pytest.raises(CredenceError, match=said) as refused:
        numbers_from_json(value)
    assert refused.value.pointer == pointer  # type: ignore[attr-defined]


def test_sequences_may_differ_in_length() -> None:
    rows = numbers_from_json([[[1, 2], [3, 4]], [[5, 6]]])
    assert rows.dtype == object
    assert [row.tolist() for row in rows] == [[[1, 2], [3, 4]], [[5, 6]]]
    assert np.array_equal(numbers_from_json([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
