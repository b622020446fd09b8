"""The loop that minimises: it learns, stops, resumes to the bit, and notices when it diverges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.posteriors.deterministic import Deterministic
from training import recipes
from training.data import Dataset, Split
from training.errors import DivergenceError, StateError
from training.loops.progress import Epoch, Run
from training.loops.settings import SupervisedSettings
from training.loops.state import StateFile
from training.loops.supervised import fit_supervised
from training.losses.loss import Loss
from training.losses.step_context import StepContext
from training.losses.supervised_loss import SupervisedLoss
from training.seeds import initialised

ROWS = Split(torch.randn(30, 1), torch.zeros(30))


class Slope(SupervisedLoss):
    """One parameter, drawn to 1 at the data; its validation is a given sequence."""

    metric_name = "validation"

    def __init__(self, metrics: tuple[float, ...] = (1.0,) * 100, factor: float = 1.0) -> None:
        self.model = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.metrics = iter(metrics)
        self.factor = factor
        self.seen: list[float] = []
        self.progress: list[tuple[float, int]] = []

    def of_batch(self, batch: Split, context: StepContext) -> Loss:
        return Loss("loss", self.factor * (self.model.weight - 1).square().sum())

    def after_epoch(self, progress: float) -> None:
        self.progress.append((progress, len(self.seen)))

    def metric(self) -> float:
        self.seen.append(float(self.model.weight.detach()))
        return next(self.metrics)


def test_it_minimises_and_leaves_the_model_in_evaluation_mode() -> None:
    slope = Slope()
    fit_supervised(slope, ROWS, SupervisedSettings(epochs=60, batch=10, learning_rate=0.05), Run(0))
    assert slope.model.weight.item() == pytest.approx(1, abs=0.01)
    assert not slope.model.training


def test_plain_gradient_descent_takes_the_step_of_its_rate() -> None:
    slope, rows = Slope(), Split(torch.ones(4, 1), torch.zeros(4))
    before = slope.model.weight.item()
    gradient = torch.autograd.grad(slope.of_batch(rows, StepContext(0, 0, 0.0)).minimised, slope.model.weight)[0].item()
    fit_supervised(slope, rows, SupervisedSettings(epochs=1, batch=4, learning_rate=0.125, optimiser="sgd"), Run(0))
    assert slope.model.weight.item() == pytest.approx(before - 0.125 * gradient)


def test_it_stops_early_and_keeps_the_best_weights() -> None:
    slope = Slope((3.0, 1.0, 2.0, 2.0, 2.0, 0.0))
    epochs: list[Epoch] = []
    settings = SupervisedSettings(epochs=50, batch=10, learning_rate=0.01, patience=3)
    fit_supervised(slope, ROWS, settings, Run(0, report=epochs.append))
    assert [e.number for e in epochs] == [1, 2, 3, 4, 5]
    assert slope.model.weight.item() == slope.seen[1]


def test_the_best_epoch_of_a_whole_run_can_be_kept_and_is_named() -> None:
    slope = Slope((3.0, 1.0, 2.0, 1.5))
    settings = SupervisedSettings(epochs=4, batch=10, learning_rate=0.01, keep_best=True)
    kept = fit_supervised(slope, ROWS, settings, Run(0))
    assert slope.model.weight.item() == slope.seen[1]
    assert str(kept) == "best of 4 epochs: 2, validation 1 nats"
    stopped = fit_supervised(Slope((3.0, 1.0, 2.0, 1.5)), ROWS, replace(settings, patience=1), Run(0))
    assert str(stopped) == "best of 4 epochs, stopped after 3: 2, validation 1 nats"
    last = fit_supervised(Slope(), ROWS, replace(settings, keep_best=False), Run(0))
    assert last is None


class Judging(Slope):
    """Cannot be judged before its third epoch."""

    @property
    def judges_the_answer(self) -> bool:
        return len(self.seen) > 2


def test_epochs_that_cannot_be_compared_are_not_kept() -> None:
    slope = Judging((0.0, 1.0, 3.0, 2.0, 2.5))
    settings = SupervisedSettings(epochs=5, batch=10, learning_rate=0.01, patience=3)
    assert str(fit_supervised(slope, ROWS, settings, Run(0))) == "best of 5 epochs: 4, validation 2 nats"
    assert slope.model.weight.item() == slope.seen[3]


def test_a_kept_swag_is_that_of_the_iterates_up_to_its_epoch(digits: Dataset) -> None:
    recipe = recipes.find("digits-mlp-swag").with_epochs(6)
    recipe = replace(recipe, settings=replace(recipe.settings, keep_best=True, validate_every=1))
    model, metrics = initialised(recipe.spec(digits), 0), []
    kept = recipe.train(model, digits, Run(0, report=lambda epoch: metrics.append(epoch.metric[1])))
    assert kept.epoch > 3, "with a start of one half there are two iterates after the fourth epoch"
    assert kept.value == min(metrics[3:])
    assert int(model.posterior.collected) == kept.epoch - 2


def test_every_epoch_is_announced_before_it_is_validated() -> None:
    slope = Slope()
    fit_supervised(slope, ROWS, SupervisedSettings(epochs=4, batch=10, learning_rate=0.01), Run(0))
    assert slope.progress == [(0.25, 0), (0.5, 1), (0.75, 2), (1.0, 3)]


def test_a_resumed_run_announces_the_epochs_that_are_left(tmp_path: Path) -> None:
    settings = SupervisedSettings(epochs=4, batch=10, learning_rate=0.01)
    state = StateFile(tmp_path / "state.safetensors", "", every_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        fit_supervised(Slope(), ROWS, settings, Run(0, state, report=_interrupt_after(3)))
    slope = Slope()
    fit_supervised(slope, ROWS, settings, Run(0, state, resume=True))
    assert [progress for progress, _ in slope.progress] == [1.0]


class Collecting(Deterministic):
    """Remembers in a buffer how far the run was after each epoch."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network, (1, 8, 8))
        self.register_buffer("progress", torch.zeros(0))

    def after_epoch(self, progress: float) -> None:
        self.progress = torch.cat([self.progress, torch.tensor([progress])])


def test_a_predictors_posterior_hears_of_every_epoch(digits: Dataset) -> None:
    recipe = recipes.find("digits-mlp-deterministic").with_epochs(2)
    model = initialised(recipe.spec(digits), 0)
    model.posterior = Collecting(model.posterior.network)
    recipe.train(model, digits, Run(0))
    assert model.posterior.progress.tolist() == [0.5, 1.0]


def test_without_patience_the_last_weights_stay() -> None:
    slope = Slope((0.0, 1.0, 2.0))
    fit_supervised(slope, ROWS, SupervisedSettings(epochs=3, batch=10, learning_rate=0.01), Run(0))
    assert slope.model.weight.item() == slope.seen[2]


def test_the_learning_rate_falls_to_nothing_along_a_cosine() -> None:
    settings = SupervisedSettings(epochs=10, batch=10, learning_rate=1.0, cosine_decay=True)
    assert [round(settings.schedule(share), 6) for share in (0, 0.5, 1)] == [1.0, 0.5, 0.0]


def test_divergence_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DivergenceError, match=r"the loss is nan in epoch 1: try another seed or a lower learning"):
        fit_supervised(
            Slope(factor=float("nan")), ROWS, SupervisedSettings(epochs=3, batch=10, learning_rate=0.1), Run(0)
        )


def _train(name: str, dataset: Dataset, run: Run, patience: int | None) -> dict[str, Tensor]:
    recipe = recipes.find(name)
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=4, patience=patience, validate_every=1))
    model = initialised(recipe.spec(dataset), 0)
    recipe.train(model, dataset, run)
    return model.state_dict()


def _interrupt_after(epochs: int):
    def report(epoch: Epoch) -> None:
        if epoch.number == epochs:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("patience", [None, 4])
@pytest.mark.parametrize("name", ["digits-mlp-mc_dropout", "digits-mlp-bayes_by_backprop", "digits-vae"])
def test_a_resumed_run_ends_in_the_very_weights_of_an_uninterrupted_one(
    name: str, patience: int | None, digits: Dataset, tmp_path: Path
) -> None:
    uninterrupted = _train(name, digits, Run(0), patience)
    state = StateFile(tmp_path / "state.safetensors", "", every_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        _train(name, digits, Run(0, state, report=_interrupt_after(2)), patience)
    resumed = _train(name, digits, Run(0, state, resume=True), patience)
    assert all(torch.equal(tensor, resumed[key]) for key, tensor in uninterrupted.items())


def test_another_seed_ends_elsewhere(digits: Dataset) -> None:
    first, second = (_train("digits-vae", digits, Run(seed), None) for seed in (0, 1))
    assert not torch.equal(first["decoder.0.weight"], second["decoder.0.weight"])


def test_resuming_from_nothing_is_refused(digits: Dataset, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nothing to resume"):
        _train("digits-vae", digits, Run(0, StateFile(tmp_path / "s.safetensors", ""), resume=True), None)
