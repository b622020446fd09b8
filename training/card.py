"""A checkpoint's card: what the model is, how good it is, and the command that says so again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.checkpoint import Checkpoint
from training.figures.generation.pictures import PICTURES as OF_GENERATORS
from training.figures.pictures import PICTURES
from training.recipe import Figures, Recipe


@dataclass(frozen=True)
class Measurement:
    """Figures, and how they were got.

    Attributes:
        figures: By name, with the unit in the name.
        samples: Draws of a prediction, or made images.
        seed: Of the draws, or of the first image.
        seconds: That measuring took.
        pictures: PNG files by name, for the checkpoint's folder.
        arguments: Of the command line, that load the data again; empty for data that go by their name.
        remark: On how to read the figures, or on which are left out.
    """

    figures: Figures
    samples: int
    seed: int
    seconds: float
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    arguments: str = ""
    remark: str = ""


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
    remark = f"\n{measured.remark}\n" if measured.remark else ""
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
{remark}{"".join(_linked(name) for name in measured.pictures)}"""


def _linked(name: str) -> str:
    caption = PICTURES[name].caption if name in PICTURES else OF_GENERATORS[name].caption
    return f"\n![{caption}]({name})\n\n{caption}\n"
