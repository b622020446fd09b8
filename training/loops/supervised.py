"""The one loop for whatever is a mean over batches: predictive models, and the variational autoencoder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from models.noise import Permutation, Site, draw_noise
from training.data import Split
from training.loops.progress import Epoch, Run, check_finite
from training.loops.state import Position, clone, optimiser_tensors, restore_optimiser
from training.seeds import derive


@dataclass(frozen=True)
class SupervisedSettings:
    """How to minimise.

    Attributes:
        epochs: At most.
        batch: Rows.
        learning_rate: Of the optimiser.
        optimiser: ``adam``, or plain stochastic gradient descent.
        cosine_decay: Whether the learning rate falls to zero along half a cosine.
        patience: Stop when the validation metric has not improved for so many epochs, and keep the best weights;
            ``None`` runs all epochs and keeps the last.
        validate_every: Epochs.
    """

    epochs: int
    batch: int
    learning_rate: float
    optimiser: Literal["adam", "sgd"] = "adam"
    cosine_decay: bool = False
    patience: int | None = None
    validate_every: int = 1

    def rate(self, share: float) -> float:
        """The learning rate when this share of all steps is done."""
        return self.learning_rate * (0.5 * (1 + math.cos(math.pi * share)) if self.cosine_decay else 1.0)


_OPTIMISERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class Objective(ABC):
    """What is minimised.

    Attributes:
        model: Whose parameters are free.
        metric_name: Of what :meth:`metric` returns, with its unit.
    """

    model: nn.Module
    metric_name: str

    @abstractmethod
    def loss(self, batch: Split, seed: int, step: int) -> Tensor:
        """A scalar; everything random in it comes from ``(seed, step)``."""

    def after_epoch(self, progress: float) -> None:  # noqa: B027 - most objectives have no use for it
        """Take note that an epoch is finished, before it is validated and saved; the default does nothing.

        Args:
            progress: Share of the run that is done, in (0, 1].
        """

    @abstractmethod
    def metric(self) -> float:
        """On the validation split; lower is better. Does not change the model."""


def fit_supervised(objective: Objective, train: Split, settings: SupervisedSettings, run: Run) -> None:
    """Fit the objective's model, and leave it in evaluation mode.

    Raises:
        DivergenceError: if the loss is no longer finite.
        StateError: if a run is to be continued that cannot be.
    """
    loop = _Loop(objective, train, settings, run)
    if run.resume:
        loop.restore()
    while not loop.finished:
        loop.epoch()
    loop.keep_best()
    objective.model.eval()


@dataclass
class _Loop:
    objective: Objective
    train: Split
    settings: SupervisedSettings
    run: Run
    position: Position = field(default_factory=Position)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model = self.objective.model
        self.optimiser = _OPTIMISERS[self.settings.optimiser](self.model.parameters(), lr=self.settings.learning_rate)
        self.noise_seed = derive(self.run.seed, "noise")
        self.order = Site("shuffle", (len(self.train.inputs),), Permutation())
        self.steps = math.ceil(len(self.train.inputs) / self.settings.batch)

    @property
    def finished(self) -> bool:
        position, patience = self.position, self.settings.patience
        waited = position.epoch - position.best_epoch if position.best_epoch else 0
        return position.epoch >= self.settings.epochs or (patience is not None and waited >= patience)

    def epoch(self) -> None:
        number = self.position.epoch + 1
        self.model.train()
        order = draw_noise([self.order], self.run.seed, number, number - 1)["shuffle"][0]
        step = (number - 1) * self.steps
        losses = [
            self.update(self.train.rows(rows), step + i)
            for i, rows in enumerate(torch.split(order, self.settings.batch))
        ]
        means = {"loss": float(torch.stack(losses).mean())}
        check_finite(means, number)
        self.objective.after_epoch(number / self.settings.epochs)
        metric = self.validate(number)
        self.save()
        self.run.report(Epoch(number, self.settings.epochs, means, metric))

    def update(self, batch: Split, step: int) -> Tensor:
        device = next(self.model.parameters()).device
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(step / (self.steps * self.settings.epochs))
        loss = self.objective.loss(Split(*(t.to(device) for t in batch)), self.noise_seed, step)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    def validate(self, number: int) -> tuple[str, float] | None:
        self.position = Position(number, self.position.best_epoch, self.position.best_metric)
        if number % self.settings.validate_every and number != self.settings.epochs:
            return None
        self.model.eval()
        value = self.objective.metric()
        check_finite({self.objective.metric_name: value}, number)
        if self.settings.patience is not None and self.improves(value):
            self.position = Position(number, number, value)
            self.best = clone(self.model)
        return self.objective.metric_name, value

    def improves(self, value: float) -> bool:
        best = self.position.best_metric
        return best is None or value < best

    def save(self) -> None:
        if self.run.state is not None:
            moments = optimiser_tensors(self.optimiser)
            groups = {"model": self.model.state_dict(), "optimiser": moments, "best": self.best}
            self.run.state.save(self.position, groups)

    def restore(self) -> None:
        assert self.run.state is not None  # who resumes has a state
        self.position, groups = self.run.state.load()
        self.model.load_state_dict(groups["model"])
        restore_optimiser(self.optimiser, groups["optimiser"])
        self.best = groups.get("best", {})

    def keep_best(self) -> None:
        if self.best:
            self.model.load_state_dict(self.best)
