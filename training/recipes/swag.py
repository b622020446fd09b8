"""SWAG.

Maddox et al. (2019). Gradient descent at a constant rate, an iterate collected after every epoch of the second half of
the run, rank 20 and a weight decay.
"""

from models.catalogue import Component
from training.loops.supervised import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe

_POSTERIOR = Component("swag", {"rank": 20, "start": 0.5, "length_scale": 0.36})

RECIPES = (
    PredictiveRecipe(
        data="digits",
        model="mlp-swag",
        description="classifier: two hidden layers, weights from a Gaussian around the end of gradient descent",
        network=Component("mlp", {"hidden": [256, 256], "dropout": 0.4, "input_dropout": 0.2}),
        posterior=_POSTERIOR,
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=200, batch=64, learning_rate=0.1, optimiser="sgd", validate_every=5),
    ),
    PredictiveRecipe(
        data="digits",
        model="convnet-swag",
        description="classifier: LeNet, weights from a Gaussian around the end of gradient descent",
        network=Component("convnet", {"channels": [16, 32], "kernel": 3, "padding": 1, "hidden": 64}),
        posterior=_POSTERIOR,
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=100, batch=64, learning_rate=0.1, optimiser="sgd", validate_every=5),
    ),
)
