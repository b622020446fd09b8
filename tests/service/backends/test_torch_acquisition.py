"""What a choice among rows costs, estimated from its sizes alone, and that it stops between two pieces of work."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

from models.prediction.acquisition.selection import Method
from service.backends.predictor_jobs import Prediction
from service.backends.torch_acquisition import Choice, choose_rows

CHOICE = Choice("batchbald", "classification", 200, 200, 20, 10)


def predictions(choice: Choice) -> list[Prediction]:
    """Random answers of the sizes of a choice."""
    draws = np.random.default_rng(0).random((choice.draws, choice.rows, choice.outputs))
    draws = draws / draws.sum(-1, keepdims=True) if choice.task == "classification" else draws
    means = {"draw_means": draws, "draw_variances": np.ones_like(draws)}
    return [Prediction({}, choice.draws, 0, "fixed", **means)]


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_more_of_anything_costs_more_and_the_allowed_number_is_the_largest(method: Method, task: str) -> None:
    choice = replace(CHOICE, method=method, task=task)
    costs = [choice.estimate_seconds(n) for n in (1, 2, 10, 100)]
    assert all(fewer < more for fewer, more in pairwise(costs))
    for more in (replace(choice, draws=40), replace(choice, outputs=20), replace(choice, rows=400, targets=400)):
        assert more.estimate_seconds(10) >= choice.estimate_seconds(10)
    for n in (1, 7, 199):
        assert choice.most_rows(choice.estimate_seconds(n)) == n
    assert (choice.most_rows(1e9), choice.most_rows(0.0)) == (200, 0)


def test_the_estimate_is_near_what_a_choice_takes() -> None:
    choice = replace(CHOICE, rows=100, targets=100)
    parts, start = predictions(choice), time.thread_time()
    choose_rows("batchbald", "classification", parts, 8, None, 0, lambda: None)
    assert choice.estimate_seconds(8) / 20 < time.thread_time() - start < 20 * choice.estimate_seconds(8)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_rows_tell_about_targets_stops_between_its_pieces(task: str) -> None:
    pieces = 0

    def proceed() -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 2:
            raise InterruptedError

    rows = {"classification": 200, "regression": 500}[task]
    with pytest.raises(InterruptedError):
        choose_rows("epig", task, predictions(replace(CHOICE, task=task, rows=rows)), 1, None, 0, proceed)
