"""The gradients of both players' losses: computed by Python at every update, or recorded on a GPU and replayed.

A GPU runs a layer of a small network in a few microseconds, and waits for longer than that until Python asks for the
next one. A CUDA graph holds what an update asks for, some hundred kernels, and is asked for once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from models.noise import Site
from training.losses.adversarial_loss import AdversarialLoss, StepContext

Latents = dict[str, Tensor]
Terms = dict[str, Tensor]

WARM_UP = 3
"""Updates of the generator before anything is recorded: libraries choose their kernels in the first ones."""


class Gradients:
    """What an update's two losses leave with the parameters.

    Args:
        bfloat16: Compute layers in it, on a CPU, where autocast holds that to be safe. What they give, and gradients,
            are float32 again, though some of it was rounded before.
    """

    def __init__(self, loss: AdversarialLoss, bfloat16: bool = False) -> None:
        self.loss = loss
        self._layers = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def of_critic(self, real: Tensor, latents: Latents, context: StepContext) -> Terms:
        """The gradients of the critic's loss and no others; returns its terms."""
        for parameter in itertools.chain(self.loss.critic_parameters(), self.loss.generator_parameters()):
            parameter.grad = None
        self._latents, self._moment = latents, context
        with self._layers:
            self._fake = self.loss.made(latents, context).float()
            terms = self.loss.critic_loss(real, self._fake.detach(), latents, context)
        return _backward(terms)

    def of_generator(self) -> Terms:
        """Adds those of the generator's loss, on the images that the critic has just seen; returns its terms."""
        with self._layers:
            terms = self.loss.generator_loss(self._fake, self._latents, self._moment)
        return _backward(terms)


class RecordedGradients(Gradients):
    """The same from CUDA graphs, one for each loss, of a steady loss on a GPU.

    A graph reads and writes memory at fixed places: every update's images, codes and draws are copied to where those of
    the last update before the recording were, and gradients appear where the recorded ones are.
    """

    def __init__(self, loss: AdversarialLoss) -> None:
        super().__init__(loss)
        self._warm = 0
        self._recording: _Recording | None = None

    def of_critic(self, real: Tensor, latents: Latents, context: StepContext) -> Terms:
        if self._warm < WARM_UP:
            self._places = _Places(real, latents, _PlacedMoment.like(context, real.device))
            return super().of_critic(self._places.real, self._places.latents, self._places.context)
        if self._recording is None:
            self._recording = self._recorded()
        self._places.become(real, latents, context)
        return self._recording.critic.replay()

    def of_generator(self) -> Terms:
        if self._recording is not None:
            return self._recording.generator.replay()
        self._warm += 1
        return super().of_generator()

    def _recorded(self) -> _Recording:
        """Both losses of an update, none of which is computed yet."""
        del self._fake  # and what it keeps of the last update, which was not recorded
        critic, generator = _Graph(), _Graph()
        with torch.cuda.graph(critic.graph):
            critic.terms = super().of_critic(self._places.real, self._places.latents, self._places.context)
        with torch.cuda.graph(generator.graph, pool=critic.graph.pool()):
            generator.terms = super().of_generator()
        del self._fake
        return _Recording(critic, generator)


@dataclass(frozen=True)
class _PlacedMoment(StepContext):
    """Draws once, and gives the same tensor to whoever asks for the draw again.

    None of these tensors may be made while a graph is recorded: their memory would be the graph's own, and an earlier
    part of a replay could write over what was copied there for a later one.

    Attributes:
        draws: Of all sites that the losses have asked for.
    """

    share: Tensor
    draws: dict[Site, Tensor] = field(default_factory=dict)

    @classmethod
    def like(cls, context: StepContext, device: torch.device) -> _PlacedMoment:
        return cls(context.seed, context.step, torch.tensor(context.share, dtype=torch.float64, device=device))

    def draw(self, site: Site, device: torch.device) -> Tensor:
        if site not in self.draws:
            self.draws[site] = super().draw(site, device)
        return self.draws[site]


@dataclass(frozen=True)
class _Places:
    """What an update depends on."""

    real: Tensor
    latents: Latents
    context: _PlacedMoment

    def become(self, real: Tensor, latents: Latents, context: StepContext) -> None:
        """What another update depends on."""
        self.real.copy_(real)
        for name, place in self.latents.items():
            place.copy_(latents[name])
        self.context.share.fill_(context.share)
        for site, place in self.context.draws.items():
            place.copy_(context.draw(site, place.device))


@dataclass
class _Graph:
    """What computes a loss and its gradients, and where its terms are."""

    graph: torch.cuda.CUDAGraph = field(default_factory=torch.cuda.CUDAGraph)
    terms: Terms = field(default_factory=dict)

    def replay(self) -> Terms:
        self.graph.replay()
        return {name: term.clone() for name, term in self.terms.items()}  # the next replay writes over them


class _Recording(NamedTuple):
    critic: _Graph
    generator: _Graph


def _backward(terms: Terms) -> Terms:
    next(iter(terms.values())).backward()  # type: ignore[no-untyped-call]
    return {name: term.detach() for name, term in terms.items()}
