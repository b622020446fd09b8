"""Similarity within classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.evaluation.metrics.generation.diversity import same_class_similarity


def noise(images: int) -> Tensor:
    return torch.rand(images, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_images_of_a_class_that_are_all_alike_are_similar_whatever_the_classes_are() -> None:
    classes = torch.arange(3).repeat(4)
    assert same_class_similarity(noise(3).repeat(4, 1, 1, 1), classes) == pytest.approx(1, abs=1e-5)


def test_noise_is_unlike_noise() -> None:
    assert abs(same_class_similarity(noise(40), torch.zeros(40).long())) < 0.1


def test_images_of_different_classes_are_not_compared() -> None:
    assert same_class_similarity(noise(10), torch.arange(10)) == 1
