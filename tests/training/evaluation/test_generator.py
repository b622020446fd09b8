"""What is judged: made images by their own seeds, real ones that nothing was fitted to."""

from __future__ import annotations

import msgspec
import torch
from fake_generators import Copier

from models.noise import SEED_LIMIT
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.generator import GeneratorEvaluation, default_images


def evaluation(digits: Dataset, samples: int = 20, seed: int = 0) -> GeneratorEvaluation:
    return GeneratorEvaluation(Copier(pixels(digits.inputs, digits.train.inputs)), digits, samples, seed)


def test_more_images_begin_with_the_fewer_and_a_seed_is_an_image(digits: Dataset) -> None:
    made = evaluation(digits).generated
    assert torch.equal(evaluation(digits, 700).generated[:20], made)
    assert torch.equal(evaluation(digits, 2, seed=5).generated, made[5:7])


def test_seeds_go_round(digits: Dataset) -> None:
    assert evaluation(digits, 3, SEED_LIMIT - 1).seeds(0, 3) == [SEED_LIMIT - 1, 0, 1]


def test_real_images_are_all_that_was_held_out(digits: Dataset) -> None:
    real = evaluation(digits, 1000).real
    parts = (digits.validation, digits.calibration, digits.test)
    held_out = torch.cat([pixels(digits.inputs, part.inputs) for part in parts])
    assert len(real) == len(held_out)
    assert torch.equal(real.flatten(1).sum(1).sort().values, held_out.flatten(1).sum(1).sort().values)
    assert torch.equal(evaluation(digits, 120).real, real[:240])


def test_large_images_are_fewer(digits: Dataset) -> None:
    assert default_images(digits.inputs) == 10_000
    assert default_images(msgspec.structs.replace(digits.inputs, shape=(3, 128, 128))) == 5208
