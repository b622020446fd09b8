"""The gradients of both players' losses, recorded on a GPU and replayed.

A GPU runs a layer of a small network in a few microseconds, and waits for longer than that until Python asks for the
next one. A CUDA graph holds what an update asks for, some hundred kernels, and is asked for once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from models.noise import Site
from training.loops.gradients import Generated, Gradients
from training.losses.adversarial_loss import AdversarialLoss, Latents
from training.losses.loss import Report
from training.losses.step_context import StepContext

WARM_UP = 3
"""Updates of the generator before anything is recorded: libraries choose their kernels in the first ones."""


class RecordedGradients(Gradients):
    """Gradients from CUDA graphs, one for each loss, of a replayable loss on a GPU.

    A graph reads and writes memory at fixed places: every update's images, codes and draws are copied to where those of
    the last update before the recording were, and gradients appear where the recorded ones are.
    """

    def __init__(self, loss: AdversarialLoss) -> None:
        super().__init__(loss)
        self._warm = 0
        self._recording: _Recording | None = None

    def of_critic(self, real: Tensor, latents: Latents, context: StepContext) -> tuple[Report, Generated]:
        if self._warm < WARM_UP:
            self._places = Places(real, latents, PlacedContext.like(context, real.device))
            return super().of_critic(self._places.real, self._places.latents, self._places.context)
        if self._recording is None:
            self._recording = self._record()
        self._places.copy(real, latents, context)
        return self._recording.critic.replay(), self._recording.generated

    def of_generator(self, generated: Generated) -> Report:
        if self._recording is not None:
            assert generated is self._recording.generated  # the graph reads these and no others
            return self._recording.generator.replay()
        self._warm += 1
        return super().of_generator(generated)

    def _record(self) -> _Recording:
        """Record both losses of an update; neither of them is computed yet."""
        critic, generator = _Graph(), _Graph()
        with torch.cuda.graph(critic.graph):
            critic.report, generated = super().of_critic(self._places.real, self._places.latents, self._places.context)
        with torch.cuda.graph(generator.graph, pool=critic.graph.pool()):
            generator.report = super().of_generator(generated)
        return _Recording(critic, generator, generated._replace(images=generated.images.detach()))


@dataclass(frozen=True)
class PlacedContext(StepContext):
    """A context that draws once, and gives the same tensor whenever the draw is asked for again.

    None of these tensors may be made while a graph is recorded: their memory would be the graph's own, and an earlier
    part of a replay could write over what was copied there for a later one.

    Attributes:
        progress: Share of the run that is done, a scalar on the device.
        draws: Draws of all sites that the losses have asked for.
    """

    progress: Tensor
    draws: dict[Site, Tensor] = field(default_factory=dict)

    @classmethod
    def like(cls, context: StepContext, device: torch.device) -> PlacedContext:
        """Return a context of the same step whose progress is a tensor on the device."""
        return cls(context.seed, context.step, torch.tensor(context.progress, dtype=torch.float64, device=device))

    def draw(self, site: Site, device: torch.device) -> Tensor:
        if site not in self.draws:
            self.draws[site] = super().draw(site, device)
        return self.draws[site]


@dataclass(frozen=True)
class Places:
    """The tensors that an update depends on, at fixed places of a GPU's memory.

    Attributes:
        real: Training images ``(B, channels, height, width)``.
        latents: Codes of the generated images.
        context: Place of the step in its run, with its draws.
    """

    real: Tensor
    latents: Latents
    context: PlacedContext

    def copy(self, real: Tensor, latents: Latents, context: StepContext) -> None:
        """Copy here what another update depends on, in tensors of the same shapes."""
        self.real.copy_(real)
        for name, place in self.latents.items():
            place.copy_(latents[name])
        self.context.progress.fill_(context.progress)
        for site, place in self.context.draws.items():
            place.copy_(context.draw(site, place.device))


@dataclass
class _Graph:
    """A recorded loss with its gradients, and the places of the scalars that it reports."""

    graph: torch.cuda.CUDAGraph = field(default_factory=torch.cuda.CUDAGraph)
    report: Report = field(default_factory=dict)

    def replay(self) -> Report:
        self.graph.replay()
        return {name: scalar.clone() for name, scalar in self.report.items()}  # the next replay writes over them


class _Recording(NamedTuple):
    critic: _Graph
    generator: _Graph
    generated: Generated
