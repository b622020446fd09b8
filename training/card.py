"""A checkpoint's card: what the model is, how good it is, and the command that says so again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.recipe import Figures, Recipe


@dataclass(frozen=True)
class Measurement:
    """Figures, and how they were got.

    Attributes:
        figures: By name, with the unit in the name.
        samples: Draws of a prediction.
        seed: Of the draws.
        seconds: That measuring took.
    """

    figures: Figures
    samples: int
    seed: int
    seconds: float


def card(recipe: Recipe, seed: int, training_seconds: float, measured: Measurement, store: Path) -> str:
    """In markdown.

    Args:
        seed: Of the training run.
        store: Where the checkpoint is going to be, as the user named it.
    """
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in measured.figures.items())
    return f"""# {recipe.name}

{recipe.description.capitalize()}.

Trained on the data set `{recipe.data}` with seed {seed} in {training_seconds:.1f} s:

    python -m training fit {recipe.name} --seed {seed}

| figure | value |
|---|---|
{rows}

Measured on the test split of `{recipe.data}` with {measured.samples} samples, seed {measured.seed}, in
{measured.seconds:.1f} s. Again:

    python -m training evaluate {store / recipe.name} --samples {measured.samples} --seed {measured.seed}
"""
