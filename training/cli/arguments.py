"""Arguments of the command line as cards tell them, and lists of names among them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def command_line() -> str:
    """Return the command line for a card, which everybody may read: of places on this machine the last name."""
    told = (Path(argument).name if Path(argument).is_absolute() else argument for argument in sys.argv[1:])
    return shlex.join(["python", "-m", "training", *told])


def names_of(text: str | None) -> tuple[str, ...]:
    """Return names that are listed with commas, or are the lines of a file."""
    if text is None:
        return ()
    lines = Path(text).read_text(encoding="utf-8").splitlines() if Path(text).is_file() else text.split(",")
    return tuple(line.strip() for line in lines if line.strip())
