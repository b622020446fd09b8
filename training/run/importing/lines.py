"""Lines of the user's own code, which refusals name."""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from torch import fx

_PACKAGES = "site-packages"
_FOREIGN = re.compile(rf"/{_PACKAGES}/(torch|sympy|onnxscript|numpy)/")
_STANDARD = sysconfig.get_path("stdlib")
_OURS = str(Path(__file__).parents[1])
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)', re.MULTILINE)


def line_of_node(node: fx.Node) -> tuple[str, int]:
    """Return the file and the line of the user's code that computes a node of a trace; ``("", 0)`` if unknown."""
    frames = [(found["file"], int(found["line"])) for found in _FRAME.finditer(node.meta.get("stack_trace") or "")]
    return next((frame for frame in reversed(frames) if is_users(frame[0])), ("", 0))


def line_of_error(error: BaseException) -> tuple[str, int]:
    """Return the file and the line of the user's code that an error came from; ``("", 0)`` if unknown."""
    frames = [(frame.filename, frame.lineno or 0) for one in error_chain(error) for frame in _frames(one)]
    return next((frame for frame in reversed(frames) if is_users(frame[0])), ("", 0))


def quote(place: tuple[str, int]) -> str:
    """Return a line as a refusal quotes it, with what it says; nothing if it is unknown."""
    file, number = place
    text = linecache.getline(file, number).strip()
    return f"{Path(file).name}, line {number}{f' ({text})' if text else ''}: " if file else ""


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the errors that an error came from, the first of them first, and itself last."""
    if error is not None:
        yield from error_chain(error.__cause__ or error.__context__)
        yield error


@cache
def is_users(file: str) -> bool:
    """Return whether a file is of the user's own code."""
    standard = file.startswith(_STANDARD) and _PACKAGES not in file
    return not (standard or _FOREIGN.search(file) or file.startswith((_OURS, "<")))
