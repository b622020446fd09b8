"""Options of the command line on how to read a file or folder of data."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from shlex import quote
from typing import Literal

from training.errors import DataError

Outcome = Literal["classification", "regression", "multilabel"]
Missing = Literal["impute", "drop-rows"]

NA_VALUES = (
    *("NA", "N/A", "n.a.", "#N/A", "#NA", "<NA>", "NaN", "-NaN", "NaT", "null", "#NULL!", "None", "nil", "missing"),
    *("(null)", "\\N", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "1.#QNAN", "1.#IND", "-1.#IND"),
    *("?", ".", "-", "--"),
)
"""Marks of missing values, whose case does not matter; a cell without text is missing always."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options on how to read a file or folder; those that are not set follow from what the file holds.

    Attributes:
        target: Columns to predict; ``a,b`` is two unless a column has that name.
        task: Task of a target that is a column of numbers; text is always classes. ``multilabel`` are several labels of
            0 and 1, which arrays alone hold.
        categorical: Columns whose values are names of categories.
        numeric: Columns whose values are numbers.
        date_format: Columns of dates with their format, as ``COLUMN=%d.%m.%Y``.
        keep: Columns to predict from although they are constant, or look like identifiers.
        drop: Columns to leave out.
        missing: Treatment of missing values: ``impute`` or ``drop-rows``; by default they are refused.
        na_values: Marks of missing values with commas between them, instead of the usual ones.
        encoding: Name of a text file's encoding.
        delimiter: Character between a text file's columns.
        decimal: Character before the decimals in a text file.
        thousands: Character between groups of three digits in a text file.
        id: Column that tells which sequence a line belongs to.
        time: Column that orders the lines of a sequence.
        steps: Number of last steps of each sequence to keep, of a shorter one all.
        size: Height and width that images are resized to.
        background: Colour ``#rrggbb`` that shows where a picture is transparent.
        alpha: ``refuse`` if transparent pictures are refused.
        classes: Names of mask values, as in ``road=255,sky=0`` or ``road=#804080,sky=#000000``.
        ignore: Label of mask pixels that belong to no class; ``#rrggbb`` where masks are coloured.
        split: Number of the published split, counted from 0.
        whole: Whether all rows are in every split, to measure a model on data that it was not trained on. No option of
            the command line says so.
    """

    target: str | tuple[str, ...] = ()
    task: Outcome | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    date_format: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: Missing | None = None
    na_values: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    id: str | None = None
    time: str | None = None
    steps: int | None = None
    size: tuple[int, int] | None = None
    background: str | None = None
    alpha: Literal["refuse"] | None = None
    classes: str | None = None
    ignore: int | str | None = None
    split: int | None = None
    whole: bool = False

    @property
    def is_set(self) -> dict[str, object]:
        """Options that were set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "whole"}
        return {name: value for name, value in values.items() if value not in (None, ())}

    @property
    def targets(self) -> tuple[str, ...]:
        """Columns to predict, as they were named."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks of missing values."""
        if self.na_values is None:
            return NA_VALUES
        return tuple(mark.strip() for mark in self.na_values.split(",") if mark.strip())

    @property
    def date_formats(self) -> dict[str, str]:
        """Formats of the columns of dates, by the column's name.

        Raises:
            DataError: if one is not ``COLUMN=FORMAT``.
        """
        formats = {}
        for text in self.date_format:
            column, _, date_format = text.rpartition("=")
            if not column or "%" not in date_format:
                raise DataError(f"--date-format {text} is not COLUMN=FORMAT, such as sold=%d.%m.%Y")
            formats[column] = date_format
        return formats

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
            allowed = ", ".join(map(_flag, sorted(takes))) or "none"
            raise DataError(f"{place} is {kind}: {_flag(unknown[0])} does not apply to it; its options are: {allowed}")

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
    return [f"{_flag(name)} {quote(str(item))}" for item in values]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
