r"""The regression benchmark of Gal & Ghahramani (2016): MC-dropout on the published splits of one data set.

One hidden layer of 50, dropout on the input and on the hidden layer, 4000 epochs. For every split the probability of
dropout and the noise are selected on held-out training rows, and that model is fitted again to all training rows. The
paper holds out the last fifth, once, and takes the noise from a grid for each data set; here it is whatever is
likeliest, and small data hold out other fifths too (:func:`training.experiments.model_selection.folds`).

References:
    Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, section 5.2 and table 1.
    Hernández-Lobato & Adams (2015), Probabilistic Backpropagation, whose splits these are.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Origin
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.draws import Draws
from models.prediction.predictor import Predictor
from training import data
from training.data import Dataset, Options, Split
from training.data.tables import published_splits
from training.evaluation.evaluate import SEED, measure
from training.evaluation.measurement import Metrics
from training.evaluation.predictions import blocks
from training.experiments.model_selection import Selection, folds, log_likelihood, select
from training.loops.progress import Epoch
from training.loops.settings import SupervisedSettings
from training.loops.vmapped import TrainingGroup, fit_vmapped
from training.recipes.kinds.predictive import PredictiveRecipe
from training.run.fit import Trained, publish, state_file
from training.run.machine import machine
from training.run.threads import threads_for
from training.seeds import derive, initialised

DROPOUT = (0.005, 0.01, 0.05, 0.1)
"""Candidates of the probability of dropping a unit."""

SAMPLES = 10_000
"""Number of draws behind the metrics, as in the paper."""

SELECTION_SAMPLES = 500

MOST_STEPS = 500_000
"""Number of steps of one fit, unless epochs are given: the paper's 4000 epochs on 16 000 training rows."""

RECIPE = PredictiveRecipe(
    data="uci",
    model="mlp-mc_dropout",
    description="regression: one hidden layer, dropout kept when predicting, noise chosen on held-out rows",
    network=Component("mlp", {"hidden": [50]}),
    posterior=Component("mc_dropout", {"length_scale": 0.01}),
    likelihood=Component("homoscedastic_gaussian"),
    settings=SupervisedSettings(epochs=4000, batch=128, learning_rate=1e-3),
)

ShowEpochs = Callable[[str], AbstractContextManager[Callable[[Epoch], None]]]
"""From the name of a run to a context whose value is a callback for its epochs."""


@dataclass(frozen=True)
class Result:
    """Selection and test metrics of one split.

    Attributes:
        selection: Dropout and noise that its held-out rows selected.
        rmse: Root mean squared error on the test rows, in the target's units.
        log_likelihood: Mean log-likelihood of the test rows, in nats.
    """

    selection: Selection
    rmse: float
    log_likelihood: float


@dataclass(frozen=True)
class BenchmarkOutcome:
    """The results of a benchmark.

    Attributes:
        folder: Checkpoint of split 0's model.
        results: Results of every split.
        metrics: Metrics of all splits together, as in the checkpoint's manifest.
        seconds: Duration of the benchmark.
    """

    folder: Path
    results: Sequence[Result]
    metrics: Metrics
    seconds: float


def benchmark(folder: Path, store: Path, seed: int, epochs: int | None, show_epochs: ShowEpochs) -> BenchmarkOutcome:
    """Run the benchmark on a folder with ``data.csv`` and ``splits.json``, and save the model of split 0.

    Args:
        folder: Folder of the published data.
        store: Folder of all checkpoints.
        seed: Seed of all runs.
        epochs: Number of epochs; ``None`` is as many as :func:`default_epochs`.
        show_epochs: Shows the progress of a run.

    Raises:
        CredenceError: if the folder does not hold a regression with splits, or a run diverges.
        OSError: if the store cannot be written.
    """
    started = time.perf_counter()
    numbers = range(published_splits(folder))
    splits = [data.load(str(folder), options=Options(split=number)).refit() for number in numbers]
    seeds = [derive(seed, f"split {number}") for number in numbers]
    epochs = epochs or default_epochs(len(splits[0].train.inputs))
    recipe = replace(RECIPE, data=splits[0].name).with_epochs(epochs)
    recipe.spec(splits[0])  # raises unless the data are a regression
    state_file(recipe, splits[0], store, seed).check_writable()
    with threads_for(splits[0]):
        with show_epochs(f"{recipe.data}: selecting") as report:
            selections = _select(recipe, splits, seeds, report)
        with show_epochs(f"{recipe.data}: fitting again") as report:
            models = _fit_again(recipe, splits, seeds, selections, report)
        results = _results(selections, models, splits)
    seconds = time.perf_counter() - started
    metrics = {**averages(results), "uci_samples": SAMPLES}
    chosen = with_dropout(recipe, selections[0].dropout)
    command = f"python -m training benchmark {folder.name} --epochs {epochs} --seed {seed}"
    trained = Trained(models[0], chosen.spec(splits[0]), None, machine(torch.device("cpu")), seconds)
    origin = Origin(command, trained.machine, f"{len(results)} published splits", SAMPLES)
    saved = _save(chosen, splits[0], store, seed, trained, metrics, origin)
    return BenchmarkOutcome(saved, results, metrics, seconds)


def default_epochs(rows: int) -> int:
    """Return the paper's number of epochs; fewer where they would take more steps than :data:`MOST_STEPS`.

    Args:
        rows: Number of training rows.
    """
    steps = math.ceil(rows / RECIPE.settings.batch)
    return max(1, min(RECIPE.settings.epochs, MOST_STEPS // steps))


def with_dropout(recipe: PredictiveRecipe, dropout: float) -> PredictiveRecipe:
    """Return the recipe with this probability of dropping an input or a hidden unit."""
    config = {**recipe.network.config, "dropout": dropout, "input_dropout": dropout}
    return replace(recipe, network=Component(recipe.network.name, config))


def averages(results: Sequence[Result]) -> Metrics:
    """Return means over the splits, and their standard errors where there are several."""
    of_each = {
        ("uci_rmse", "target_units"): [result.rmse for result in results],
        ("uci_log_likelihood", "nats"): [result.log_likelihood for result in results],
    }
    measured: Metrics = {"uci_splits": len(results)}
    for (name, unit), values in of_each.items():
        measured[f"{name}_{unit}"] = statistics.fmean(values)
        if len(values) > 1:
            measured[f"{name}_standard_error"] = statistics.stdev(values) / math.sqrt(len(values))
    return measured


def _select(
    recipe: PredictiveRecipe, splits: Sequence[Dataset], seeds: Sequence[int], report: Callable[[Epoch], None]
) -> list[Selection]:
    """Select dropout and noise by the held-out rows of each split."""
    parts = [
        [_group(recipe, part, seed, DROPOUT) for part in folds(split)]
        for split, seed in zip(splits, seeds, strict=True)
    ]
    fit_vmapped([groups for of_split in parts for groups in of_split], recipe.settings, report)
    draws = _draws(dict(zip(DROPOUT, parts[0][0].models, strict=True)), SELECTION_SAMPLES)
    return [_selection(of_split, draws) for of_split in parts]


def _selection(parts: Sequence[TrainingGroup], draws: Mapping[float, Draws]) -> Selection:
    held_out_rows = [part.dataset.validation for part in parts]
    means: dict[float, list[Tensor]] = {dropout: [] for dropout in DROPOUT}
    for part, rows in zip(parts, held_out_rows, strict=True):
        for dropout, model in zip(DROPOUT, part.models, strict=True):
            means[dropout].append(_means(model, rows.inputs, draws[dropout]))
    targets = torch.cat([rows.targets for rows in held_out_rows])
    return select({dropout: torch.cat(drawn, 1) for dropout, drawn in means.items()}, targets)


def _draws(models: Mapping[float, Predictor], samples: int) -> dict[float, Draws]:
    """Draw masks by the probability of dropout, on which alone they depend: one set of them serves all splits."""
    return {dropout: model.posterior.sample(SEED, samples) for dropout, model in models.items()}


@torch.inference_mode()
def _means(model: Predictor, rows: Tensor, draws: Draws) -> Tensor:
    """Return what each draw predicts, ``(S, B, 1)``."""
    return torch.cat([part.mean for part in model.conditionals(rows, draws)])


def _fit_again(
    recipe: PredictiveRecipe,
    splits: Sequence[Dataset],
    seeds: Sequence[int],
    selections: Sequence[Selection],
    report: Callable[[Epoch], None],
) -> list[Predictor]:
    """Fit the selected model of each split to all rows but the test's."""
    selected = zip(splits, seeds, selections, strict=True)
    alone = [_group(recipe, split, seed, [selection.dropout]) for split, seed, selection in selected]
    fit_vmapped(alone, recipe.settings, report)
    models = [groups.models[0] for groups in alone]
    for model, selection in zip(models, selections, strict=True):
        _set_noise(model, selection.deviation)
    return models


def _group(recipe: PredictiveRecipe, dataset: Dataset, seed: int, dropouts: Sequence[float]) -> TrainingGroup:
    return TrainingGroup([_new(with_dropout(recipe, dropout), dataset, seed) for dropout in dropouts], dataset, seed)


def _new(recipe: PredictiveRecipe, dataset: Dataset, seed: int) -> Predictor:
    model = initialised(recipe.spec(dataset), seed)
    assert isinstance(model, Predictor)  # as the recipe says
    return model


def _set_noise(model: Predictor, deviation: float) -> None:
    """Replace the noise that was fitted to the training rows, which adds to the spread of the draws."""
    assert isinstance(model.likelihood, HomoscedasticGaussian)  # as the recipe says
    with torch.no_grad():
        model.likelihood.log_variance.fill_(2 * math.log(deviation / model.outputs.scale[0]))


def _results(selections: Sequence[Selection], models: Sequence[Predictor], splits: Sequence[Dataset]) -> list[Result]:
    draws = _draws({one.dropout: model for one, model in zip(selections, models, strict=True)}, SAMPLES)
    fitted = zip(selections, models, splits, strict=True)
    return [_result(one, model, split.test, draws[one.dropout]) for one, model, split in fitted]


def _result(selection: Selection, model: Predictor, test: Split, draws: Draws) -> Result:
    squared, likelihoods = [], []
    for rows in (test.rows(block) for block in blocks(model, len(test.inputs), SAMPLES)):
        means = _means(model, rows.inputs, draws)
        squared.append((means.mean(0) - rows.targets).square())
        likelihoods.append(log_likelihood(means, rows.targets, selection.deviation))
    return Result(selection, float(torch.cat(squared).mean().sqrt()), float(torch.cat(likelihoods).mean()))


def _save(
    recipe: PredictiveRecipe, split: Dataset, store: Path, seed: int, trained: Trained, metrics: Metrics, origin: Origin
) -> Path:
    measured = measure(trained.model, split, recipe.metrics, plots=True)
    measured = replace(measured, metrics={**measured.metrics, **metrics})
    return publish(recipe, split, store, seed, trained, measured, origin)[0]
