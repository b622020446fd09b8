"""The lines of the user's code that run, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch import Tensor

from training.run.importing.lines import is_users

Place = tuple[str, int]
_LENGTHS = (Tensor.__len__.__code__, Tensor.__iter__.__code__)


@contextmanager
def following(visit: Callable[[FrameType, str], None]) -> Iterator[None]:
    """Call a function at each call of any Python code, and at each line of the user's, with the frame and the event."""

    def follow(frame: FrameType, event: str, _result: Any) -> Any:
        visit(frame, event)
        return follow if is_users(frame.f_code.co_filename) else None

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        yield
    finally:
        sys.settrace(before)


def parting(one: Callable[[], object], other: Callable[[], object]) -> Place:
    """Return the last line of the user's code before two runs go different ways; ``("", 0)`` if they do not."""
    paths = _path(one), _path(other)
    common = next((i for i, pair in enumerate(zip(*paths, strict=False)) if pair[0] != pair[1]), None)
    if common is None:
        common = min(map(len, paths)) if len(paths[0]) != len(paths[1]) else 0
    return paths[0][common - 1][0] if common else ("", 0)


def place_of_length(run: Callable[[], object], rows: int) -> Place:
    """Return the first line of the user's code that asks a tensor for its ``len()``, or goes through its rows."""
    places: list[Place] = []

    def visit(frame: FrameType, event: str) -> None:
        caller = frame.f_back
        if event != "call" or frame.f_code not in _LENGTHS or not (caller and is_users(caller.f_code.co_filename)):
            return
        if tuple(frame.f_locals["self"].shape[:1]) == (rows,):
            places.append((caller.f_code.co_filename, caller.f_lineno))

    with following(visit):
        run()
    return places[0] if places else ("", 0)


def _path(run: Callable[[], object]) -> list[tuple[Place, int]]:
    """Return the steps of the user's code, of which a line may hold many."""
    path: list[tuple[Place, int]] = []

    def visit(frame: FrameType, event: str) -> None:
        if event == "opcode":
            path.append(((frame.f_code.co_filename, frame.f_lineno), frame.f_lasti))
        elif event == "call":
            frame.f_trace_opcodes = True

    with following(visit):
        run()
    return path
