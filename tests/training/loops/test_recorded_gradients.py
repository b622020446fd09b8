"""The tensors that an update must hand over to be replayed.

Graphs are recorded on a GPU alone: ``benchmarks/replay.py`` compares replayed gradients with those of Python there.
"""

from __future__ import annotations

import torch

from models.generators.wgan import WGAN
from models.noise import Normal, Site
from training.loops.gradients import Gradients
from training.loops.recorded_gradients import WARM_UP, PlacedContext, Places, RecordedGradients
from training.losses.gan_losses import WassersteinLoss
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


def test_updates_before_the_recording_leave_the_gradients_of_python() -> None:
    torch.manual_seed(0)
    loss = WassersteinLoss(WGAN((1, 8, 8), noise=4, width=4, critic_width=4))
    images = torch.rand(6, 1, 8, 8)

    def slopes(gradients: Gradients, step: int) -> torch.Tensor:
        report, generated = gradients.of_critic(images, loss.model.latents(range(6)), StepContext(0, step, 0.0))
        report |= gradients.of_generator(generated)
        assert list(report) == ["critic_loss", "wasserstein_distance", "generator_loss"]
        return torch.cat([p.grad.flatten().clone() for p in loss.model.parameters() if p.grad is not None])

    recorded = RecordedGradients(loss)
    for step in range(WARM_UP):
        torch.testing.assert_close(slopes(recorded, step), slopes(Gradients(loss), step))
