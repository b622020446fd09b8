"""Conformal scores hold their level, and the sets are those of the scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import LevelError
from models.guarantees.conformal import CLASS_SCORES, class_scores, conformal_set, deviation_scores, score_quantile
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.uncertainty import Conditionals, DrawSums, summarise_regression

GAUSSIAN = HomoscedasticGaussian(1)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_new_rows_stay_below_the_quantile_at_the_level(level: float) -> None:
    stream = np.random.default_rng(0)
    covered = [
        (np.abs(stream.normal(size=500)) <= score_quantile(np.abs(stream.normal(size=200)).astype(np.float32), level))
        for _ in range(200)
    ]
    assert float(np.mean(covered)) == pytest.approx(level, abs=0.01)


def test_the_quantile_of_few_rows_is_the_exact_rank() -> None:
    scores = np.arange(9, 0, -1, dtype=np.float32)
    assert score_quantile(scores, 0.5) == pytest.approx(5)
    assert score_quantile(scores, 0.9) == pytest.approx(9)
    assert score_quantile(scores, 0.9) > 9  # a score of the float64 that was rounded to 9 is still below


def test_a_level_beyond_the_rows_is_refused_with_their_number() -> None:
    with pytest.raises(LevelError, match=r"0.95 is too high for 9 calibration rows, as it takes 19; .* up to 0.9"):
        score_quantile(np.arange(9, dtype=np.float32), 0.95)
    assert score_quantile(np.arange(19, dtype=np.float32), 0.95) == pytest.approx(18)
    with pytest.raises(LevelError, match=r"0.95 is too high for 1 calibration row, .* up to 0.5$"):
        score_quantile(np.arange(1, dtype=np.float32), 0.95)


@pytest.mark.parametrize("rows", range(1, 60))
@pytest.mark.parametrize("ends", [1, 2])
def test_the_level_that_a_refusal_allows_is_allowed(rows: int, ends: int) -> None:
    scores = np.arange(rows, dtype=np.float32)
    with pytest.raises(LevelError) as refusal:
        score_quantile(scores, 0.99, ends=ends)
    words = str(refusal.value)
    if (rows, ends) == (1, 2):
        assert words.endswith("no level is allowed")
    else:
        assert score_quantile(scores, float(words.rpartition(" ")[2]), ends=ends) == pytest.approx(rows - 1)


def test_two_ends_hold_together_and_are_refused_in_terms_of_the_level_that_was_asked() -> None:
    scores = np.arange(39, dtype=np.float32)
    assert score_quantile(scores, 0.9, ends=2) == score_quantile(scores, 0.95)
    with pytest.raises(LevelError, match=r"^0.95 is too high for 22 calibration rows, as it takes 39; .* up to 0.913$"):
        score_quantile(scores[:22], 0.95, ends=2)


def test_rows_without_an_outcome_do_not_count() -> None:
    scores = np.array([1, np.nan, 2, np.nan, 3], np.float32)
    assert score_quantile(scores, 0.75) == pytest.approx(3)


def test_scores_of_classes_and_their_sets_agree() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]])
    assert torch.allclose(class_scores(probs, torch.tensor([0, 2])), torch.tensor([0.0, 0.75]))
    assert conformal_set(probs, 0.65).tolist() == [[True, False, False], [True, True, False]]
    assert conformal_set(probs, 0.0).tolist() == [[True, False, False], [True, False, False]]
    by_class = torch.tensor([0.0, 0.6, 0.9])
    assert conformal_set(probs, by_class).tolist() == [[True, False, True], [True, False, True]]


def test_cumulative_sets_grow_with_how_hard_a_row_is() -> None:
    probs = torch.tensor([[0.85, 0.1, 0.05], [0.4, 0.35, 0.25]])
    assert torch.allclose(class_scores(probs, torch.tensor([2, 1]), "cumulative"), torch.tensor([0.95, 0.4]))
    assert conformal_set(probs, 0.8, "cumulative").tolist() == [[True, False, False], [True, True, True]]
    many = torch.full((1, 20), 0.05)
    size = int(conformal_set(many, 0.8, "cumulative").sum())
    assert size == 15  # each class beyond the first few costs more


@pytest.mark.parametrize("kind", CLASS_SCORES)
def test_a_set_holds_what_scores_no_higher(kind: str) -> None:
    probs = torch.rand(50, 7, generator=torch.Generator().manual_seed(0)).softmax(-1)
    for label in range(7):
        scores = class_scores(probs, torch.full((50,), label), kind)
        assert torch.equal(conformal_set(probs, 0.5, kind)[:, label], scores <= 0.5)


def test_errors_count_in_predicted_deviations() -> None:
    mean = torch.zeros(2, 3, 2, dtype=torch.float64)
    variance = torch.tensor([[[4.0, 1.0]] * 3] * 2, dtype=torch.float64)
    answer = summarise_regression(DrawSums.of(Conditionals(mean, variance, torch.zeros(2, 3))), GAUSSIAN.entropy)
    targets = torch.tensor([[4.0, 1.0], [torch.nan, 0.5], [torch.nan, torch.nan]])
    scores = deviation_scores(GAUSSIAN, answer, targets)
    assert {name: values[:2].tolist() for name, values in scores.items()} == {
        "deviation": [2.0, 0.5],
        "below": [-1.0, -0.5],
        "above": [2.0, 0.5],
    }
    assert all(values[2].isnan() for values in scores.values())
