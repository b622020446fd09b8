"""Results of papers beside those of trained models, in markdown; every number of ours comes from a manifest."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from models.generators import GENERATORS
from models.posteriors import POSTERIORS
from training import data, recipes
from training.experiments.records import Record
from training.recipes.kinds.published import BENCHMARKS, Published

_HEAD = """# Results

`make results` writes this page from the manifests of the checkpoints in a store; none of our numbers is typed by hand.
For a model that the store lacks, it repeats what its manifest said when the store had it (`results.json`, beside this
page). Each row compares one figure of the newest version of a model with a paper's, or with a line that this project
set itself. *Measured on* names the rows: a data set's own test split, or what takes its place. *Draws* are the draws
of a prediction; 0 is one pass of the posterior's mean. Our figures come from one run each, unless the quantity or
*measured on* says otherwise.

"""
_COLUMNS = (
    "paper",
    "quantity",
    "the paper's",
    "ours",
    "line",
    "draws",
    "measured on",
    "our checkpoint and its training",
)
_NONE = "-"
_OF_TEST_IMAGES = ("test_", "active_code_units", "critic_distance_test")
"""Beginnings of a generator's figures that are measured on the test split; all others are of images that it makes."""


@dataclass(frozen=True)
class Row:
    """One published result, and the checkpoint that it is compared with.

    Attributes:
        model: Name of the model.
        published: The published result.
        record: Record of the checkpoint; ``None`` if there is none.
    """

    model: str
    published: Published
    record: Record | None

    @property
    def ours(self) -> float | None:
        """Our value in the paper's unit; ``None`` if it was not measured."""
        figure = None if self.record is None else self.record.figures.get(self.published.figure)
        return None if figure is None else figure * self.published.scale

    @property
    def reached(self) -> bool | None:
        """True if our value reaches the line; ``None`` without a line, or without a value of ours."""
        return None if self.ours is None else self.published.reached(self.ours)


def published() -> dict[str, tuple[Published, ...]]:
    """Return all published results by the name of the model."""
    brought = {name: recipe.published for name, recipe in recipes.RECIPES.items() if recipe.published}
    return {**{name: benchmark.published for name, benchmark in BENCHMARKS.items()}, **brought}


def compare(records: list[Record]) -> list[Row]:
    """Return all published results, each beside the run that it is compared with."""
    pairs = ((model, result) for model, results in published().items() for result in results)
    return [_compare(model, result, [one for one in records if one.name == model]) for model, result in pairs]


def render_page(rows: list[Row]) -> str:
    """Render the whole page."""
    there = [row for row in rows if row.record is not None]
    return _HEAD + _lines(there) + "".join(_families(there)) + _missing([row for row in rows if row.record is None])


def _compare(model: str, published: Published, records: list[Record]) -> Row:
    """Compare with the newest version with this share of its weights, or with the best or median of several seeds."""
    kept = [one for one in records if math.isclose(one.figures.get("kept_weights_share", 1.0), published.kept)]
    if not published.of_seeds or not kept:
        return Row(model, published, kept[-1] if kept else None)
    by_seed = {one.seed: one for one in kept if published.figure in one.figures}
    ranked = sorted(by_seed.values(), key=lambda one: one.figures[published.figure])
    if published.at_most is not None:
        ranked.reverse()  # the best comes last
    chosen = {"best": ranked[-1:], "median": ranked[(len(ranked) - 1) // 2 :][:1]}[published.of_seeds]
    seeds = "1 seed" if len(ranked) == 1 else f"{len(ranked)} seeds"
    what = f"{published.what}, {published.of_seeds} of {seeds}"
    return Row(model, replace(published, what=what), chosen[0] if chosen else kept[-1])


def _lines(rows: list[Row]) -> str:
    judged = [row for row in rows if row.reached is not None]
    if not judged:
        return "No model is here that has a line to reach.\n"
    missed = [f"{row.model}: {row.published.what}" for row in judged if not row.reached]
    said = f"Lines reached: {len(judged) - len(missed)} of {len(judged)}."
    return said + (f" Not reached: {'; '.join(missed)}." if missed else "") + "\n"


def _families(rows: list[Row]) -> Iterator[str]:
    """Yield one table for each posterior and each kind of generator, under the first line of its file."""
    for method, component in {**POSTERIORS, **GENERATORS}.items():
        of_family = [row for row in rows if row.record is not None and row.record.method == method]
        if of_family:
            title, _, sentence = (inspect.getdoc(inspect.getmodule(component)) or method).split("\n")[0].partition(": ")
            yield f"\n## {title.rstrip('.')}\n\n{sentence[:1].upper()}{sentence[1:]}\n\n{_table(of_family)}"


def _table(rows: list[Row]) -> str:
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(row, row.record) for row in rows if row.record)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _cells(row: Row, record: Record) -> tuple[str, ...]:
    return (
        f"{row.published.paper}, {row.published.place}",
        row.published.what,
        _papers(row.published),
        _ours(row, record),
        _line(row),
        _draws(row, record),
        _measured_on(row, record),
        _training(record),
    )


def _measured_on(row: Row, record: Record) -> str:
    if record.method in GENERATORS and not row.published.figure.startswith(_OF_TEST_IMAGES):
        return f"{record.data}, made images, beside real ones that were held out"
    return f"{record.data}, {record.origin.tested}" if record.origin else record.data


def _training(record: Record) -> str:
    seconds, origin = record.figures.get("training_seconds"), record.origin
    took = "" if seconds is None else f", {seconds:g} s"
    how = f" on {origin.machine}:<br>`{origin.command}`" if origin else ", command and machine not recorded"
    return f"`{record.name}/{record.version}`, seed {record.seed}{took}{how}"


def _ours(row: Row, record: Record) -> str:
    error = record.figures.get(row.published.our_error)
    stated = "" if error is None else f" ± {error * abs(row.published.scale):.2g}"
    return "not measured" if row.ours is None else f"{row.ours:.4g}{stated}"


def _papers(figure: Published) -> str:
    if figure.value is None:
        return _NONE
    return f"{figure.value:g}" + (f" ± {figure.standard_error:g}" if figure.standard_error is not None else "")


def _line(row: Row) -> str:
    if not row.published.line:
        return _NONE
    return f"{row.published.line}: " + {True: "reached", False: "**not reached**", None: "not measured"}[row.reached]


def _draws(row: Row, record: Record) -> str:
    if record.origin is None or record.method in GENERATORS:
        return _NONE
    return "0" if row.published.figure.endswith("_deterministic") else str(record.origin.samples)


def _missing(rows: list[Row]) -> str:
    commands = {_shown(row): _command(row) for row in rows}
    trained = "".join(f"- {model}: `{command}`\n" for model, command in commands.items() if command)
    others = ", ".join(model for model, command in commands.items() if not command)
    if not commands:
        return ""
    untrained = f"\nNo command trains these yet: {others}.\n" if others else ""
    return f"\n## Not trained here yet\n\n{trained}{untrained}"


def _shown(row: Row) -> str:
    kept = row.published.kept
    return f"`{row.model}`" + (f" with {kept:.0%} of its weights" if kept < 1 else "")


def _command(row: Row) -> str:
    """Return the command that would train the model, or prune it."""
    if row.published.kept < 1:
        return f"python -m training prune {row.model} --keep {row.published.kept:g}"
    recipe = recipes.RECIPES.get(row.model)
    if recipe is None:
        return BENCHMARKS[row.model].command
    named = data.is_named(recipe.data)
    return f"python -m training fit {row.model}" + ("" if named else f" --data {recipe.data.upper()}")
