"""The meaning of every figure, read from the glossary that lies beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).with_name("glossary.md")


@dataclass(frozen=True)
class Definition:
    """A line of the glossary.

    Attributes:
        meaning: Meaning in words.
        better: Value that is better, such as ``higher``; empty where none is.
    """

    meaning: str
    better: str


def define(figure: str) -> Definition | None:
    """Return the definition of a figure, or ``None`` if the glossary has none."""
    return next((meaning for pattern, meaning in _definitions() if pattern.fullmatch(figure)), None)


@cache
def _definitions() -> list[tuple[re.Pattern[str], Definition]]:
    """Return every name of the glossary as a pattern; a part in braces stands for a name."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    found = []
    for line in lines:
        names, meaning, *better = (cell.strip() for cell in line.strip("|").split("|"))
        definition = Definition(meaning, better[0] if better else "")
        found += [(_pattern(name), definition) for name in re.findall(r"`([^`]+)`", names)]
    return found


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(name)))
