"""What an update of two players costs on a CPU: with layers in float32, and in bfloat16 (``Settings.bfloat16``).

Run from the repository's root: ``python benchmarks/bfloat16.py [--updates 100]``. One thread; the recipes are those
that ask for it, the images are random, which costs the same, and the two take turns, since machines are noisy. The last
column is how far the gradients are from those of float32, as a share of their length.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.checkpoint import GeneratorSpec
from models.specs import InputSpec
from training import recipes
from training.adversarial import _Loop
from training.game import Moment
from training.generative import AdversarialRecipe
from training.gradients import Gradients
from training.machine import cpu_knows_bfloat16, machine
from training.progress import Run
from training.progressive import ProgressiveRecipe
from training.seeds import initialised

TURN = 10
"""Updates in a row."""


def run_of(recipe: AdversarialRecipe, images: Tensor, bfloat16: bool) -> _Loop:
    """The beginning of a recipe's run."""
    inputs = InputSpec("image", tuple(images.shape[1:]), (0.0,), (1.0,), 0.0, 1.0)
    model = initialised(GeneratorSpec(recipe.generator, inputs), 0).train()
    if bfloat16:
        model.to(memory_format=torch.channels_last)
    loop = _Loop(recipe.game(model), images, replace(recipe.settings, bfloat16=False, fading=False), Run(0))
    loop.gradients = Gradients(loop.game, bfloat16)
    play(loop, 0)
    return loop


def play(loop: _Loop, first: int) -> float:
    """Milliseconds of an update."""
    start = time.perf_counter()
    for step in range(first, first + TURN):
        loop.update(torch.arange(loop.settings.batch), step)
    return 1000 * (time.perf_counter() - start) / TURN


def difference(loop: _Loop) -> float:
    """How far the gradients of both losses are from those of float32, for the same weights."""
    game, batch, step = loop.game, loop.settings.batch, 10**6
    update = loop.images[:batch], loop.latents(batch, step, 0.0), Moment(0, step, 0.0)
    found = []
    for gradients in (Gradients(game, bfloat16=True), Gradients(game)):
        gradients.of_critic(*update)
        gradients.of_generator()
        players = (*game.critic_parameters(), *game.generator_parameters())
        found.append(torch.cat([p.grad.flatten().clone() for p in players if p.grad is not None]))
    return float((found[0] - found[1]).norm() / found[1].norm())


def measure(recipe: AdversarialRecipe, images: Tensor, updates: int) -> tuple[str, ...]:
    """One line of the table: medians over the turns."""
    exact, rounded = (run_of(recipe, images, bfloat16) for bfloat16 in (False, True))
    turns = [(play(exact, first), play(rounded, first)) for first in range(TURN, TURN + updates, TURN)]
    of_exact, of_rounded = torch.tensor(turns).median(0).values.tolist()
    times = f"{of_exact:.1f}", f"{of_rounded:.1f}", f"{of_exact / of_rounded:.2f}"
    return recipe.name, str(recipe.settings.batch), *times, f"{difference(rounded):.0e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.rand(500, 1, 28, 28)
    knows = "" if cpu_knows_bfloat16() else ", which does not know bfloat16: a run would not use it here"
    columns = ("recipe", "batch", "float32 ms", "bfloat16 ms", "ratio", "difference")
    table = Table(
        *columns, title=f"An update of the critic, with the generator's share, on {machine(torch.device('cpu'))}{knows}"
    )
    for recipe in recipes.RECIPES.values():
        growing = isinstance(recipe, ProgressiveRecipe)  # its updates do not cost the same all along a run
        if isinstance(recipe, AdversarialRecipe) and recipe.settings.bfloat16 and not growing:
            table.add_row(*measure(recipe, images, options.updates))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
