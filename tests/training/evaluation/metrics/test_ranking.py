"""Rankings: known answers, closed forms and an independent implementation."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from training.evaluation.metrics import ranking


def scores(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_auroc_knows_order_alone() -> None:
    low, high = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([2.0, 30.0])
    assert ranking.auroc(low, high) == 1
    assert ranking.auroc(high, low) == 0
    assert ranking.average_precision(low, high) == 1


@pytest.mark.parametrize("decimals", [1, 9])
def test_areas_are_those_of_scikit_learn_with_ties_and_without(decimals: int) -> None:
    usual, strange = scores(200).round(decimals=decimals), (scores(150, 1) + 0.2).round(decimals=decimals)
    truth, both = [0] * 200 + [1] * 150, torch.cat([usual, strange])
    assert ranking.auroc(usual, strange) == pytest.approx(roc_auc_score(truth, both), abs=1e-6)
    precision = average_precision_score(truth, both)
    assert ranking.average_precision(usual, strange) == pytest.approx(precision, abs=1e-6)


def test_scores_that_are_all_the_same_are_worth_a_coin() -> None:
    assert ranking.auroc(torch.ones(7), torch.ones(9)) == 0.5


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_aurc_of_a_perfect_ranking_has_its_closed_form(share: float) -> None:
    rows = 20_000
    wrong = (torch.arange(rows) >= rows * (1 - share)).double()
    expected = share + (1 - share) * math.log(1 - share)
    assert ranking.aurc(wrong, torch.arange(rows)) == pytest.approx(expected, rel=0.01)
    assert ranking.aurc(wrong, wrong) == pytest.approx(expected, rel=0.01)


def test_aurc_of_no_ranking_is_the_error() -> None:
    wrong = (scores(500) < 0.3).double()
    assert ranking.aurc(wrong, torch.zeros(500)) == pytest.approx(float(wrong.mean()), abs=1e-12)


def test_risk_of_the_least_uncertain_rows_by_hand() -> None:
    loss, uncertainty = torch.tensor([1.0, 0.0, 0.0, 1.0]), torch.tensor([0.4, 0.1, 0.2, 0.3])
    assert ranking.risk_coverage(loss, uncertainty).tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])


def test_equally_uncertain_rows_count_as_their_mean_in_any_order() -> None:
    loss, uncertainty = torch.tensor([1.0, 0.0, 3.0]), torch.tensor([2.0, 2.0, 1.0])
    assert ranking.risk_coverage(loss, uncertainty).tolist() == pytest.approx([3, 3.5 / 2, 4 / 3])
    assert torch.equal(
        ranking.risk_coverage(loss, uncertainty), ranking.risk_coverage(loss[[1, 0, 2]], uncertainty[[1, 0, 2]])
    )


def test_ause_is_zero_for_the_oracle_and_for_any_uncertainty_of_its_order() -> None:
    squared = scores(300).square()
    assert ranking.ause(squared, squared) == 0
    assert ranking.ause(squared, squared.sqrt() * 7) == pytest.approx(0, abs=1e-12)


def test_ause_grows_as_the_ranking_gets_worse() -> None:
    error = scores(2000, 2)
    better, worse = (ranking.ause(error.square(), error + noise * scores(2000, 3)) for noise in (0.3, 3.0))
    assert 0 < better < worse < ranking.ause(error.square(), -error)


def test_sparsification_starts_at_one_with_nothing_removed() -> None:
    curve = ranking.sparsification(scores(50), scores(50, 1))
    assert float(curve[-1]) == 1
    assert float(ranking.sparsification(torch.zeros(5), scores(5)).max()) == 0


def test_binned_auroc_is_the_exact_one_to_three_decimals_however_the_rows_come() -> None:
    score, strange = scores(20_000), scores(20_000, 1) < scores(20_000) ** 2
    whole, parts = ranking.BinnedAuroc(1.0), ranking.BinnedAuroc(1.0)
    whole.add(score, strange)
    for rows in torch.arange(20_000).split(777):
        parts.add(score[rows], strange[rows])
    assert whole.value() == parts.value()
    assert whole.value() == pytest.approx(ranking.auroc(score[~strange], score[strange]), abs=1e-3)


def test_binned_auroc_of_one_kind_alone_is_unknown() -> None:
    binned = ranking.BinnedAuroc(1.0)
    binned.add(scores(9), torch.zeros(9, dtype=torch.bool))
    assert binned.value() is None
