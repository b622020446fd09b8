"""Pruning by signal-to-noise ratio, which removes weights that are mostly noise.

References:
    Blundell et al. (2015), Weight Uncertainty in Neural Networks, section 5.1 and table 2.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from models.checkpoints.checkpoint import Checkpoint, Manifest, Origin, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.prediction.predictor import Predictor
from training import recipes
from training.data import Dataset
from training.errors import RecipeError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Metrics
from training.run.calibrate import calibrate, fit_reference


def noisy_model(checkpoint: Checkpoint, keep: float) -> tuple[Predictor, BayesByBackprop]:
    """Return a model that can be pruned, and its posterior.

    Args:
        checkpoint: The model's checkpoint.
        keep: Proportion of the weights to keep.

    Raises:
        RecipeError: if the model's weights have no Gaussian posterior, or none of them would be kept.
    """
    if keep <= 0:
        raise RecipeError("the proportion of weights to keep must be above 0 and at most 1")
    model = checkpoint.model
    if not isinstance(model, Predictor) or not isinstance(model.posterior, BayesByBackprop):
        raise RecipeError(f"{checkpoint.manifest.name} was not trained by Bayes by Backprop: its weights have no noise")
    return model, model.posterior


def prune(checkpoint: Checkpoint, keep: float, dataset: Dataset, store: Path) -> tuple[Path, Metrics]:
    """Keep the weights of the largest :math:`|\\mu| / \\sigma`, and save the model as the next version.

    Args:
        checkpoint: Checkpoint of a Bayes-by-Backprop model.
        keep: Proportion of the weights to keep, above 0 and at most 1.
        dataset: Data that the model was trained on.
        store: Folder of all checkpoints.

    Returns:
        The new checkpoint's folder and figures.

    Raises:
        RecipeError: if the model's weights have no Gaussian posterior.
    """
    model, posterior = noisy_model(checkpoint, keep)
    pruned = Predictor(posterior.prune(keep), model.likelihood, model.inputs, model.outputs).eval()
    fit_reference(pruned, dataset.train)
    assert pruned.reference is not None  # as it was fitted just now
    spec = msgspec.structs.replace(checkpoint.manifest.model, reference=pruned.reference.spec)
    calibration = calibrate(pruned, dataset.calibration)
    metrics = recipes.family_metrics(checkpoint.manifest)
    measured = measure(pruned, dataset, metrics, calibration=calibration, plots=True)
    whole = checkpoint.manifest
    training = {name: value for name, value in whole.figures.items() if name == "training_seconds"}
    figures = {**measured.metrics, **training, "kept_weights_share": keep}
    origin = _origin(whole, keep, measured.samples)
    manifest = msgspec.structs.replace(whole, model=spec, figures=figures, origin=origin)
    kept = f"{keep:.0%} of the weights are kept, those of the largest signal-to-noise ratio."
    card = f"{checkpoint.card}\n## Pruned\n\n{kept}\n"
    examples = {**checkpoint.examples, **canary_examples(pruned, checkpoint.examples["inputs"])}
    folder = save(store, manifest, pruned, examples, card, measured.plots, calibration)
    verify(load(folder))
    return folder, figures


def _origin(whole: Manifest, keep: float, samples: int) -> Origin | None:
    if whole.origin is None:
        return None
    command = f"{whole.origin.command} && python -m training prune {whole.name} --keep {keep:g}"
    return msgspec.structs.replace(whole.origin, command=command, samples=samples)
