"""A comparison in words: nobody wins within noise, and the advice follows from what is clear."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.evaluation.metrics.standard_errors import Estimate
from training.experiments.comparison.comparison import Comparison
from training.experiments.comparison.judging import FIGURES, Judged
from training.experiments.comparison.plot import render_plot
from training.experiments.comparison.reading import explain, recommend, show
from training.experiments.comparison.table import as_table, card_section

ROWS = 400
DIFFICULTY = np.random.default_rng(0).random(ROWS)


def judged(seed: int, worse: float = 0.0, milliseconds: float = 1.0, draws: int = 50, blind: float = 0.0) -> Judged:
    """A model that is worse by so much in everything but OOD, and there by ``blind``; with a little luck of its own."""
    luck = np.random.default_rng(seed).normal(scale=0.02, size=ROWS)
    figures = {
        one.name: (torch.from_numpy(DIFFICULTY + luck - one.sign * (blind if one.sign > 0 else worse)),)
        for one in FIGURES["classification"]
    }
    return Judged(figures, milliseconds, draws, 0.1, 5.0)


def comparison(**models: tuple[Judged, ...]) -> Comparison:
    seeds = range(len(next(iter(models.values()))))
    refused = {"laplace": "it has no linear layer"}
    return Comparison("pets", "classification", models, refused, seeds, 30, "held-out fifth, 400 rows", ROWS, "noise")


def seeds_of(first: int, **how: float) -> tuple[Judged, ...]:
    return tuple(judged(seed, **how) for seed in range(first, first + 3))  # type: ignore[arg-type]


def test_models_that_differ_by_luck_alone_have_no_winner() -> None:
    alike = comparison(swag=seeds_of(0, milliseconds=2.0), ensemble=seeds_of(3, milliseconds=1.0), other=seeds_of(6))
    assert all(len(standing.level) == 3 for standing in alike.standings)
    said = explain(alike)
    assert sum("no difference between the models is more than noise" in sentence for sentence in said) == 4
    assert recommend(alike) == (
        "Take ensemble: no figure shows it to be worse than the best; the same is true of swag and other, which took no"
        " less time to answer."
    )


def test_what_is_clearly_worse_is_said_with_its_difference() -> None:
    found = comparison(swag=seeds_of(0, worse=0.1), ensemble=seeds_of(3), other=seeds_of(6, milliseconds=5.0))
    (error,) = (sentence for sentence in explain(found) if sentence.startswith("error: "))
    assert "clearly worse: swag (by 0.09" in error
    assert "swag" not in recommend(found)
    headings, lines = as_table(found)
    assert headings[:2] == ["model", "error"]
    assert [cells[1].endswith("*") for cells in lines] == [False, True, True]


def test_a_single_function_that_is_level_is_named_with_what_it_lacks() -> None:
    found = comparison(deterministic=seeds_of(0, milliseconds=0.1, draws=0), swag=seeds_of(3))
    assert recommend(found).startswith("Take swag: ")
    assert "deterministic is as good here, but says nothing of what it does not know" in recommend(found)


def test_where_nobody_is_best_in_everything_the_nll_decides() -> None:
    found = comparison(swag=seeds_of(0, blind=0.1), ensemble=seeds_of(3, worse=0.1))
    assert recommend(found).startswith("Take swag: no model with draws is level with the best in every figure")


def test_one_seed_says_what_it_cannot_know_and_few_rows_too() -> None:
    alone = comparison(swag=(judged(0),), ensemble=(judged(1),))
    assert "what another seed would is not known from one (--seeds 3)" in " ".join(explain(alone))
    assert "test rows show large differences only" not in " ".join(explain(alone))


def test_who_is_missing_is_named_with_the_reason_and_the_card_shows_all() -> None:
    found = comparison(swag=seeds_of(0), ensemble=seeds_of(3, worse=0.1))
    card = card_section(found, "swag", "python -m training compare --data pets")
    for said in (
        "## Compared with ensemble\n",
        "Not compared: laplace, it has no linear layer",
        "held-out fifth, 400 rows; out of distribution: noise",
        "python -m training compare --data pets",
        "![",
        "| ensemble | ",
        recommend(found),
    ):
        assert said in card
    assert render_plot(found).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (Estimate(0.12345, 0.0123, 9), "0.123 ± 0.012"),
        (Estimate(123.4, 17.0, 9), "123 ± 17"),
        (Estimate(1.0, math.nan, 0), "1 ± ?"),
        (Estimate(0.0, 0.0, math.inf), "0 ± ?"),
    ],
)
def test_a_value_is_shown_to_two_digits_of_its_error(estimate: Estimate, said: str) -> None:
    assert show(estimate) == said
