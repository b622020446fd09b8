import numpy as np
import pytest
from peers.answers import Answers

ROWS, CLASSES, DRAWS, MANY = 64, 10, 50, 4000


def answers(draws: int, seed: int, sharpness: float = 1.0) -> Answers:
    """Answers of a made-up network to the same rows; ``seed`` is that of its draws."""
    logits = np.random.default_rng(0).normal(size=(ROWS, CLASSES))
    noise = np.random.default_rng(seed).normal(size=(draws, ROWS, CLASSES))
    exponentials = np.exp(sharpness * (logits + noise))
    drawn = exponentials / exponentials.sum(-1, keepdims=True)
    return Answers(drawn.mean(0), drawn.var(0), draws)


TRUTH = answers(MANY, 1)


@pytest.mark.parametrize("seed", range(2, 12))
def test_answers_of_the_network_are_taken(seed: int) -> None:
    assert answers(DRAWS, seed).fault(TRUTH) == ""


def test_another_networks_answers_are_not() -> None:
    assert "standard errors off" in answers(DRAWS, 2, sharpness=2.0).fault(TRUTH)


def test_answers_that_drop_nothing_are_not() -> None:
    usual = answers(DRAWS, 2)
    assert "variances 0.00 times" in Answers(usual.mean, np.zeros_like(usual.variance), DRAWS).fault(TRUTH)


def test_answers_that_were_made_once_from_many_draws_are_not() -> None:
    assert "0.0 standard errors" in Answers(TRUTH.mean, TRUTH.variance, DRAWS).fault(TRUTH)


def test_one_row_in_the_place_of_another_is_found() -> None:
    usual = answers(DRAWS, 2)
    swapped = usual.mean.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    assert "the worst" in Answers(swapped, usual.variance, DRAWS).fault(TRUTH)


def test_answers_of_another_shape_are_not() -> None:
    usual = answers(DRAWS, 2)
    assert Answers(usual.mean[:1], usual.variance[:1], DRAWS).fault(TRUTH) == "answers of shape (1, 10), not (64, 10)"
