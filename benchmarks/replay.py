"""What an update of two players costs on a GPU: asked for by Python each time, and replayed from CUDA graphs.

Run from the repository's root on a machine with a GPU: ``python benchmarks/replay.py [--updates 500]``. The recipes are
those of MNIST and the images are random, which costs the same. The last column is how far the replayed gradients are
from those that Python asks for: rounding apart, 0.
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
from training.loops.adversarial import AdversarialLoop
from training.loops.gradients import Gradients
from training.loops.recorded_gradients import RecordedGradients
from training.recipes.kinds.generative import AdversarialRecipe
from training.run.machine import machine

CUDA = torch.device("cuda")
MODELS = ("mnist-gan_maxout", "mnist-gan", "mnist-dcgan", "mnist-wgan")
BEGINNING = 40
"""Updates that come first: the libraries warm up, and graphs are recorded."""


def begun(name: str, images: Tensor, gradients: type[Gradients]) -> AdversarialLoop:
    """The beginning of a recipe's run, on a GPU."""
    recipe = recipes.RECIPES[name]
    assert isinstance(recipe, AdversarialRecipe)
    loop = run_of(recipe, images, CUDA)
    loop.gradients = gradients(loop.loss)
    update(loop, 0, BEGINNING)
    return loop


def measure(name: str, images: Tensor, updates: int) -> tuple[str, ...]:
    """One line of the table."""
    loops = [begun(name, images, gradients) for gradients in (Gradients, RecordedGradients)]
    asked, replayed = (update(loop, BEGINNING, updates) for loop in loops)
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
    title = f"An update of the critic, with the generator's share, on {machine(CUDA)}"
    columns = ("recipe", "batch", "asked for ms", "replayed ms", "ratio", "difference")
    table = Table(*columns, title=title)
    for name in MODELS:
        table.add_row(*measure(name, images, options.updates))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
