"""Cost of an update of two players on a CPU, with layers in float32 and in bfloat16.

Run from the repository's root: ``python benchmarks/bfloat16.py [--updates 100]``. One thread; the recipes are those
that ask for it, the images are random, which costs the same, and the two take turns, since machines are noisy. The last
column is how far the gradients are from those of float32, as a share of their length.
"""

from __future__ import annotations

import argparse
import sys

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from updates import difference, run_of, update

from training import recipes
from training.loops.precision import cpu_knows_bfloat16
from training.recipes.kinds.generative import AdversarialRecipe
from training.recipes.kinds.progressive import ProgressiveRecipe
from training.run.machine import machine

CPU = torch.device("cpu")
TURN = 10
"""Updates in a row."""


def measure(recipe: AdversarialRecipe, images: Tensor, updates: int) -> tuple[str, ...]:
    """One line of the table: medians over the turns."""
    loops = [run_of(recipe, images, CPU, bfloat16) for bfloat16 in (False, True)]
    turns = [[update(loop, first, TURN) for loop in loops] for first in range(0, TURN + updates, TURN)]
    of_exact, of_rounded = torch.tensor(turns[1:]).median(0).values.tolist()
    times = f"{of_exact:.1f}", f"{of_rounded:.1f}", f"{of_exact / of_rounded:.2f}"
    return recipe.name, str(recipe.settings.batch), *times, f"{difference(loops[1]):.0e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=100)
    options = parser.parse_args()
    if not cpu_knows_bfloat16():
        sys.exit("this CPU does not know bfloat16, and nothing is computed in it here")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.rand(500, 1, 28, 28)
    columns = ("recipe", "batch", "float32 ms", "bfloat16 ms", "ratio", "difference")
    table = Table(*columns, title=f"An update of the critic, with the generator's share, on {machine(CPU)}")
    for recipe in recipes.RECIPES.values():
        growing = isinstance(recipe, ProgressiveRecipe)  # its updates do not cost the same all along a run
        if isinstance(recipe, AdversarialRecipe) and recipe.settings.bfloat16 and not growing:
            table.add_row(*measure(recipe, images, options.updates))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
