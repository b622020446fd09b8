"""How good made images are, beside real ones of the test split."""

from __future__ import annotations

from models.generator import Generator
from training.adversarial import pairwise_distance
from training.data import Dataset
from training.recipe import Figures, pixels

_IMAGES = 500


def judge(model: Generator, dataset: Dataset, seed: int) -> Figures:
    """All figures of a generator.

    ``pairwise_distance_ratio``: how different two made images are, over how different two real ones are.
    """
    real = pixels(dataset.inputs, dataset.test.rows(slice(_IMAGES)).inputs)
    made = model.generate(model.latents(range(seed, seed + _IMAGES)))
    return {"pairwise_distance_ratio": pairwise_distance(made) / pairwise_distance(real)}
