"""Shares of a row's outcomes in its sets: hand examples, and what risk control promises of calibration rows."""

from __future__ import annotations

import pytest
import torch

from models.specs import VOID
from training.evaluation.metrics.found_shares import FoundShares

PROBS = torch.tensor(
    [
        [[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.9, 0.1]],
        [[0.5001, 0.4999], [0.9, 0.1], [0.9, 0.1], [0.9, 0.1]],
    ]
)
"""Two rows of four positions."""


def test_of_pixels_each_row_counts_once_however_many_it_has() -> None:
    labels = torch.tensor([[0, 1, 1, VOID], [1, 0, 0, 0]])
    alone = FoundShares(torch.tensor([0.0, 0.0]), labelled=False)  # the likeliest class and no other
    alone.add(PROBS, labels)
    assert alone.by_class() == [1.0, (1 / 2 + 0) / 2]
    assert alone.of_all() == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert alone.mean_size() == 1.0
    wider = FoundShares(torch.tensor([0.0, 0.65]), labelled=False)  # and class 1 from a probability of .35
    wider.add(PROBS[:1], labels[:1])
    wider.add(PROBS[1:], labels[1:])
    assert wider.by_class() == [1.0, 1.0]
    assert wider.mean_size() == pytest.approx((1 + 2 + 1 + 2 + 1 + 1 + 1) / 7)  # of the pixels that are not void


def test_a_class_that_no_row_has_is_left_out() -> None:
    shares = FoundShares(torch.tensor(0.0), labelled=False)
    shares.add(PROBS[:1], torch.zeros(1, 4, dtype=torch.long))
    assert shares.by_class() == [3 / 4, None]


def test_of_labels_several_are_there_at_once() -> None:
    probs = torch.tensor([[0.9, 0.3, 0.1], [0.2, 0.45, 0.6]])
    labels = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    shares = FoundShares(torch.tensor(0.6), labelled=True)  # labels from a probability of .4
    shares.add(probs, labels)
    assert shares.by_class() == [1.0, 1 / 2, 1.0]
    assert shares.of_all() == pytest.approx((1 / 2 + 1) / 2)
    assert shares.mean_size() == pytest.approx(3 / 2)
