r"""The loop for many tiny networks at once, each fitted as :func:`fit_supervised` would fit it alone.

A step of a network of 50 hidden units is mostly the calling of functions. So the parameters of all networks are
stacked, the networks leading: a step is one batched program (``vmap``), one backward pass of the sum of the losses and
one optimiser, which works on every element by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from models.noise import Permutation, ScaledBernoulli, Site, Uniform, draw_noise
from models.posteriors.mc_dropout import MCDropout
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.errors import RecipeError
from training.loops.gradient_step import GradientStep
from training.loops.learning_rate import LearningRate
from training.loops.progress import Epoch, epoch_means
from training.loops.settings import SupervisedSettings
from training.losses.loss import Loss, Report
from training.losses.objectives import negative_elbo
from training.seeds import derive

STACK_SIZE = 40
"""Networks in a stack. Measured with 50 hidden units and batches of 128, on a core with 1 MB of L2 cache: 40 us a
network and step; 50 us with 20 networks (the calls) and with 80 (the memory)."""
_OPTIMISERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class TrainingGroup:
    """Regressions with MC-dropout that see the same rows in the same order.

    Their masks are made of the same uniforms, each compared with a network's own probability: common random numbers,
    which cost less and compare better than independent ones.

    Attributes:
        models: Models of one architecture; only the probabilities of dropout may differ.
        dataset: Data, every training row of which has its target.
        seed: Seed of the run.
    """

    models: Sequence[Predictor]
    dataset: Dataset
    seed: int

    @property
    def rows(self) -> int:
        """The number of training rows."""
        return len(self.dataset.train.inputs)


def fit_vmapped(groups: Sequence[TrainingGroup], settings: SupervisedSettings, report: Callable[[Epoch], None]) -> None:
    """Minimise :class:`training.losses.free_energy.FreeEnergy` of every model, and leave it in evaluation mode.

    Args:
        groups: Groups of equally many models of one architecture.
        settings: Hyper-parameters of every run. Nothing is validated here, so that nothing stops early.
        report: Function that is called after every epoch of every stack.

    Raises:
        RecipeError: if a setting or a posterior is none that many models at once can have.
        DivergenceError: if a loss is no longer finite.
    """
    _check(groups, settings)
    stacks = list(_stacks(groups))
    for done, members in enumerate(stacks):
        stack = _Stack(members, settings)
        for number in range(1, settings.epochs + 1):
            losses = stack.epoch(number)
            report(Epoch(done * settings.epochs + number, len(stacks) * settings.epochs, losses))
        stack.hand_back()


def _check(groups: Sequence[TrainingGroup], settings: SupervisedSettings) -> None:
    """Raise unless every setting is honoured, and every posterior is MC-dropout."""
    if settings.keeps_best:
        setting = "keep_best" if settings.patience is None else f"patience ({settings.patience})"
        raise RecipeError(f"many models at once run to their last epoch: leave out {setting}, or fit each alone")
    if settings.validate_every != SupervisedSettings.validate_every:
        raise RecipeError(
            f"many models at once are not validated: leave out validate_every ({settings.validate_every}), or fit each"
            " alone"
        )
    for posterior in (model.posterior for group in groups for model in group.models):
        if not isinstance(posterior, MCDropout):
            raise RecipeError(f"many models at once are MC-dropout, not {type(posterior).__name__}; fit each alone")


def _stacks(groups: Sequence[TrainingGroup]) -> Iterator[list[TrainingGroup]]:
    """Yield groups of as many rows each, so that every batch of a stack is full where one is."""
    for _, members in groupby(sorted(groups, key=lambda group: group.rows), lambda group: group.rows):
        alike = list(members)
        size = max(1, STACK_SIZE // len(alike[0].models))
        yield from (alike[start : start + size] for start in range(0, len(alike), size))


class _Cost(nn.Module):
    """The free energy of one network, as a function of its parameters."""

    def __init__(self, predictor: Predictor, rows: int) -> None:
        super().__init__()
        self.predictor = predictor
        self.rows = rows

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        posterior, likelihood = self.predictor.posterior, self.predictor.likelihood
        return negative_elbo(likelihood.cost(posterior.network(x), target), posterior.kl({}), self.rows)


class _Stack:
    """Groups of as many rows each, as one batched program.

    Args:
        groups: Groups of equally many models.
        settings: Hyper-parameters of every run.
    """

    def __init__(self, groups: Sequence[TrainingGroup], settings: SupervisedSettings) -> None:
        firsts, datasets = [group.models[0] for group in groups], [group.dataset for group in groups]
        pairs = list(zip(firsts, datasets, strict=True))
        self.x = torch.stack([model.inputs.standardise(data.train.inputs) for model, data in pairs])
        self.y = torch.stack([model.outputs.standardise(data.train.targets) for model, data in pairs])
        self.rows, self.settings = groups[0].rows, settings
        self.steps = math.ceil(self.rows / settings.batch)
        self.seeds = [group.seed for group in groups]
        self.sites = firsts[0].posterior.sites
        self.each = len(groups[0].models)
        keep = torch.tensor([[_keep(model) for model in group.models] for group in groups])
        self.keep = dict(zip((site.name for site in self.sites), keep.unbind(-1), strict=True))
        self.costs = [_Cost(model, self.rows) for group in groups for model in group.models]
        states = [cost.state_dict() for cost in self.costs]
        self.parameters = {name: torch.stack([s[name] for s in states]).requires_grad_() for name in states[0]}
        optimiser = _OPTIMISERS[settings.optimiser](self.parameters.values(), lr=settings.learning_rate)
        hooks = (LearningRate(optimiser, settings.schedule),)
        self.gradient_step = GradientStep(optimiser, settings.clip_norm, hooks, stacked=True)

    def epoch(self, number: int) -> dict[str, float]:
        """Go once through the rows, and return the mean loss of all networks."""
        site = Site("shuffle", (self.rows,), Permutation())
        order = self.draw_per_group([site], lambda seed: seed, number - 1)["shuffle"]
        first = (number - 1) * self.steps
        batches = enumerate(torch.split(order, self.settings.batch, 1), first)
        means = epoch_means([self.update(rows, step) for step, rows in batches], number)
        self.gradient_step.after_epoch(number / self.settings.epochs)
        return {"loss": means["loss"]}

    def update(self, rows: Tensor, step: int) -> Report:
        """Take a step on some rows of each group, int64 ``(groups, B)``."""
        which = torch.arange(len(rows)).unsqueeze(1)
        x, y = (values[which, rows].repeat_interleave(self.each, 0) for values in (self.x, self.y))
        masks = self.masks(rows.shape[1], step)

        def loss() -> Loss:
            losses: Tensor = vmap(self.cost)(self.parameters | masks, x, y)
            return Loss("summed_loss", losses.sum(), {"loss": losses.mean()})

        return self.gradient_step.minimise(loss, step, step / (self.steps * self.settings.epochs))

    def cost(self, tensors: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = functional_call(self.costs[0], tensors, (x, y))
        return value

    def masks(self, rows: int, step: int) -> dict[str, Tensor]:
        """Return the masks that each posterior's ``sample_for_training`` would draw, ``(networks, B, *shape)``."""
        sites = [replace(site, shape=(rows, *site.shape), distribution=Uniform(0, 1)) for site in self.sites]
        uniforms = self.draw_per_group(sites, lambda seed: derive(seed, "noise"), step)
        masks = {}
        for site in sites:
            keep = self.keep[site.name].view(len(self.seeds), self.each, *(1 for _ in site.shape))
            scaled = (uniforms[site.name].unsqueeze(1) < keep) / keep
            masks[f"predictor.posterior.network.{site.name}"] = scaled.flatten(0, 1)
        return masks

    def draw_per_group(self, sites: Sequence[Site], seed_of: Callable[[int], int], index: int) -> dict[str, Tensor]:
        """Return one draw for each group, ``(groups, *shape)``; groups that share a seed share it."""
        drawn = {seed: draw_noise(sites, seed_of(seed), index + 1, index) for seed in set(self.seeds)}
        return {site.name: torch.cat([drawn[seed][site.name] for seed in self.seeds]) for site in sites}

    def hand_back(self) -> None:
        """Load into every model what was fitted."""
        for i, cost in enumerate(self.costs):
            cost.load_state_dict({name: stacked[i].detach() for name, stacked in self.parameters.items()})
            cost.eval()


def _keep(model: Predictor) -> list[float]:
    """Return the probability of keeping a unit at each of a model's sites."""
    distributions = (site.distribution for site in model.posterior.sites)
    return [distribution.keep for distribution in distributions if isinstance(distribution, ScaledBernoulli)]
