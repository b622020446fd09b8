"""A checkpoint's card: what the model is, how good it is, and the command that says so again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoint import Checkpoint
from training.figures import course
from training.figures.pictures import PICTURES
from training.recipe import Figures, Recipe


@dataclass(frozen=True)
class Measurement:
    """Figures, and how they were got.

    Attributes:
        figures: By name, with the unit in the name.
        samples: Draws of a prediction.
        seed: Of the draws.
        seconds: That measuring took.
        pictures: PNG files by name, for the checkpoint's folder.
        arguments: Of the command line, that load the data again; empty for data that go by their name.
    """

    figures: Figures
    samples: int
    seed: int
    seconds: float
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    arguments: str = ""


def card(
    recipe: Recipe,
    seed: int,
    training_seconds: float,
    measured: Measurement,
    store: Path,
    start: Checkpoint | None = None,
) -> str:
    """In markdown; pictures are linked by the names of their files, which lie beside it.

    Args:
        seed: Of the training run.
        store: Where the checkpoint is going to be, as the user named it.
        start: Whose weights the training began with.
    """
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in measured.figures.items())
    model, given, began = recipe.name, "", ""
    if start is not None:
        began = f" --start {store / start.manifest.name / str(start.manifest.version)}"
    if measured.arguments:
        model, given = recipe.model, f" --data {measured.arguments}"
    return f"""# {recipe.name}

{recipe.description.capitalize()}.

Trained on the data set `{recipe.data}` with seed {seed} in {training_seconds:.1f} s:

    python -m training fit {model}{given}{began} --seed {seed}

| figure | value |
|---|---|
{rows}

Measured on the test split of `{recipe.data}` with {measured.samples} samples, seed {measured.seed}, in
{measured.seconds:.1f} s. Again:

    python -m training evaluate {store / recipe.name}{given} --samples {measured.samples} --seed {measured.seed}
{"".join(_linked(name) for name in measured.pictures)}"""


def _linked(name: str) -> str:
    caption = course.CAPTIONS[name] if name in course.CAPTIONS else PICTURES[name].caption
    return f"\n![{caption}]({name})\n\n{caption}\n"
