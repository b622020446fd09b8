"""A rare class weighs more."""

from __future__ import annotations

import torch

from models.specs import VOID
from training.losses.class_weights import median_frequency


def test_a_class_weighs_the_median_frequency_over_its_own() -> None:
    labels = torch.tensor([[0, 0, 0, 0, 0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]])
    # 0: 14 of 20 pixels; 1: 4 of 20; 2: 2 of the 10 pixels of the one image that shows it.
    torch.testing.assert_close(median_frequency(labels, 3), torch.tensor([0.2 / 0.7, 1.0, 1.0]))


def test_classes_of_the_same_frequency_weigh_one() -> None:
    assert median_frequency(torch.arange(12).remainder(3).reshape(2, 6), 3).tolist() == [1.0, 1.0, 1.0]


def test_void_does_not_count_and_a_class_that_is_nowhere_weighs_nothing() -> None:
    labels = torch.tensor([[0, 1, VOID, VOID, VOID, VOID]])
    assert median_frequency(labels, 3).tolist() == [1.0, 1.0, 0.0]
