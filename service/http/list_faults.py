"""The first fault in nested lists that should hold numbers: its place, what is there, and what is allowed."""

from __future__ import annotations

from models.errors import CredenceError, InputShapeError, InputValueError


def find_fault(value: list[object], at: str) -> CredenceError | None:
    """Return the refusal of the first item that is no number, or of the first list unlike the first of its depth.

    Rows may differ in length, as sequences do; the lists in them may not.

    Args:
        value: The lists.
        at: JSON pointer to them.
    """
    return _find(value, at, _first_lengths(value), 0)


def _first_lengths(value: object) -> list[int]:
    """Return the length of the first list at each depth; an empty one is the last."""
    lengths = []
    while isinstance(value, list):
        lengths.append(len(value))
        value = value[0] if value else None
    return lengths


def _find(value: list[object], at: str, lengths: list[int], depth: int) -> CredenceError | None:
    if len(value) != lengths[depth] and depth != 1:
        return InputShapeError(
            f"the list at {at} has {len(value)} items and the first like it has {lengths[depth]};"
            " allowed are rows of one length",
            at,
        )
    if depth + 1 == len(lengths) and {*map(type, value)} <= {int, float}:  # as nearly all are, and none takes time
        return None
    for i, item in enumerate(value):
        fault = _fault_of(item, f"{at}/{i}", lengths, depth + 1)
        if fault is not None:
            return fault
    return None


def _fault_of(item: object, at: str, lengths: list[int], depth: int) -> CredenceError | None:
    if item is None:
        return InputValueError(f"the value at {at} is null, a missing one; allowed are finite numbers", at)
    if isinstance(item, str | bool):
        kind = "text" if isinstance(item, str) else "true or false"
        by_name = ', or rows by column name, such as {"inputs": [{"colour": "red"}]}' * at.startswith("/inputs/")
        return InputValueError(f"the value at {at} is {kind}, not a number; allowed are finite numbers{by_name}", at)
    if isinstance(item, dict):
        return InputShapeError(f"an object is at {at} among rows by position; allowed are objects alone, or none", at)
    if isinstance(item, list) == (depth == len(lengths)):
        there, others = ("a list", "a number") if isinstance(item, list) else ("a number", "a list")
        return InputShapeError(
            f"there is {there} at {at}, and the first item at that depth is {others}; allowed are rows of one shape", at
        )
    return _find(item, at, lengths, depth) if isinstance(item, list) else None
