"""What the command line can say about a file of data."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from shlex import quote
from typing import Literal

from training.errors import DataError

Outcome = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to read a file or folder; what is not given follows from what is found there.

    Attributes:
        target: Column to predict.
        task: What a column of numbers is: text is always classes.
        categorical: Columns of numbers that are names of categories.
        drop: Columns to leave out.
        id: Column that says which sequence a line belongs to.
        time: Column that orders the lines of a sequence.
        steps: How many of a sequence's last steps to keep.
        size: Height and width that images are resized to.
        ignore: Value of mask pixels that are of no class.
        split: Which of the published splits.
    """

    target: str | None = None
    task: Outcome | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    steps: int | None = None
    size: tuple[int, int] | None = None
    ignore: int | None = None
    split: int | None = None

    def given(self) -> dict[str, object]:
        """Those that were given."""
        return {field.name: getattr(self, field.name) for field in fields(self) if self._is_given(field.name)}

    def check(self, place: str, kind: str, takes: frozenset[str]) -> None:
        """Raise unless all that were given mean something for this kind of data.

        Raises:
            DataError: naming those that do.
        """
        if strange := sorted(self.given().keys() - takes):
            allowed = ", ".join(f"--{name}" for name in sorted(takes)) or "none"
            raise DataError(f"{place} is {kind}: --{strange[0]} means nothing for it; its options are: {allowed}")

    def arguments(self) -> str:
        """The same on the command line."""
        return "".join(f" {argument}" for name, value in self.given().items() for argument in _argument(name, value))

    def _is_given(self, name: str) -> bool:
        return getattr(self, name) not in (None, ())


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from ``HxW``.

    Raises:
        DataError: if it is not of that form.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not found:
        raise DataError(f"--size {text} is not a height and a width such as 180x240")
    return int(found[1]), int(found[2])


def _argument(name: str, value: object) -> list[str]:
    if name == "size" and isinstance(value, tuple):
        return [f"--size {value[0]}x{value[1]}"]
    values = value if isinstance(value, tuple) else (value,)
    return [f"--{name} {quote(str(one))}" for one in values]
