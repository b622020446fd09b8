"""Conformal scores hold their level, and the score of what is not known is what the statistics say."""

from __future__ import annotations

import pytest
import torch

from models.errors import LevelError
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.calibration import Calibration, class_scores, conformal_set, deviation_scores
from models.prediction.uncertainty import (
    Conditionals,
    DrawSums,
    ood_score,
    summarise_classification,
    summarise_function,
    summarise_regression,
)

GAUSSIAN = HomoscedasticGaussian(1)


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_new_rows_stay_below_the_quantile_at_the_level(level: float) -> None:
    scores = normals(2000).abs().sort().values
    calibration = Calibration(0.0, 0.05, 2000, tuple(scores.tolist()))
    covered = (normals(20_000, seed=1).abs() <= calibration.score_quantile(level)).double().mean()
    assert float(covered) == pytest.approx(level, abs=0.02)


def test_the_quantile_of_few_rows_is_the_exact_rank() -> None:
    calibration = Calibration(0.0, 0.05, 9, tuple(range(1, 10)))
    assert calibration.score_quantile(0.5) == 5
    assert calibration.score_quantile(0.9) == 9


def test_a_level_beyond_the_rows_is_refused() -> None:
    with pytest.raises(LevelError, match=r"0.95 is too high for 9 calibration rows; allowed is up to 0.9"):
        Calibration(0.0, 0.05, 9, tuple(range(1, 10))).score_quantile(0.95)


def test_a_coarser_grid_never_covers_less() -> None:
    fine = Calibration(0.0, 0.05, 1000, tuple(range(1, 1001)))
    coarse = Calibration(0.0, 0.05, 1000, tuple(range(10, 1001, 10)))
    for level in (0.1, 0.55, 0.901, 0.99):
        assert fine.score_quantile(level) <= coarse.score_quantile(level) <= fine.score_quantile(level) + 10


def test_scores_of_classes_and_their_sets_agree() -> None:
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]])
    assert torch.allclose(class_scores(probs, torch.tensor([0, 2])), torch.tensor([0.3, 0.75]))
    assert conformal_set(probs, 0.65).tolist() == [[True, False, False], [True, True, False]]
    assert conformal_set(probs, 0.0).tolist() == [[True, False, False], [True, False, False]]


def test_the_score_is_the_epistemic_part() -> None:
    probs = torch.tensor([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]], dtype=torch.float64)
    entropy = torch.tensor([[0.0, 0.6931471805599453]] * 2, dtype=torch.float64)
    answer = summarise_classification(DrawSums.of(Conditionals(probs, probs * (1 - probs), entropy)))
    score = ood_score(answer, "classification")
    assert score is not None
    assert torch.allclose(score, torch.tensor([0.6931471805599453, 0.0], dtype=torch.float64))
    assert ood_score(summarise_function(answer), "classification") is None


def test_errors_count_in_predicted_deviations() -> None:
    mean = torch.zeros(2, 1, 2, dtype=torch.float64)
    variance = torch.tensor([[[4.0, 1.0]]] * 2, dtype=torch.float64)
    answer = summarise_regression(DrawSums.of(Conditionals(mean, variance, torch.zeros(2, 1))), GAUSSIAN.entropy)
    assert deviation_scores(GAUSSIAN, answer, torch.tensor([[4.0, 1.0]])).tolist() == [2.0]
    score = ood_score(answer, "regression")
    assert score is not None
    assert score.tolist() == [0.0]
