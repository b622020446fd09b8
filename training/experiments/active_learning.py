"""Active learning: label a few rows, fit, let the model choose which rows to label next, and fit again.

Every method starts from the same labels and sees the same candidates; a new model is fitted after every acquisition.

References:
    Kirsch et al. (2019), BatchBALD: Efficient and Diverse Batch Acquisition, section 4.1. Theirs is a larger network,
    stopped by a validation set of labels; here every model is fitted for a fixed number of epochs, without one. Each
    time they choose from all rows that have no label, here from a sample of them.
    Bickford Smith et al. (2023), Prediction-Oriented Bayesian Active Learning, section 5 (EPIG).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Origin
from models.noise import Permutation, Site, draw_noise
from models.prediction.acquisition.categorical import CategoricalInformation
from models.prediction.acquisition.selection import Method, select
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.errors import DataError, RecipeError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Metrics
from training.evaluation.predictions import blocks, predict_blocks, predict_draws
from training.loops.progress import Run
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe
from training.run.fit import Trained, publish, state_file, tested
from training.run.machine import machine
from training.seeds import derive, initialised

RECIPE = PredictiveRecipe(
    data="mnist",
    model="convnet-mc_dropout-active_learning",
    description="classifier: LeNet with dropout after every layer with weights, from rows that it chose itself",
    network=Component("convnet", {"channels": [16, 32], "hidden": 128, "conv_dropout": 0.25}),
    posterior=Component("mc_dropout", {"length_scale": 0.1}),
    likelihood=Component("categorical"),
    settings=SupervisedSettings(epochs=100, batch=64, learning_rate=1e-3, validate_every=1000),
)

LEVELS = (90, 95)
"""Accuracies, in percent, whose number of labels is reported."""
_CALIBRATION_ROWS = 100
"""Rows of the validation split that a run measures at its end; they decide nothing."""


@dataclass(frozen=True)
class Plan:
    """What an experiment compares.

    Attributes:
        methods: Methods of acquisition, with the number of rows that each takes at a time.
        start: Number of labels at the beginning, spread evenly over the classes.
        stop: Number of labels at the end.
        candidates: Number of rows without a label that a method chooses from, each time others.
        targets: Number of other rows whose labels EPIG is about.
        samples: Number of draws.
    """

    methods: Sequence[tuple[Method, int]]
    start: int = 20
    stop: int = 150
    candidates: int = 1000
    targets: int = 200
    samples: int = 50


@dataclass(frozen=True)
class Curve:
    """The error of one method at every number of labels.

    Attributes:
        method: Method of acquisition.
        batch: Number of rows that it takes at a time.
        errors: Share of wrong answers on the test split of the posterior's mean function, by the number of labels.
    """

    method: Method
    batch: int
    errors: Mapping[int, float]

    @property
    def name(self) -> str:
        """Name in tables and figures."""
        return f"{self.method}_{self.batch}"

    def labels_to(self, percent: int) -> int | None:
        """Return the number of labels from which the accuracy is first so high; ``None`` if it never is."""
        return next((labels for labels, error in self.errors.items() if 100 * (1 - error) >= percent), None)


@dataclass(frozen=True)
class ActiveLearningOutcome:
    """The curves of all methods, and the checkpoint of the last model of the first."""

    folder: Path
    curves: Sequence[Curve]
    metrics: Metrics
    seconds: float


def compare_methods(
    recipe: PredictiveRecipe,
    dataset: Dataset,
    plan: Plan,
    store: Path,
    seed: int,
    arguments: str,
    report: Callable[[str], None],
) -> ActiveLearningOutcome:
    """Let every method learn from its own labels, and save the last model of the first with all curves.

    Args:
        recipe: Recipe of a classification, such as :data:`RECIPE`.
        dataset: Rows with classes; the labels of their training rows are looked up one acquisition at a time.
        plan: Methods and numbers.
        store: Folder of all checkpoints.
        seed: Seed of all runs.
        arguments: Options that made the plan, as on the command line.
        report: Called with a line on every fitted model.

    Raises:
        CredenceError: if the data do not fit, or a run diverges.
        OSError: if the store cannot be written.
    """
    started, recipe = time.perf_counter(), replace(recipe, data=dataset.name)
    recipe.spec(dataset)  # refuses data that do not fit before anything is learnt
    check_plan(plan, dataset)
    state_file(recipe, dataset, store, seed).check_writable()
    learners = [Learner(recipe, dataset, plan, method, batch, seed) for method, batch in plan.methods]
    curves = [learner.learn(report) for learner in learners]
    seconds, first = time.perf_counter() - started, learners[0]
    trained = Trained(first.model, recipe.spec(first.labelled), None, machine(torch.device("cpu")), seconds)
    command = f"python -m training active-learning {arguments} --seed {seed}"
    origin = Origin(command, trained.machine, tested(dataset), plan.samples)
    measured = measure(trained.model, first.labelled, recipe.metrics, samples=plan.samples, plots=True)
    measured = replace(measured, metrics=measured.metrics | figures_of(curves))
    folder, metrics = publish(recipe, first.labelled, store, seed, trained, measured, origin, _card(curves))
    return ActiveLearningOutcome(folder, curves, metrics, seconds)


class Learner:
    """A method that asks for labels, and the model that it has so far.

    Attributes:
        labels: Numbers of the training rows that have a label, in the order in which they were asked for.
        model: Model of these labels.
    """

    model: Predictor

    def __init__(
        self, recipe: PredictiveRecipe, dataset: Dataset, plan: Plan, method: Method, batch: int, seed: int
    ) -> None:
        self.recipe, self.dataset, self.plan = recipe, dataset, plan
        self.method, self.batch, self.seed = method, batch, seed
        self.labels = first_labels(dataset.train.targets, plan.start, seed)

    @property
    def labelled(self) -> Dataset:
        """The data with the labelled rows alone to train on."""
        train = self.dataset.train.rows(torch.tensor(self.labels))
        return replace(self.dataset, train=train, validation=self.dataset.validation.rows(slice(_CALIBRATION_ROWS)))

    def learn(self, report: Callable[[str], None]) -> Curve:
        """Fit a model to every number of labels, and return its errors."""
        errors: dict[int, float] = {}
        while True:
            self.fit()
            errors[len(self.labels)] = self.error()
            report(f"{self.method} {self.batch}: {len(self.labels)} labels, error {errors[len(self.labels)]:.2%}")
            if len(self.labels) + self.batch > self.plan.stop:
                return Curve(self.method, self.batch, errors)
            self.labels += self.choose()

    def fit(self) -> None:
        """Fit a new model to the labels so far."""
        run, dataset = Run(derive(self.seed, f"{len(self.labels)} labels")), self.labelled
        model = initialised(self.recipe.spec(dataset), run.seed)
        self.recipe.train(model, dataset, run)
        assert isinstance(model, Predictor)  # as the recipe says
        self.model = model

    def error(self) -> float:
        """Return the share of wrong answers on the test split."""
        test = self.dataset.test
        means = torch.cat([answer.mean for answer in predict_blocks(self.model, test.inputs, 0, 0)])
        return float((means.argmax(-1) != test.targets).double().mean())

    def choose(self) -> list[int]:
        """Return the numbers of the training rows to label next."""
        candidates, targets = self._candidates()
        pool, others = (CategoricalInformation(self._probs(rows), self.seed) for rows in (candidates, targets))
        seed = derive(self.seed, f"random rows after {len(self.labels)}")
        chosen = select(self.method, pool, self.batch, targets=others, seed=seed)
        return candidates[list(chosen.rows)].tolist()

    def _candidates(self) -> tuple[Tensor, Tensor]:
        """Return numbers of rows without a label, which do not depend on the method but by its labels, and others."""
        order = _permutation(len(self.dataset.train.inputs), self.seed, f"candidates of {len(self.labels)}")
        free = order[~torch.isin(order, torch.tensor(self.labels))]
        stop = self.plan.candidates
        return free[:stop], free[stop : stop + self.plan.targets]

    @torch.inference_mode()
    def _probs(self, rows: Tensor) -> Tensor:
        inputs = self.dataset.train.rows(rows).inputs
        parts = (inputs[block] for block in blocks(self.model, len(rows), self.plan.samples))
        return torch.cat([predict_draws(self.model, part, self.plan.samples, self.seed).mean for part in parts], 1)


def first_labels(targets: Tensor, count: int, seed: int) -> list[int]:
    """Return the numbers of so many rows, equally many of each class.

    >>> first_labels(torch.tensor([0, 0, 0, 1, 1]), 4, seed=0)[:2] < [3, 3]
    True
    """
    order, classes = _permutation(len(targets), seed, "first labels"), torch.unique(targets)
    each = count // len(classes)
    return [int(row) for one in classes for row in order[targets[order] == one][:each]]


def check_plan(plan: Plan, dataset: Dataset) -> None:
    """Refuse a plan that the data cannot fill.

    Raises:
        DataError: with the numbers that they can.
        RecipeError: if the numbers contradict each other.
    """
    classes, rows = len(torch.unique(dataset.train.targets)), len(dataset.train.inputs)
    if plan.start % classes:
        raise RecipeError(f"--start {plan.start} is not divisible by the {classes} classes; {2 * classes} is")
    if any(batch > min(plan.candidates, plan.stop - plan.start) for _, batch in plan.methods):
        raise RecipeError(f"a batch is at most the {plan.candidates} candidates, and the labels from start to end")
    needed = plan.stop + plan.candidates + plan.targets
    if needed > rows:
        raise DataError(f"{dataset.name} has {rows} training rows; the experiment needs {needed}: fewer --candidates")


def figures_of(curves: Sequence[Curve]) -> Metrics:
    """Return the figures of all curves: labels to each accuracy where it was reached, and the error at 100 labels."""
    metrics: Metrics = {}
    for curve in curves:
        for percent in LEVELS:
            if (labels := curve.labels_to(percent)) is not None:
                metrics[f"{curve.name}_labels_to_{percent}_percent"] = float(labels)
        if 100 in curve.errors:
            metrics[f"{curve.name}_error_at_100_labels"] = curve.errors[100]
    return metrics


def parse_methods(text: str) -> list[tuple[Method, int]]:
    """Parse a list such as ``batchbald:10,random:10`` into methods and the rows that each takes at a time.

    Raises:
        RecipeError: if it is none.
    """
    methods: list[tuple[Method, int]] = []
    for part in text.split(","):
        name, _, batch = part.partition(":")
        if name not in get_args(Method) or not batch.isdecimal() or not int(batch):
            known = ", ".join(get_args(Method))
            raise RecipeError(f"--methods {text}: {part!r} is not METHOD:ROWS, as batchbald:10; methods are {known}")
        methods.append((name, int(batch)))  # type: ignore[arg-type]
    return methods


def _permutation(rows: int, seed: int, name: str) -> Tensor:
    return draw_noise([Site(name, (rows,), Permutation())], seed, 1)[name][0]


def as_table(curves: Sequence[Curve]) -> tuple[list[str], list[list[str]]]:
    """Return the headings, and a line for every number of labels with the error of each method in percent."""
    labels = sorted({count for curve in curves for count in curve.errors})
    errors = ((count, (curve.errors.get(count, math.nan) for curve in curves)) for count in labels)
    lines = [[str(count), *("" if math.isnan(e) else f"{e:.2%}" for e in of_each)] for count, of_each in errors]
    return ["labels", *(curve.name.replace("_", " ") for curve in curves)], lines


def _card(curves: Sequence[Curve]) -> str:
    """Return a section with the table, in markdown."""
    headings, lines = as_table(curves)
    table = "\n".join(f"| {' | '.join(row)} |" for row in [headings, ["---"] * len(headings), *lines])
    return f"""
## Active learning

Error of the posterior's mean function on the test rows by the number of labels, and the rows labelled at a time.

{table}
"""
