"""A classifier that is trained for a moment."""

from __future__ import annotations

import pytest

from models.prediction.predictor import Predictor
from training import recipes
from training.data import Dataset
from training.loops.progress import Run
from training.seeds import initialised


@pytest.fixture(scope="module")
def model(digits: Dataset) -> Predictor:
    recipe = recipes.find("digits-convnet-mc_dropout").with_epochs(15)
    made = initialised(recipe.spec(digits), 0)
    assert isinstance(made, Predictor)
    recipe.train(made, digits, Run(0))
    return made
