"""One function and no uncertainty about it: the control of every comparison, and a start for Bayes by Backprop."""

from models.catalogue import Component
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe
from training.recipes.kinds.published import blundell

RECIPES = (
    PredictiveRecipe(
        data="digits",
        model="mlp-deterministic",
        description="classifier: two hidden layers, the control without draws",
        network=Component("mlp", {"hidden": [100, 100], "dropout": 0.0}),
        posterior=Component("deterministic"),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="mnist",
        model="mlp-deterministic",
        description="classifier: 2 x 400 units by plain gradient descent, the control of Bayes by Backprop's table 1",
        network=Component("mlp", {"hidden": [400, 400], "dropout": 0.0}),
        posterior=Component("deterministic", {"length_scale": 0.0}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=128, learning_rate=0.1, optimiser="sgd", validate_every=5),
        published=(blundell("table 1", "2 x 400 units, gradient descent", 1.83),),
    ),
)
