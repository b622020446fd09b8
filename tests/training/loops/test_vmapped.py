"""Networks that are fitted at once are what `fit` makes of each alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from models.catalogue import Component
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.data.dataset import table_spec, target_spec
from training.errors import DivergenceError, RecipeError
from training.experiments import benchmark
from training.loops import vmapped
from training.loops.progress import Epoch, Run
from training.loops.settings import SupervisedSettings
from training.loops.supervised import fit_supervised
from training.loops.vmapped import TrainingGroup, fit_vmapped
from training.seeds import initialised

PROBABILITIES = ((0.05, 0.3), (0.2, 0.1), (0.01, 0.5), (0.4, 0.3))
SETTINGS = SupervisedSettings(epochs=4, batch=16, learning_rate=1e-2, cosine_decay=True)


def table(rows: int, seed: int) -> Dataset:
    x = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    part = Split(x, x.sum(1, keepdim=True) + x[:, :1].square())
    return Dataset("t", table_spec(x, ("a", "b", "c")), target_spec(part.targets, ("y",)), part, part, part, part)


def new(dropout: float, dataset: Dataset, seed: int) -> Predictor:
    model = initialised(benchmark.with_dropout(benchmark.RECIPE, dropout).spec(dataset), seed)
    assert isinstance(model, Predictor)
    return model


def groups(rows: tuple[int, ...]) -> list[TrainingGroup]:
    datasets = [(table(n, seed), seed) for seed, n in enumerate(rows)]
    return [
        TrainingGroup([new(p, dataset, seed) for p in PROBABILITIES[seed]], dataset, seed) for dataset, seed in datasets
    ]


@pytest.mark.parametrize("most", [1, 4, 100])
@pytest.mark.parametrize(
    "changed",
    [{}, {"cosine_decay": False, "batch": 7}, {"optimiser": "sgd"}, {"optimiser": "sgd", "clip_norm": 0.5}],
    ids=str,
)
def test_every_network_is_the_one_that_is_trained_alone(
    most: int, changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever shares its stack, however many rows the others have and however often they drop a unit."""
    monkeypatch.setattr(vmapped, "STACK_SIZE", most)
    settings = replace(SETTINGS, **changed)
    fitted = groups((40, 33, 40))
    fit_vmapped(fitted, settings, lambda epoch: None)
    for one in fitted:
        for dropout, model in zip(PROBABILITIES[one.seed], one.models, strict=True):
            alone = new(dropout, one.dataset, one.seed)
            energy = replace(benchmark.RECIPE, settings=settings).loss(alone, one.dataset)
            fit_supervised(energy, one.dataset.train, settings, Run(one.seed))
            for name, tensor in alone.state_dict().items():
                torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0, atol=1e-5)
            assert not model.training


def test_every_epoch_of_every_stack_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmapped, "STACK_SIZE", 4)
    epochs: list[Epoch] = []
    fit_vmapped(groups((40, 33, 40, 40)), SETTINGS, epochs.append)
    assert [(epoch.number, epoch.of) for epoch in epochs] == [(number, 12) for number in range(1, 13)]


def test_a_diverging_run_is_an_error() -> None:
    with pytest.raises(DivergenceError, match="loss is nan"):
        fit_vmapped(groups((40,)), SupervisedSettings(epochs=3, batch=16, learning_rate=1e30), lambda epoch: None)


REFUSED = {"patience": 3, "validate_every": 2, "keep_best": True}
HONOURED = {"epochs", "batch", "learning_rate", "optimiser", "cosine_decay", "clip_norm"}


@pytest.mark.parametrize("setting", REFUSED)
def test_a_setting_that_many_models_cannot_have_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError, match=f"leave out {setting}"):
        fit_vmapped(groups((40,)), replace(SETTINGS, **{setting: REFUSED[setting]}), lambda epoch: None)


def test_no_setting_is_ignored() -> None:
    assert {field.name for field in fields(SupervisedSettings)} == HONOURED | REFUSED.keys()


def test_another_posterior_is_refused() -> None:
    dataset = table(40, 0)
    recipe = replace(benchmark.RECIPE, posterior=Component("bayes_by_backprop"))
    group = TrainingGroup([initialised(recipe.spec(dataset), 0)], dataset, 0)
    with pytest.raises(RecipeError, match="many models at once are MC-dropout, not BayesByBackprop"):
        fit_vmapped([group], SETTINGS, lambda epoch: None)
