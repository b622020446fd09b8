"""The values of a code are named by the labels of the images that they stand for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.generators.infogan import InfoGAN
from training.data import Dataset
from training.evaluation.metrics.generation.infogan import read_values
from training.recipes.infogan import order_classes


@pytest.fixture
def model() -> InfoGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InfoGAN((1, 8, 8), {"kind": 3, "digit": 10}, ("c1", "c2"), noise=5, width=8, critic_width=8).eval()


def test_values_are_ordered_by_the_labels_that_they_agree_with(model: InfoGAN, digits: Dataset) -> None:
    images = digits.train.inputs / 16
    labelled = replace(digits, train=digits.train._replace(targets=(read_values(model, images, "digit") + 3) % 10))
    order_classes(model, labelled)
    assert torch.equal(read_values(model, images, "digit"), labelled.train.targets)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    order_classes(model, labelled)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
