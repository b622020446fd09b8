"""How far training by several processes is from training by one, and what it costs.

Run from the repository's root: ``torchrun --nproc-per-node 2 benchmarks/shared_rows.py mnist-infogan --steps 200
[--double] [--moved SIZE] [--data-dir DIR]``. Every process first trains alone, as if there were no others, and then
together with them; a line for each recipe has the largest difference of any weight or statistic, and the milliseconds
of a step alone and together.

With ``--double`` everything is computed in float64, where rounding hides no fault. A long run of two players makes even
that rounding large. With ``--moved 1e-15`` every process trains alone once more, from first weights that are larger by
so much, and the line ends with how far apart the two runs end: what training makes of so small a difference.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from training import data, recipes
from training.data import Dataset
from training.loops.processes import is_first, join_processes
from training.loops.progress import Run
from training.loops.settings import AdversarialSettings
from training.recipes.kinds.generative import AdversarialRecipe
from training.recipes.kinds.recipe import Recipe
from training.seeds import initialised


def compute_in_float64() -> None:
    """Make float64 of every float32 that this process will ever ask for."""
    from_numpy = torch.from_numpy

    def widened(array: np.ndarray[Any, Any]) -> Tensor:
        return from_numpy(array.astype(np.float64) if array.dtype == np.float32 else array)

    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float64
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    torch.from_numpy = widened  # type: ignore[assignment]


def shortened(recipe: Recipe, dataset: Dataset, options: argparse.Namespace) -> tuple[Recipe, Dataset]:
    """A recipe and its data, so that a run has the steps that are asked for, and little else takes time."""
    batch = options.batch or recipe.settings.batch
    epochs = math.ceil(options.steps * batch / len(dataset.train.inputs))
    rows = options.rows or batch * math.ceil(options.steps / epochs)
    few, fewer = slice(rows), slice(5)
    dataset = replace(dataset, train=dataset.train.rows(few), validation=dataset.validation.rows(fewer))
    settings = replace(recipe.settings, batch=batch, epochs=1 if options.rows else epochs)
    if isinstance(settings, AdversarialSettings):
        settings = replace(settings, ema_decay=None)  # an average takes its statistics from thousands of images
    return replace(recipe, settings=settings), dataset


def trained(recipe: Recipe, dataset: Dataset, moved: float = 0.0) -> tuple[dict[str, Tensor], float]:
    """All tensors of a model after a run from first weights that were moved, and the seconds that it took."""
    model, start = initialised(recipe.spec(dataset), 0), time.perf_counter()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(moved)
    if isinstance(recipe, AdversarialRecipe):
        AdversarialRecipe.train(recipe, model, dataset, Run(0))  # without what some families do afterwards
    else:
        recipe.train(model, dataset, Run(0))
    return model.state_dict(), time.perf_counter() - start


def difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference between two models of the same tensors."""
    return max(float((tensor.double() - other[name].double()).abs().max()) for name, tensor in one.items())


def main() -> None:
    """Print a line for every recipe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, help="rows of a batch, instead of the recipe's")
    parser.add_argument("--rows", type=int, help="training rows of a single epoch, instead of the steps")
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--moved", type=float, help="what is added to the first weights of one more run alone")
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    if options.double:
        compute_in_float64()
    runs = []
    for name in options.recipes:
        source, _, model = name.partition("-")
        dataset = data.load(source, options.data_dir)
        runs.append((name, *shortened(recipes.suited(model, dataset), dataset, options)))
    alone = [trained(recipe, dataset) for _, recipe, dataset in runs]
    moved = [trained(recipe, dataset, options.moved)[0] for _, recipe, dataset in runs if options.moved]
    with join_processes():
        for i, ((name, recipe, dataset), (expected, seconds_alone)) in enumerate(zip(runs, alone, strict=True)):
            weights, seconds = trained(recipe, dataset)
            times = (f"{1000 * s / options.steps:.1f}" for s in (seconds_alone, seconds))
            if is_first():
                control = [f"{difference(expected, other):.1e}" for other in moved[i : i + 1]]
                line = " ".join([name, f"{difference(expected, weights):.1e}", *times, *control])
                Console().print(line, markup=False, highlight=False)


if __name__ == "__main__":
    main()
