"""Each column of a table becomes a number, a category, a date or nothing, for a reason that is said."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from shlex import quote

import numpy as np

from models.columns import LARGEST, MOST_NAMES, Column, Values, category_of
from models.tables import LeftOut
from training.data.cells import AS_PROGRAMS_DO, Cells, quoted
from training.data.dates import (
    YEAR_MONTH_DAY,
    are_whole_dates,
    cycles_of,
    formats_of,
    is_like_a_time,
    moment_of,
    some_lack_zones,
)
from training.data.identifiers import reason_for_numbers, reason_for_texts
from training.data.options import Options
from training.data.problems import Problem, Problems
from training.data.table import Table
from training.data.units import unit_of

MOST_TOLD_CATEGORIES = 1000
"""Largest number of categories of a column that the user says is one of categories."""
_MONEY = "[$€£¥]|EUR|USD|GBP|CHF"
WRITTEN_OTHERWISE = re.compile(
    rf"(?:{_MONEY})?\s?[-+\u2212(]?(?:{_MONEY})?\s?\d[\d.,'\u2019\s]*(?:[eE][-+\u2212]?\d+)?\)?\s?(?:%|{_MONEY})?-?"
)
"""Other ways to write a number: ``1,5`` or ``1 000`` or ``5 %`` or ``(1,234.50)`` or ``CHF 1\u2019000``."""
_COMMA = re.compile(r"[-+]?\d[\d.]*,\d+(?:[eE][-+]?\d+)?|[-+]?\d{1,3}(,\d{3})+\.\d+")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:([\s'\u2019])\d{3})+(?:([.,])\d+)?")
_PLAINLY = "write sign, digits and a decimal point alone, and the unit into the header"
_WITH_UNIT = re.compile(r"[-+]?\d+(?:[.,]\d+)?\s?([^\W\d]\S{0,7})")
_FEWEST_TOLD = 10
"""Number of different numbers with a unit, or of times, up to which they may be categories: the terms of loans."""
_CODE = re.compile(r"0\d+")
_SEPARATORS = "if the comma begins the decimals, say --decimal , and if it groups thousands, --thousands ,"


@dataclass
class Chosen:
    """Decisions on the columns of a table.

    Attributes:
        columns: Columns to predict from; without their ranges, which only training rows have.
        left_out: Columns that are not predicted from, and why.
        refused: Columns that cannot be used as they are.
        notes: Decisions taken without being told, a sentence each.
    """

    columns: list[Column] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose(table: Table, options: Options, others: Collection[str], problems: Problems) -> Chosen:
    """Decide on every column of a table but those that have another part, such as the target.

    Args:
        table: The table, with its missing cells known.
        options: Decisions of the user.
        others: Columns that are no features.
        problems: Collects cells that cannot be used.
    """
    candidates = [name for name in table.columns if name not in others and name not in options.drop]
    if len(candidates) == 1 and not options.keep:
        options = replace(options, keep=tuple(candidates))  # there is nothing else to predict from
    chosen = Chosen(left_out=[LeftOut(name, "by --drop") for name in table.columns if name in options.drop])
    for name in candidates:
        _Deciding(name, table, options, problems, chosen).decide()
    decided = {column.name for column in chosen.columns} | {column.name for column in chosen.left_out}
    chosen.refused += [name for name in candidates if name not in decided]
    for name, why in table.unreadable.items():
        if name not in options.drop:
            problems.add(Problem(name, f"is {why}, which is no feature; leave it out with --drop {name}"))
    return chosen


def values_of(column: Column, table: Table) -> Values:
    """Return the cells of a column as the schema encodes them, a value for each row."""
    cells = table.columns[column.name]
    if column.kind != "number":
        return cells.spread(cells.values)
    numbers = [table.numbers.number(value) for value in cells.values]
    if None in numbers:
        return cells.spread([v if n is None else n for v, n in zip(cells.values, numbers, strict=True)])
    return np.array([*numbers, np.nan], np.float64)[cells.index]


def refuse(name: str, cells: Cells, chosen: Sequence[bool], what: str, remedy: str, problems: Problems) -> None:
    """Add the cells that hold some of a column's different values to the problems.

    Args:
        name: Name of the column.
        cells: Its cells.
        chosen: Whether a value is refused, for each of ``cells.values``.
        what: Fault of these values, such as ``is not a number``.
        remedy: Advice on what the user can do about it.
        problems: Collects the cells.
    """
    if any(chosen):
        rows = cells.where(chosen).tolist()
        problems.add(Problem(name, remedy, what, rows, lambda row: quoted(cells.values[cells.index[row]])))


def advice_on_notation(texts: Sequence[str]) -> str:
    """Return what can be done about numbers that are written in another way than programs do.

    >>> advice_on_notation(["12", "1 234,5"])
    "if they group thousands, say --thousands ' ' --decimal ,"
    """
    if any(map(_COMMA.fullmatch, texts)):
        return _SEPARATORS
    for found in filter(None, map(_GROUPED.fullmatch, texts)):
        mark = "' '" if found[1].isspace() else '"\'"'
        return f"if they group thousands, say --thousands {mark}{' --decimal ,' * (found[2] == ',')}"
    return _PLAINLY


def alike(names: Iterable[str]) -> list[str]:
    """Return the names, quoted, that differ from another only in case, spaces or the form of accents.

    >>> alike(["Red", "red ", "blue"]), alike(["gr\\u00fcn", "gru\\u0308n"]) != []
    (["'Red'", "'red '"], True)
    """
    plain = {name: " ".join(unicodedata.normalize("NFKC", name).split()).casefold() for name in names}
    counts = Counter(plain.values())
    return [quoted(name) for name, same in plain.items() if counts[same] > 1]


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Sort names as numbers if all are numbers, else by the alphabet.

    >>> ordered({"10", "9"}), ordered({"b", "a", "10"})
    (('9', '10'), ('10', 'a', 'b'))
    """
    several = sorted(names)
    numbers = [AS_PROGRAMS_DO.number(name) for name in several]
    return tuple(sorted(several, key=float) if None not in numbers else several)


@dataclass
class _Deciding:
    """One column on its way to a decision."""

    name: str
    table: Table
    options: Options
    problems: Problems
    chosen: Chosen

    @cached_property
    def cells(self) -> Cells:
        """Cells of all rows."""
        return self.table.columns[self.name]

    @cached_property
    def trained(self) -> Cells:
        """Cells of the rows that may be trained with."""
        return self.cells.rows(self.table.trained)

    @cached_property
    def texts(self) -> list[str]:
        """Each different value as text."""
        return [category_of(value) for value in self.cells.values]

    @cached_property
    def numbers(self) -> list[float | None]:
        """The number that each different value is, if it is one."""
        return [self.table.numbers.number(value) for value in self.cells.values]

    def decide(self) -> None:
        """Add the column to those that are chosen or left out, and cells that do not suit it to the problems."""
        options = self.options
        if not self.trained.values:
            self._leave_out("it has no value in any training row")
        elif len(self.trained.values) == 1 and self.name not in options.keep:
            self._leave_out(f"constant: {quoted(self.trained.values[0])} in every training row")
        elif self.name in options.date_formats:
            self._take_dates(options.date_formats[self.name])
        elif self.name in options.categorical:
            self._take_categories()
        elif self.name in options.numeric or self._are_most([number is not None for number in self.numbers]):
            self._decide_on_numbers()
        else:
            self._decide_on_texts()

    def _decide_on_numbers(self) -> None:
        if self.name not in self.options.numeric:
            if are_whole_dates(self.texts):
                self._note("whole numbers that are dates such as 20241231, and taken for these", "numeric")
                return self._take_dates(YEAR_MONTH_DAY)
            if any(_CODE.fullmatch(text) for text in self.texts):
                self._note("numbers that begin with 0, which are taken for categories", "numeric")
                return self._take_categories()
        strange = [text for number, text in zip(self.numbers, self.texts, strict=True) if number is None]
        hint = (
            "write one, or take it for missing with --na-values; if the numbers of this column are names of categories,"
        )
        hint = f"{hint} say --categorical {self.name}"
        if any(map(WRITTEN_OTHERWISE.fullmatch, strange)):
            hint = advice_on_notation(strange)
        self._refuse([number is None for number in self.numbers], "is not a number", hint)
        infinite = [number is not None and not abs(number) <= LARGEST for number in self.numbers]
        self._refuse(
            infinite, "is not a finite float32 number", "take it for missing with --na-values, or leave out the row"
        )
        if None in self.numbers or any(infinite):
            return None
        reason = reason_for_numbers(self.name, self.cells, np.array(self.numbers, np.float64))
        if reason and self.name not in (*self.options.numeric, *self.options.keep):
            return self._leave_out(reason)
        return self.chosen.columns.append(Column(self.name, "number", unit_of(self.name)))

    def _decide_on_texts(self) -> None:
        formats = formats_of(self.texts)
        if len(formats) > 1:
            choice = " or ".join(f"--date-format {self.name}={quote(form)}" for form in formats)
            every = [True] * len(self.texts)
            return self._refuse(every, "can be read with the day or the month first", f"say {choice}")
        if formats:
            return self._take_dates(formats[0])
        if len(self.texts) > _FEWEST_TOLD and self._are_most([is_like_a_time(text) for text in self.texts]):
            every = [True] * len(self.texts)
            hint = f"write dates as 2024-12-31 or name their format with --date-format {self.name}=FORMAT, and times as"
            hint = f"{hint} numbers; or say --categorical {self.name} or --drop {self.name}"
            return self._refuse(every, "is a time in no format that is known", hint)
        otherwise = [bool(WRITTEN_OTHERWISE.fullmatch(text)) for text in self.texts]
        reason = "" if self._are_most(otherwise) else reason_for_texts(self.cells)
        if reason and self.name not in self.options.keep:
            return self._leave_out(reason)
        if self.table.has_types:
            return self._take_categories()
        if self._are_most(otherwise):
            return self._refuse_otherwise(otherwise)
        self._refuse_numbers(otherwise)
        if unit := self._unit():
            every = [True] * len(self.texts)
            hint = f"write {unit!r} into the header, as in '{self.name} ({unit})'"
            return self._refuse(every, "is a number with its unit", f"{hint}; or say --categorical {self.name}")
        return self._take_categories()

    def _unit(self) -> str:
        """Return what follows the number in every one of many different values; empty if it is not always the same."""
        found = [_WITH_UNIT.fullmatch(text) for text in self.texts]
        units = {match[1] if match else "" for match in found}
        return units.pop() if len(units) == 1 and len(found) > _FEWEST_TOLD else ""

    def _refuse_numbers(self, otherwise: Sequence[bool]) -> None:
        hint = f"if it is the name of a category, say --categorical {self.name}"
        self._refuse([n is not None for n in self.numbers], "is a number, but most of this column is text", hint)
        self._refuse_otherwise(otherwise)

    def _refuse_otherwise(self, otherwise: Sequence[bool]) -> None:
        hint = f"if it is the name of a category, say --categorical {self.name}"
        otherwise = [other and n is None for other, n in zip(otherwise, self.numbers, strict=True)]
        strange = [text for text, other in zip(self.texts, otherwise, strict=True) if other]
        self._refuse(otherwise, "is not written as a number such as 1234.5", f"{advice_on_notation(strange)}; {hint}")

    def _take_categories(self) -> None:
        names = ordered({category_of(value) for value in self.trained.values})
        most = min(MOST_TOLD_CATEGORIES, int(self.cells.counts.sum()) // 2)
        if len(names) > max(2, most):
            found = f"has {len(names)} different values; at most {most} of these rows can become categories"
            return self.problems.add(Problem(self.name, f"{found}; leave the column out with --drop {self.name}"))
        unknown = [text not in names for text in self.texts]
        self._refuse(unknown, "is in no training row", f"leave out these rows, or the column with --drop {self.name}")
        if twice := alike(names):
            self._note(f"categories that differ only in case, spaces or the form of accents: {', '.join(twice)}")
        if len(names) > MOST_NAMES:
            self._note(f"{len(names)} categories, which become a feature each")
        return self.chosen.columns.append(Column(self.name, "category", categories=names))

    def _take_dates(self, date_format: str) -> None:
        moments = [moment_of(text, date_format) for text in self.texts]
        said = f"is no date as {date_format or '2024-12-31'}"
        self._refuse(
            [m is None for m in moments], said, f"another format is told with --date-format {self.name}=FORMAT"
        )
        if not date_format and some_lack_zones(self.texts):
            self.chosen.notes.append(f"column {self.name!r} has dates without a time zone, which are taken for UTC")
        known = [
            moment for text in self.trained.values if (moment := moment_of(category_of(text), date_format)) is not None
        ]
        cycles = cycles_of(np.array(known), of_months=bool(date_format) and "%d" not in date_format)
        parts = ", ".join(["its place in time", *(f"in the {cycle}" for cycle in cycles)])
        self._note(f"dates{f' as {date_format}' * bool(date_format)}, which become {parts}", "categorical")
        self.chosen.columns.append(Column(self.name, "date", cycles=cycles, date_format=date_format))

    def _are_most(self, chosen: Sequence[bool]) -> bool:
        """Return whether most rows with a value have one of those chosen."""
        return bool(2 * self.cells.counts[np.array(chosen, np.bool_)].sum() >= self.cells.counts.sum())

    def _refuse(self, chosen: Sequence[bool], what: str, remedy: str) -> None:
        refuse(self.name, self.cells, chosen, what, remedy, self.problems)

    def _leave_out(self, reason: str) -> None:
        self.chosen.left_out.append(LeftOut(self.name, reason))

    def _note(self, found: str, otherwise: str = "") -> None:
        remedy = f"; --{otherwise} {quote(self.name)} takes them otherwise" if otherwise else ""
        self.chosen.notes.append(f"column {self.name!r} has {found}{remedy}")
