"""Scenes: pixels are labelled as the digits that lie there, and no digit is in two splits."""

from __future__ import annotations

import torch

from training import data
from training.data.scenes import compose


def test_a_later_digit_lies_on_an_earlier_one() -> None:
    strokes = torch.tensor([[[1.0, 0.0], [1.0, 0.5]], [[1.0, 0.0], [0.0, 0.0]]])
    scene, labels = compose(
        torch.zeros(3, 3), strokes, torch.tensor([4, 7]), torch.tensor([[0, 0], [1, 0]]), torch.tensor([0.8, 0.6])
    )
    assert labels.tolist() == [[4, 0, 0], [7, 4, 0], [0, 0, 0]]
    assert torch.allclose(scene, torch.tensor([[0.8, 0, 0], [0.6, 0.4, 0], [0, 0, 0]]))


def test_every_class_is_in_every_split_and_the_ground_is_most() -> None:
    scenes = data.load("scenes")
    for split in (scenes.train, scenes.validation, scenes.calibration, scenes.test):
        counts = split.targets.flatten().bincount(minlength=11)
        assert bool((counts > 0).all())
        assert 0.5 < float(counts[0] / counts.sum()) < 0.9
        assert bool((split.inputs == split.inputs.round()).all())
