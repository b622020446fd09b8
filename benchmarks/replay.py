"""What an update of two players costs on a GPU: asked for by Python each time, and replayed from CUDA graphs.

Run from the repository's root on a machine with a GPU: ``python benchmarks/replay.py [--updates 500]``. The recipes are
those of MNIST and the images are random, which costs the same. The last column is how far the replayed gradients are
from those that Python asks for: rounding apart, 0.
"""

from __future__ import annotations

import argparse
import sys
import time
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
from training.gradients import Gradients, RecordedGradients
from training.machine import machine
from training.progress import Run
from training.seeds import initialised

MODELS = ("mnist-gan_maxout", "mnist-dcgan", "mnist-wgan")
BEGINNING = 40
"""Updates that come first: the libraries warm up, and graphs are recorded."""


def run_of(name: str, images: Tensor, gradients: type[Gradients]) -> _Loop:
    """The beginning of a recipe's run, on a GPU."""
    recipe = recipes.RECIPES[name]
    assert isinstance(recipe, AdversarialRecipe)
    inputs = InputSpec("image", tuple(images.shape[1:]), (0.0,), (1.0,), 0.0, 1.0)
    model = initialised(GeneratorSpec(recipe.generator, inputs), 0)
    loop = _Loop(recipe.game(model.to("cuda").train()), images, recipe.settings, Run(0))
    loop.gradients = gradients(loop.game)
    play(loop, 0, BEGINNING)
    return loop


def play(loop: _Loop, first: int, updates: int) -> float:
    """Milliseconds of an update."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for step in range(first, first + updates):
        loop.update(torch.arange(loop.settings.batch), step)
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start) / updates


def difference(replaying: _Loop) -> float:
    """How far the gradients of both losses are from what Python asks for, as a share of their length.

    The two runs' losses could not tell: rounding alone changes them within a few dozen updates.
    """
    game, batch, step = replaying.game, replaying.settings.batch, 10**6
    update = replaying.images[:batch].to("cuda"), replaying.latents(batch, step, 0.0), Moment(0, step, 0.0)
    found = []
    for gradients in (replaying.gradients, Gradients(game)):
        gradients.of_critic(*update)
        gradients.of_generator()
        players = (*game.critic_parameters(), *game.generator_parameters())
        found.append(torch.cat([p.grad.flatten().clone() for p in players if p.grad is not None]))
    return float((found[0] - found[1]).norm() / found[1].norm())


def measure(name: str, images: Tensor, updates: int) -> tuple[str, ...]:
    """One line of the table."""
    loops = [run_of(name, images, gradients) for gradients in (Gradients, RecordedGradients)]
    asked, replayed = (play(loop, BEGINNING, updates) for loop in loops)
    times = f"{asked:.2f}", f"{replayed:.2f}", f"{asked / replayed:.1f}"
    return name, str(loops[0].settings.batch), *times, f"{difference(loops[1]):.0e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=500)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("there is no GPU here, and nothing is replayed on a CPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # or rounding hides a difference
    torch.manual_seed(0)
    images = torch.rand(500, 1, 28, 28)
    title = f"An update of the critic, with the generator's share, on {machine(torch.device('cuda'))}"
    columns = ("recipe", "batch", "asked for ms", "replayed ms", "ratio", "difference")
    table = Table(*columns, title=title)
    for name in MODELS:
        table.add_row(*measure(name, images, options.updates))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
