"""Options of the command line on how to read a file or folder of data."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from shlex import quote
from typing import Literal

from training.errors import DataError

Outcome = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options on how to read a file or folder; those that are not set follow from what the file holds.

    Attributes:
        target: Column to predict.
        task: Task of a target that is a column of numbers; text is always classes.
        categorical: Columns of numbers that are names of categories.
        drop: Columns to leave out.
        id: Column that tells which sequence a line belongs to.
        time: Column that orders the lines of a sequence.
        steps: Number of last steps of each sequence to keep, of a shorter one all.
        size: Height and width that images are resized to.
        background: Colour ``#rrggbb`` that shows where a picture is transparent.
        alpha: ``refuse`` if transparent pictures are refused.
        classes: Names of mask values, as in ``road=255,sky=0`` or ``road=#804080,sky=#000000``.
        ignore: Label of mask pixels that belong to no class; ``#rrggbb`` where masks are coloured.
        split: Number of the published split, counted from 0.
    """

    target: str | None = None
    task: Outcome | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    steps: int | None = None
    size: tuple[int, int] | None = None
    background: str | None = None
    alpha: Literal["refuse"] | None = None
    classes: str | None = None
    ignore: int | str | None = None
    split: int | None = None

    @property
    def is_set(self) -> dict[str, object]:
        """Options that were set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, ())}

    def check(self, place: str, kind: str, takes: frozenset[str]) -> None:
        """Raise unless this kind of data takes all options that were set.

        Args:
            place: Name of the data, for the message.
            kind: Kind of the data with its article, for the message.
            takes: Names of the options that apply to this kind.

        Raises:
            DataError: naming the options that apply.
        """
        if unknown := sorted(self.is_set.keys() - takes):
            allowed = ", ".join(f"--{name}" for name in sorted(takes)) or "none"
            raise DataError(f"{place} is {kind}: --{unknown[0]} does not apply to it; its options are: {allowed}")

    def arguments(self) -> str:
        """Return the options as they are written on the command line."""
        return "".join(f" {argument}" for name, value in self.is_set.items() for argument in _argument(name, value))


def parse_size(text: str) -> tuple[int, int]:
    """Parse ``HxW`` into height and width.

    Raises:
        DataError: if the text has another form.
    """
    match = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not match:
        raise DataError(f"--size {text} is not a height and a width such as 180x240")
    return int(match[1]), int(match[2])


def _argument(name: str, value: object) -> list[str]:
    if name == "size" and isinstance(value, tuple):
        return [f"--size {value[0]}x{value[1]}"]
    values = value if isinstance(value, tuple) else (value,)
    return [f"--{name} {quote(str(item))}" for item in values]
