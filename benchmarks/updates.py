"""Updates of two players, to be timed and compared: what the benchmarks of training share."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from models.checkpoints.checkpoint import GeneratorSpec
from models.specs import InputSpec
from training.loops.adversarial import AdversarialLoop
from training.loops.gradients import Gradients
from training.loops.progress import Run
from training.losses.step_context import StepContext
from training.recipes.kinds.generative import AdversarialRecipe
from training.seeds import initialised


def run_of(recipe: AdversarialRecipe, images: Tensor, device: torch.device, bfloat16: bool = False) -> AdversarialLoop:
    """A recipe's run that has not begun; its rates do not fall, however many updates are asked for."""
    inputs = InputSpec("image", tuple(images.shape[1:]), (0.0,), (1.0,), 0.0, 1.0)
    model = initialised(GeneratorSpec(recipe.generator, inputs), 0).to(device).train()
    return AdversarialLoop(
        recipe.loss(model), images, replace(recipe.settings, linear_decay=False, bfloat16=bfloat16), Run(0)
    )


def update(loop: AdversarialLoop, first: int, updates: int) -> float:
    """Milliseconds of an update."""
    _wait(loop)
    start = time.perf_counter()
    for step in range(first, first + updates):
        loop.update(torch.arange(loop.settings.batch), step)
    _wait(loop)
    return 1000 * (time.perf_counter() - start) / updates


def difference(loop: AdversarialLoop) -> float:
    """How far the gradients of a run are from those that Python asks for in float32, as a share of their length.

    Of the same weights: losses of two runs could not tell, as rounding alone changes them within a few dozen updates.
    """
    loss, batch, step = loop.loss, loop.settings.batch, 10**6
    arguments = loop.images[:batch].to(loop.device), loop.latents(batch, step, 0.0), StepContext(0, step, 0.0)
    measured = []
    for gradients in (loop.gradients, Gradients(loss)):
        _, generated = gradients.of_critic(*arguments)
        gradients.of_generator(generated)
        players = (*loss.critic_parameters(), *loss.generator_parameters())
        measured.append(torch.cat([p.grad.flatten().clone() for p in players if p.grad is not None]))
    return float((measured[0] - measured[1]).norm() / measured[1].norm())


def _wait(loop: AdversarialLoop) -> None:
    if loop.device.type == "cuda":
        torch.cuda.synchronize()
