"""The one gradient step: its hooks, its clipping, and that every loop goes through it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from training import data, recipes
from training.data import Dataset
from training.errors import RecipeError
from training.experiments import benchmark
from training.loops.gradient_step import GradientStep
from training.loops.progress import Run
from training.loops.vmapped import TrainingGroup, fit_vmapped
from training.losses.hook import Hook
from training.losses.loss import Loss
from training.seeds import initialised

TRAINING = Path(__file__).parents[3] / "training"
BOUND = 0.01


class Watcher(Hook):
    """Notes what the weight is whenever it is called."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self.seen: list[tuple[str, float, float]] = []

    def before_step(self, step: int, progress: float) -> None:
        self.seen.append((f"before {step}", self.weight.item(), progress))

    def after_step(self, step: int, progress: float) -> None:
        self.seen.append((f"after {step}", self.weight.item(), progress))

    def after_epoch(self, progress: float) -> None:
        self.seen.append(("epoch", self.weight.item(), progress))


def test_hooks_are_called_around_the_step_and_after_the_epoch() -> None:
    weight = torch.tensor(1.0, requires_grad=True)
    watcher = Watcher(weight)
    step = GradientStep(torch.optim.SGD([weight], 0.25), hooks=(watcher,))
    reports = [step.minimise(lambda: Loss("loss", weight.square()), i, i / 2) for i in range(2)]
    step.after_epoch(1.0)
    assert watcher.seen == [
        ("before 0", 1.0, 0.0),
        ("after 0", 0.5, 0.0),
        ("before 1", 0.5, 0.5),
        ("after 1", 0.25, 0.5),
        ("epoch", 0.25, 1.0),
    ]
    assert [report["loss"].item() for report in reports] == [1.0, 0.25]


def test_a_report_has_the_minimised_scalar_first_and_no_graph() -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    loss = Loss("total", weight.square(), {"part": weight})
    assert list(loss.report()) == ["total", "part"]
    assert not any(scalar.requires_grad for scalar in loss.report().values())


@pytest.mark.parametrize("norm", [0.0, -1.0, float("nan")])
def test_a_norm_that_is_not_positive_is_refused(norm: float) -> None:
    with pytest.raises(RecipeError, match="clipped to a positive norm, not to"):
        GradientStep(torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1), norm)


def test_nothing_else_in_training_calls_an_optimiser() -> None:
    calls = [
        path.relative_to(TRAINING).as_posix()
        for path in sorted(TRAINING.rglob("*.py"))
        for _ in re.finditer(r"\.step\(\)", path.read_text())
    ]
    assert calls == ["loops/gradient_step.py"]


@pytest.fixture
def norms() -> Iterator[list[float]]:
    """The L2 norms of the gradients of each of an optimiser's models, when the optimiser steps."""
    found: list[float] = []

    def watch(optimiser: Optimizer, _args: object, _kwargs: object) -> None:
        gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        stacked = len({len(g) if g.ndim else 0 for g in gradients}) == 1 and len(gradients[0]) == len(benchmark.DROPOUT)
        rows = [gradient.reshape(len(benchmark.DROPOUT) if stacked else 1, -1) for gradient in gradients]
        found.extend(torch.cat(rows, 1).norm(dim=1).tolist())

    handle = register_optimizer_step_pre_hook(watch)
    yield found
    handle.remove()


def fit_recipe(name: str, digits: Dataset, clip_norm: float | None) -> list[Tensor]:
    """The weights that a recipe ends in after an epoch."""
    recipe = recipes.find(name).with_epochs(1)
    recipe = replace(recipe, settings=replace(recipe.settings, clip_norm=clip_norm))
    model = initialised(recipe.spec(digits), 0)
    recipe.train(model, digits, Run(0))
    return list(model.state_dict().values())


def fit_stack(_name: str, _digits: Dataset, clip_norm: float | None) -> list[Tensor]:
    """The weights that many models at once end in after an epoch."""
    recipe, dataset = benchmark.RECIPE.with_epochs(1), data.load("diabetes")
    models = [initialised(benchmark.with_dropout(recipe, rate).spec(dataset), 0) for rate in benchmark.DROPOUT]
    settings = replace(recipe.settings, batch=64, clip_norm=clip_norm)
    fit_vmapped([TrainingGroup(models, dataset, 0)], settings, lambda epoch: None)
    return [tensor for model in models for tensor in model.state_dict().values()]


Fit = Callable[[str, Dataset, float | None], list[Tensor]]
LOOPS = [
    pytest.param(fit_recipe, "digits-mlp-mc_dropout", id="supervised"),
    pytest.param(fit_recipe, "digits-vae", id="vae"),
    pytest.param(fit_recipe, "digits-gan", id="adversarial"),
    pytest.param(fit_recipe, "digits-infogan", id="shared parameters"),
    pytest.param(fit_recipe, "digits-progan", id="progressive"),
    pytest.param(fit_stack, "uci", id="vmapped"),
]


@pytest.mark.parametrize(("fit", "name"), LOOPS)
def test_every_loop_bounds_the_norm_of_its_gradients(fit: Fit, name: str, digits: Dataset, norms: list[float]) -> None:
    fit(name, digits, None)
    assert max(norms) > 2 * BOUND
    norms.clear()
    fit(name, digits, BOUND)
    assert 0.99 * BOUND < max(norms) <= 1.0001 * BOUND


@pytest.mark.parametrize(("fit", "name"), LOOPS)
def test_a_bound_that_is_never_reached_changes_no_bit(fit: Fit, name: str, digits: Dataset) -> None:
    free, bounded = (fit(name, digits, norm) for norm in (None, 1e9))
    assert all(torch.equal(a, b) for a, b in zip(free, bounded, strict=True))
