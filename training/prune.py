"""Pruning by signal-to-noise ratio: weights that are mostly noise are removed.

References:
    Blundell et al. (2015), Weight Uncertainty in Neural Networks, section 5.1 and table 2.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.checkpoint import Checkpoint
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.predictor import Predictor
from training import recipes
from training.data import Dataset
from training.errors import RecipeError
from training.evaluate import measure
from training.fit import publish
from training.recipe import Figures


def prune(checkpoint: Checkpoint, keep: float, dataset: Dataset, store: Path) -> tuple[Path, Figures]:
    """Keep the weights of the largest :math:`|\\mu| / \\sigma`, and save the rest of the model as the next version.

    Args:
        keep: Their proportion, above 0 and at most 1.

    Returns:
        The new checkpoint's folder and figures.

    Raises:
        RecipeError: if the model's weights have no Gaussian posterior.
    """
    if keep <= 0:
        raise RecipeError("the proportion of weights to keep is above 0 and at most 1")
    model = checkpoint.model
    if not isinstance(model, Predictor) or not isinstance(model.posterior, BayesByBackprop):
        raise RecipeError(f"{checkpoint.manifest.name} was not trained by Bayes by Backprop: its weights have no noise")
    pruned = Predictor(model.posterior.pruned(keep), model.likelihood, model.inputs, model.outputs).eval()
    measured = measure(recipes.of_model(checkpoint.manifest.name), pruned, dataset, draw=True)
    figures = {**measured.figures, "kept_weights_share": keep}
    manifest = msgspec.structs.replace(checkpoint.manifest, figures=figures)
    kept = f"{keep:.0%} of the weights are kept, those of the largest signal-to-noise ratio."
    card = f"{checkpoint.card}\n## Pruned\n\n{kept}\n"
    return publish(store, manifest, pruned, checkpoint.examples["inputs"], card, measured.pictures), figures
