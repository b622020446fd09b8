r"""Many tiny networks fitted at once, each as ``fit`` would fit it alone.

A step of a network of 50 hidden units is mostly the calling of functions. So the parameters of all networks are
stacked, the networks leading: a step is one batched program (``vmap``), one backward pass of the sum of the losses and
one Adam, which works on every element by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from models.noise import Permutation, ScaledBernoulli, Site, Uniform, draw_noise
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.loops.progress import Epoch, check_finite
from training.loops.supervised import SupervisedSettings
from training.losses.objectives import negative_elbo
from training.seeds import derive

_TOGETHER = 40
"""Networks in a stack. Measured with 50 hidden units and batches of 128, on a core with 1 MB of L2 cache: 40 us a
network and step; 50 us with 20 networks (the calls) and with 80 (the memory)."""


@dataclass(frozen=True)
class TrainingGroup:
    """Regressions with MC-dropout that see the same rows in the same order.

    Their masks are made of the same uniforms, each compared with a network's own probability: common random numbers,
    which cost less and compare better than independent ones.

    Attributes:
        models: Of one architecture; only the probabilities of dropout may differ.
        dataset: None of whose training rows lacks its target.
        seed: Of the run.
    """

    models: Sequence[Predictor]
    dataset: Dataset
    seed: int

    @property
    def rows(self) -> int:
        """To train on."""
        return len(self.dataset.train.inputs)


def fit_vmapped(groups: Sequence[TrainingGroup], settings: SupervisedSettings, report: Callable[[Epoch], None]) -> None:
    """Minimise :class:`training.recipes.kinds.predictive.FreeEnergy` of every model, and leave it in evaluation mode.

    Args:
        groups: With equally many models of one architecture.
        settings: Without patience.

    Raises:
        DivergenceError: if a loss is no longer finite.
    """
    stacks = list(_stacks(groups))
    for done, together in enumerate(stacks):
        stack = _Stack(together, settings)
        for number in range(1, settings.epochs + 1):
            losses = {"loss": stack.epoch(number)}
            check_finite(losses, number)
            report(Epoch(done * settings.epochs + number, len(stacks) * settings.epochs, losses))
        stack.hand_back()


def _stacks(groups: Sequence[TrainingGroup]) -> Iterator[list[TrainingGroup]]:
    """Of as many rows each, so that every batch of a stack is full where one is."""
    for _, found in groupby(sorted(groups, key=lambda one: one.rows), lambda one: one.rows):
        alike = list(found)
        size = max(1, _TOGETHER // len(alike[0].models))
        yield from (alike[start : start + size] for start in range(0, len(alike), size))


class _Cost(nn.Module):
    """What one network minimises, as a function of its parameters."""

    def __init__(self, predictor: Predictor, rows: int) -> None:
        super().__init__()
        self.predictor = predictor
        self.rows = rows

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        posterior, likelihood = self.predictor.posterior, self.predictor.likelihood
        return negative_elbo(likelihood.nll(posterior.network(x), target), posterior.kl({}), self.rows)


class _Stack:
    def __init__(self, together: Sequence[TrainingGroup], settings: SupervisedSettings) -> None:
        firsts, datasets = [one.models[0] for one in together], [one.dataset for one in together]
        pairs = list(zip(firsts, datasets, strict=True))
        self.x = torch.stack([model.inputs.standardise(data.train.inputs) for model, data in pairs])
        self.y = torch.stack([model.outputs.standardise(data.train.targets) for model, data in pairs])
        self.rows, self.settings = together[0].rows, settings
        self.steps = math.ceil(self.rows / settings.batch)
        self.seeds = [one.seed for one in together]
        self.sites = firsts[0].posterior.sites
        self.each = len(together[0].models)
        keep = torch.tensor([[_keep(model) for model in one.models] for one in together])
        self.keep = dict(zip((site.name for site in self.sites), keep.unbind(-1), strict=True))
        self.costs = [_Cost(model, self.rows) for one in together for model in one.models]
        states = [cost.state_dict() for cost in self.costs]
        self.parameters = {name: torch.stack([s[name] for s in states]).requires_grad_() for name in states[0]}
        self.optimiser = torch.optim.Adam(self.parameters.values(), settings.learning_rate, fused=True)

    def epoch(self, number: int) -> float:
        """The mean loss of all networks."""
        site = Site("shuffle", (self.rows,), Permutation())
        order = self.of_each_seed([site], lambda seed: seed, number - 1)["shuffle"]
        first = (number - 1) * self.steps
        batches = enumerate(torch.split(order, self.settings.batch, 1), first)
        return float(torch.stack([self.update(rows, step) for step, rows in batches]).mean())

    def update(self, rows: Tensor, step: int) -> Tensor:
        """One step on some rows of each data set, ``(data sets, B)``."""
        which = torch.arange(len(rows)).unsqueeze(1)
        x, y = (values[which, rows].repeat_interleave(self.each, 0) for values in (self.x, self.y))
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(step / (self.steps * self.settings.epochs))
        losses: Tensor = vmap(self.cost)(self.parameters | self.masks(rows.shape[1], step), x, y)
        self.optimiser.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return losses.detach().mean()

    def cost(self, tensors: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = functional_call(self.costs[0], tensors, (x, y))
        return value

    def masks(self, rows: int, step: int) -> dict[str, Tensor]:
        """Those that each posterior's ``sample_for_training`` would draw, ``(networks, B, *shape)``."""
        sites = [replace(site, shape=(rows, *site.shape), distribution=Uniform(0, 1)) for site in self.sites]
        uniforms = self.of_each_seed(sites, lambda seed: derive(seed, "noise"), step)
        made = {}
        for site in sites:
            keep = self.keep[site.name].view(len(self.seeds), self.each, *(1 for _ in site.shape))
            masks = (uniforms[site.name].unsqueeze(1) < keep) / keep
            made[f"predictor.posterior.network.{site.name}"] = masks.flatten(0, 1)
        return made

    def of_each_seed(self, sites: Sequence[Site], seed_of: Callable[[int], int], index: int) -> dict[str, Tensor]:
        """One draw for each data set, ``(data sets, *shape)``; those that share a seed share it."""
        drawn = {seed: draw_noise(sites, seed_of(seed), index + 1, index) for seed in set(self.seeds)}
        return {site.name: torch.cat([drawn[seed][site.name] for seed in self.seeds]) for site in sites}

    def hand_back(self) -> None:
        """Load into every model what was fitted."""
        for i, cost in enumerate(self.costs):
            cost.load_state_dict({name: stacked[i].detach() for name, stacked in self.parameters.items()})
            cost.eval()


def _keep(model: Predictor) -> list[float]:
    return [site.distribution.keep for site in model.posterior.sites if isinstance(site.distribution, ScaledBernoulli)]
