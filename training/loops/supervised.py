"""The loop for losses that are means over rows: predictive models, and the variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.data import Split
from training.loops.gradient_step import GradientStep
from training.loops.learning_rate import LearningRate
from training.loops.processes import first_value
from training.loops.progress import Epoch, Kept, Run, check_finite, epoch_means, shuffled
from training.loops.settings import SupervisedSettings
from training.loops.shared_rows import share_rows
from training.loops.state import Position, clone, optimiser_tensors, restore_optimiser
from training.losses.loss import Report
from training.losses.step_context import StepContext
from training.losses.supervised_loss import SupervisedLoss
from training.seeds import derive

_OPTIMISERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def fit_supervised(loss: SupervisedLoss, train: Split, settings: SupervisedSettings, run: Run) -> Kept | None:
    """Fit the loss's model, and leave it in evaluation mode.

    Where the best epoch is kept, its weights and what a posterior had collected by then go together; epochs before a
    posterior can be drawn from are not compared.

    Returns:
        The epoch that was kept; ``None`` where that is simply the last.

    Raises:
        DivergenceError: if the loss is no longer finite.
        RecipeError: if a setting is of no use.
        StateError: if a run cannot be resumed.
    """
    loop = _Loop(loss, train, settings, run)
    if run.resume:
        loop.restore()
    while not loop.finished:
        loop.epoch()
    kept = loop.keep_best()
    loss.model.eval()
    loss.after_training(loop.batches())
    return kept


@dataclass
class _Loop:
    loss: SupervisedLoss
    train: Split
    settings: SupervisedSettings
    run: Run
    position: Position = field(default_factory=Position)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model = self.loss.model
        self.optimiser = _OPTIMISERS[self.settings.optimiser](self.model.parameters(), lr=self.settings.learning_rate)
        hooks = (LearningRate(self.optimiser, self.settings.schedule), self.loss)
        self.gradient_step = GradientStep(self.optimiser, self.settings.clip_norm, hooks)
        self.noise_seed = derive(self.run.seed, "noise")
        self.rows = len(self.train.inputs)
        self.steps = math.ceil(self.rows / self.settings.batch)

    @property
    def finished(self) -> bool:
        position, patience = self.position, self.settings.patience
        waited = position.epoch - position.best_epoch if position.best_epoch else 0
        return position.epoch >= self.settings.epochs or (patience is not None and waited >= patience)

    def epoch(self) -> None:
        number = self.position.epoch + 1
        self.model.train()
        batches = torch.split(shuffled(self.rows, self.run.seed, number), self.settings.batch)
        first = (number - 1) * self.steps
        means = epoch_means([self.update(self.train.rows(rows), first + i) for i, rows in enumerate(batches)], number)
        self.gradient_step.after_epoch(number / self.settings.epochs)
        metric = self.validate(number)
        self.save()
        self.run.report(Epoch(number, self.settings.epochs, means, metric))

    def batches(self) -> Iterator[Split]:
        """Yield the training rows in their order, on the model's device."""
        for start in range(0, self.rows, self.settings.batch):
            yield self.on_device(self.train.rows(slice(start, start + self.settings.batch)))

    def on_device(self, batch: Split) -> Split:
        device = next(self.model.parameters()).device
        return Split(*(tensor.to(device) for tensor in batch))

    def update(self, batch: Split, step: int) -> Report:
        batch = self.on_device(batch)
        progress = step / (self.steps * self.settings.epochs)
        context = StepContext(self.noise_seed, step, progress)
        with share_rows(self.model):
            return self.gradient_step.minimise(lambda: self.loss.of_batch(batch, context), step, progress)

    def validate(self, number: int) -> tuple[str, float] | None:
        self.position = Position(number, self.position.best_epoch, self.position.best_metric)
        if number % self.settings.validate_every and number != self.settings.epochs:
            return None
        self.model.eval()
        value = first_value(self.loss.metric())
        check_finite({self.loss.metric_name: value}, number)
        if self.settings.keeps_best and self.loss.judges_the_answer and self.improves(value):
            self.position = Position(number, number, value)
            self.best = clone(self.model)
        return self.loss.metric_name, value

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

    def keep_best(self) -> Kept | None:
        """Go back to the best epoch's weights and buffers, so that what a posterior collects still fits its weights."""
        if not self.best:
            return None
        self.model.load_state_dict(self.best)
        position, of = self.position, self.settings.epochs
        assert position.best_metric is not None  # it was the reason to keep the weights
        return Kept(position.best_epoch, position.epoch, of, self.loss.metric_name, position.best_metric)
