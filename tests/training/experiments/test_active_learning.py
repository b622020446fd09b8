"""Active learning: who labels what, what is compared, and what is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalogue import Component
from models.checkpoints.checkpoint import load
from training.data import Dataset
from training.errors import DataError, RecipeError
from training.experiments.active_learning import (
    RECIPE,
    Curve,
    Learner,
    Plan,
    as_table,
    check_plan,
    compare_methods,
    figures_of,
    first_labels,
    parse_methods,
)

PLAN = Plan([("batchbald", 4), ("epig", 4), ("bald", 4), ("random", 2)], 10, 18, candidates=30, targets=5, samples=4)
SMALL = replace(
    RECIPE.with_epochs(5),
    model="mlp-mc_dropout-active_learning",
    network=Component("mlp", {"hidden": [16], "dropout": 0.3}),
)


def test_every_method_starts_alike_and_is_measured_as_it_learns(digits: Dataset, tmp_path: Path) -> None:
    lines: list[str] = []
    outcome = compare_methods(SMALL, digits, PLAN, tmp_path, 0, "digits", lines.append)
    assert [list(curve.errors) for curve in outcome.curves] == [[10, 14, 18]] * 3 + [[10, 12, 14, 16, 18]]
    assert len({curve.errors[10] for curve in outcome.curves}) == 1
    assert len(lines) == 14
    manifest = load(outcome.folder).manifest
    assert manifest.origin is not None
    assert manifest.origin.command == "python -m training active-learning digits --seed 0"
    assert manifest.figures.items() >= figures_of(outcome.curves).items()
    assert "## Active learning" in load(outcome.folder).card


def test_labels_are_asked_for_once_and_of_the_same_candidates(digits: Dataset) -> None:
    learners = [
        Learner(replace(SMALL, data="digits"), digits, PLAN, method, batch, 0) for method, batch in PLAN.methods
    ]
    chosen = []
    for learner in learners:
        learner.fit()
        chosen.append(learner.choose())
        assert not set(learner.labels) & set(chosen[-1])
        assert len(set(chosen[-1])) == learner.batch
    candidates = set(first_labels(digits.train.targets, 10, 0)) | {row for rows in chosen for row in rows}
    assert len(candidates) < 10 + PLAN.candidates
    assert learners[0].choose() == chosen[0]


def test_first_labels_are_spread_over_the_classes(digits: Dataset) -> None:
    labels = first_labels(digits.train.targets, 20, 3)
    assert set(Counter(digits.train.targets[labels].tolist()).values()) == {2}
    assert labels != first_labels(digits.train.targets, 20, 4)


def test_figures_are_the_labels_to_an_accuracy_where_it_was_reached() -> None:
    curve = Curve("bald", 10, {20: 0.3, 90: 0.1, 100: 0.12, 110: 0.06})
    assert figures_of([curve]) == {"bald_10_labels_to_90_percent": 90.0, "bald_10_error_at_100_labels": 0.12}
    assert as_table([curve, Curve("random", 5, {20: 0.3, 25: 0.2})]) == (
        ["labels", "bald 10", "random 5"],
        [["20", "30.00%", "30.00%"], ["25", "", "20.00%"], ["90", "10.00%", ""], ["100", "12.00%", ""],
         ["110", "6.00%", ""]],
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "bald", "bald:0", "bald:-1", "bald:ten", "best:10", "bald:10,,random:10"])
def test_methods_are_named_with_their_batch(text: str) -> None:
    with pytest.raises(RecipeError, match="is not METHOD:ROWS, as batchbald:10; methods are bald, batchbald"):
        parse_methods(text)
    assert parse_methods("epig:3,random:10") == [("epig", 3), ("random", 10)]


def test_a_plan_that_the_data_cannot_fill_is_refused(digits: Dataset) -> None:
    with pytest.raises(RecipeError, match="--start 15 is not divisible by the 10 classes; 20 is"):
        check_plan(replace(PLAN, start=15), digits)
    with pytest.raises(RecipeError, match="a batch is at most the 3 candidates"):
        check_plan(replace(PLAN, candidates=3), digits)
    with pytest.raises(DataError, match="training rows; the experiment needs"):
        check_plan(replace(PLAN, candidates=5000), digits)
