"""Information in class labels, beside the joint distribution of all labels written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from models.errors import InputShapeError
from models.prediction.acquisition.categorical import CategoricalInformation


def some_probs(shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    return (2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()).softmax(-1)


def joint_information(probs: Tensor, rows: list[int]) -> float:
    """The mutual information of the labels of rows and the draw, from the table of all configurations."""
    table = torch.ones(len(probs), 1, dtype=torch.float64)
    for row in rows:
        table = (table[:, :, None] * probs[:, row, None, :]).flatten(1)
    conditional = torch.special.entr(probs[:, rows]).sum(-1).mean(0).sum()
    return float(torch.special.entr(table.mean(0)).sum() - conditional)


def total_gain(information: CategoricalInformation, rows: list[int]) -> float:
    total = 0.0
    for row in rows:
        total += float(information.gains(torch.tensor([row])))
        information.add(row)
    return total


def test_gains_add_up_to_the_joint_information() -> None:
    probs = some_probs((12, 6, 3))
    assert total_gain(CategoricalInformation(probs), [0, 3, 4, 1]) == pytest.approx(
        joint_information(probs, [0, 3, 4, 1]), abs=1e-12
    )


def test_a_gain_is_the_same_in_any_block() -> None:
    information = CategoricalInformation(some_probs((10, 9, 4)))
    information.add(2)
    alone = torch.cat([information.gains(torch.tensor([row])) for row in range(9)])
    torch.testing.assert_close(information.gains(torch.arange(9)), alone, rtol=0, atol=1e-12)


def test_draws_that_contradict_each_other_say_all_in_one_label() -> None:
    certain = torch.eye(2, dtype=torch.float64)[:, None].expand(2, 3, 2)
    information = CategoricalInformation(certain)
    assert float(information.gains(torch.tensor([0]))) == pytest.approx(math.log(2))
    information.add(0)
    torch.testing.assert_close(information.gains(torch.arange(3)), torch.zeros(3, dtype=torch.float64))


def test_draws_that_agree_say_nothing() -> None:
    information = CategoricalInformation(some_probs((1, 4, 3)).expand(7, 4, 3))
    torch.testing.assert_close(information.gains(torch.arange(4)), torch.zeros(4, dtype=torch.float64))


def test_sampled_configurations_come_near_all_of_them() -> None:
    probs, rows = some_probs((20, 8, 4)), [0, 1, 2, 3, 4, 5]
    sampled = CategoricalInformation(probs, most=16, sampled=4000)
    assert CategoricalInformation(probs).is_exact
    exact = joint_information(probs, rows)
    rough = CategoricalInformation(probs, most=4000, sampled=400)
    assert total_gain(rough, rows) == pytest.approx(exact, rel=0.05)
    assert not rough.is_exact
    total_gain(sampled, rows)
    assert not sampled.is_exact


def test_a_seed_decides_the_sample() -> None:
    totals = [
        total_gain(CategoricalInformation(some_probs((9, 6, 3)), seed, most=20, sampled=20), [0, 1, 2, 3, 4])
        for seed in (0, 0, 1)
    ]
    assert totals[0] == totals[1] != totals[2]


def test_information_about_other_labels_is_that_of_their_pair() -> None:
    both = some_probs((15, 7, 3), seed=1)
    pool, targets = both[:, :4], both[:, 4:]
    expected = []
    for row in range(4):
        pairs = torch.einsum("sc,std->tcd", pool[:, row], targets) / 15
        marginals = torch.einsum("c,td->tcd", pool[:, row].mean(0), targets.mean(0))
        expected.append(float((pairs * (pairs / marginals).log()).sum() / 3))
    about = CategoricalInformation(pool).about(CategoricalInformation(targets))
    torch.testing.assert_close(about, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 2), (3, 0, 2)])
def test_what_is_no_prediction_of_draws_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputShapeError, match="shape"):
        CategoricalInformation(torch.zeros(shape))


def test_targets_of_other_draws_are_refused() -> None:
    with pytest.raises(InputShapeError, match="predicted by 6 draws, the pool by 5"):
        CategoricalInformation(some_probs((5, 2, 2))).about(CategoricalInformation(some_probs((6, 2, 2))))
