"""Deep ensembles: Lakshminarayanan et al. (2017). Every member has initial weights and dropout of its own."""

from models.catalogue import Component
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe

RECIPES = (
    PredictiveRecipe(
        data="digits",
        model="mlp-ensemble",
        description="classifier: five networks trained apart",
        bundled=True,
        network=Component("mlp", {"hidden": [128, 128], "dropout": 0.2}),
        posterior=Component("ensemble", {"members": 5, "length_scale": 0.36}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="mnist",
        model="mlp-ensemble",
        description="classifier: five networks of 2 x 128 units trained apart",
        network=Component("mlp", {"hidden": [128, 128], "dropout": 0.2}),
        posterior=Component("ensemble", {"members": 5, "length_scale": 0.36}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=30, batch=128, learning_rate=2e-3, cosine_decay=True, validate_every=5),
    ),
)
