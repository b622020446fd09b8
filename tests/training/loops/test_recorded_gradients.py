"""The tensors that an update must hand over to be replayed.

Graphs are recorded on a GPU alone: ``benchmarks/replay.py`` compares replayed gradients with those of Python there.
"""

from __future__ import annotations

import torch

from models.noise import Normal, Site
from training.loops.recorded_gradients import PlacedContext, Places
from training.losses.step_context import StepContext

CPU = torch.device("cpu")
SITE = Site("mix", (3,), Normal())


def test_a_placed_context_draws_what_a_context_draws_and_only_once() -> None:
    placed = PlacedContext.like(StepContext(7, 3, 0.25), CPU)
    assert torch.equal(placed.draw(SITE, CPU), StepContext(7, 3, 0.25).draw(SITE, CPU))
    assert placed.draw(SITE, CPU) is placed.draw(SITE, CPU)


def test_places_take_over_all_that_another_update_depends_on() -> None:
    places = Places(torch.zeros(2, 1), {"z": torch.zeros(2, 4)}, PlacedContext.like(StepContext(7, 3, 0.25), CPU))
    tensors = places.real, places.latents["z"], places.context.draw(SITE, CPU), places.context.progress
    later = StepContext(7, 4, 0.5)
    places.copy(torch.ones(2, 1), {"z": torch.full((2, 4), 2.0)}, later)
    for tensor, expected in zip(
        tensors, (torch.ones(2, 1), torch.full((2, 4), 2.0), later.draw(SITE, CPU), 0.5), strict=True
    ):
        assert torch.equal(tensor, torch.as_tensor(expected, dtype=tensor.dtype))
