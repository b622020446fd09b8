"""The papers' figures beside those of a store's models, in markdown; every number of ours is a manifest's."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import GeneratorSpec, Manifest, load
from models.errors import CheckpointError
from models.generators import GENERATORS
from models.posteriors import POSTERIORS
from training import data, recipes
from training.evaluate import versions
from training.published import BENCHMARKS, Published

_HEAD = """# Results

Made by `make results` from the manifests of the checkpoints in a store; no number of ours is typed by hand. A row
compares one figure of the newest version of a model with a paper's, or with a line that this project set itself.
*Draws* are those of a prediction; 0 is one pass of the posterior's mean. Ours are of one training run each,
unless *measured on* says otherwise.

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


@dataclass(frozen=True)
class Row:
    """One figure, and the checkpoint that it is compared with.

    Attributes:
        manifest: ``None`` if there is no such checkpoint.
    """

    model: str
    published: Published
    manifest: Manifest | None

    @property
    def ours(self) -> float | None:
        """In the paper's unit; ``None`` if it was not measured."""
        figure = None if self.manifest is None else self.manifest.figures.get(self.published.figure)
        return None if figure is None else figure * self.published.scale

    @property
    def reached(self) -> bool | None:
        """Whether the line is; ``None`` without a line, or without a figure of ours."""
        return None if self.ours is None else self.published.reached(self.ours)


def published() -> dict[str, tuple[Published, ...]]:
    """What there is to compare with, by the name of the model."""
    brought = {name: recipe.published for name, recipe in recipes.RECIPES.items() if recipe.published}
    return {**{name: benchmark.published for name, benchmark in BENCHMARKS.items()}, **brought}


def compared(store: Path) -> list[Row]:
    """All published figures beside the models of a store.

    Raises:
        CheckpointError: if a checkpoint that is needed is not all right.
    """
    return [Row(model, one, _newest(store / model, one.kept)) for model, rows in published().items() for one in rows]


def markdown(rows: list[Row]) -> str:
    """The whole page."""
    there = [row for row in rows if row.manifest is not None]
    return _HEAD + _lines(there) + "".join(_families(there)) + _missing([row for row in rows if row.manifest is None])


def _newest(folder: Path, kept: float) -> Manifest | None:
    """Of the versions from which pruning left this share of the weights."""
    for version in reversed(versions(folder)):
        try:
            manifest = load(version.resolve()).manifest
        except CheckpointError as error:
            raise CheckpointError(f"{folder.name}/{version.name}: {error}") from error
        if math.isclose(manifest.figures.get("kept_weights_share", 1.0), kept):
            return manifest
    return None


def _lines(rows: list[Row]) -> str:
    judged = [row for row in rows if row.reached is not None]
    if not judged:
        return "No model is here that has a line to reach.\n"
    missed = [f"{row.model}: {row.published.what}" for row in judged if not row.reached]
    said = f"Lines reached: {len(judged) - len(missed)} of {len(judged)}."
    return said + (f" Not reached: {'; '.join(missed)}." if missed else "") + "\n"


def _families(rows: list[Row]) -> Iterator[str]:
    """One table for each posterior and each kind of generator, under the first line of its file."""
    for method, component in {**POSTERIORS, **GENERATORS}.items():
        of_family = [row for row in rows if row.manifest is not None and row.manifest.method == method]
        if of_family:
            title, _, sentence = (inspect.getdoc(inspect.getmodule(component)) or method).split("\n")[0].partition(": ")
            yield f"\n## {title}\n\n{sentence[:1].upper()}{sentence[1:]}\n\n{_table(of_family)}"


def _table(rows: list[Row]) -> str:
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(row, row.manifest) for row in rows if row.manifest)]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _cells(row: Row, manifest: Manifest) -> tuple[str, ...]:
    return (
        f"{row.published.paper}, {row.published.place}",
        row.published.what,
        _papers(row.published),
        _ours(row, manifest),
        _line(row),
        _draws(row, manifest),
        f"{manifest.data}, {manifest.origin.tested}" if manifest.origin else manifest.data,
        _training(manifest),
    )


def _training(manifest: Manifest) -> str:
    seconds, origin = manifest.figures.get("training_seconds"), manifest.origin
    took = "" if seconds is None else f", {seconds:g} s"
    how = f" on {origin.machine}:<br>`{origin.command}`" if origin else ", command and machine not recorded"
    return f"`{manifest.name}/{manifest.version}`, seed {manifest.seed}{took}{how}"


def _ours(row: Row, manifest: Manifest) -> str:
    error = manifest.figures.get(row.published.our_error)
    stated = "" if error is None else f" ± {error * abs(row.published.scale):.2g}"
    return "not measured" if row.ours is None else f"{row.ours:.4g}{stated}"


def _papers(figure: Published) -> str:
    if figure.value is None:
        return _NONE
    return f"{figure.value:g}" + (f" ± {figure.standard_error:g}" if figure.standard_error is not None else "")


def _line(row: Row) -> str:
    bounds = {"at most": row.published.at_most, "at least": row.published.at_least}
    stated = ", ".join(f"{direction} {bound:g}" for direction, bound in bounds.items() if bound is not None)
    if not stated:
        return _NONE
    return f"{stated}: " + {True: "reached", False: "**not reached**", None: "not measured"}[row.reached]


def _draws(row: Row, manifest: Manifest) -> str:
    if manifest.origin is None or isinstance(manifest.model, GeneratorSpec):
        return _NONE
    return "0" if row.published.figure.endswith("_deterministic") else str(manifest.origin.samples)


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
    """What would train the model, or prune it."""
    if row.published.kept < 1:
        return f"python -m training prune {row.model} --keep {row.published.kept:g}"
    recipe = recipes.RECIPES.get(row.model)
    if recipe is None:
        return BENCHMARKS[row.model].command
    named = recipe.data in {**data.BUNDLED, **data.FROM_FILES}
    return f"python -m training fit {row.model}" + ("" if named else f" --data {recipe.data.upper()}")
