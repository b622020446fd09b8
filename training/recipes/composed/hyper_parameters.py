"""The default hyper-parameters, which follow from the training rows: their number, their shape and their outcomes.

Rules of thumb, compared on the bundled data by the NLL of their validation rows. Whoever knows better says so with
``--set``; what is taken is printed by ``fit`` and written on the card.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from training.data import Dataset
from training.loops.settings import SupervisedSettings

_UPDATES = 3000
"""Number of updates that a run is long, where the bounds on its epochs allow it."""
_FEWEST_EPOCHS = 20
_MOST_EPOCHS = 200
_BATCHES = ((1_000, 32), (10_000, 64), (100_000, 128))
"""Size of a batch up to a number of training rows."""
_LARGEST_BATCH = 256
_LEAST_WIDTH = 32
_MOST_WIDTH = 256
_WAITS = 4
"""Patience is this part of the epochs."""
_SGD_RATE = 0.05
_LENGTH_SCALE = 0.5
"""Length scale of the prior of all weights; as weight decay it weighs the less the more rows there are."""


def of_network(name: str, posterior: str, dataset: Dataset) -> dict[str, Any]:
    """Return the options of a network: wider the more rows there are, with dropout unless its weights are random.

    Args:
        name: Name of the network.
        posterior: Name of the posterior: Bayes by Backprop takes dropout out, and its prior prunes wide networks.
        dataset: Data that it is fitted to.
    """
    width, bayes = _width(dataset), posterior == "bayes_by_backprop"
    if name == "mlp":
        return {"hidden": [50] if bayes else [width, width], "dropout": 0.0 if bayes else 0.1}
    if name == "convnet":
        small = min(dataset.inputs.shape[1:]) < 20
        sizes = {"channels": [16, 32], "kernel": 3, "padding": 1} if small else {"channels": [16, 32]}
        return {**sizes, "hidden": 64, "dropout": 0.0 if bayes else 0.3}
    if name == "recurrent":
        drops = 0.0 if bayes else 0.1
        return {"hidden": max(32, width // 2), "dropout": drops, "input_dropout": 0.0, "hidden_dropout": drops / 2}
    if name == "segnet":
        small = min(dataset.inputs.shape[1:]) < 64
        sizes = {"channels": [32, 64], "kernel": 5} if small else {"channels": [32, 32, 32, 32], "kernel": 7}
        return {**sizes, "dropout": 0.0 if bayes else 0.1}
    return {}


def of_posterior(name: str, dataset: Dataset) -> dict[str, Any]:
    """Return the options of a posterior, above all its prior: narrower where there are few rows to outweigh it."""
    if name == "bayes_by_backprop":
        return {"prior": {"type": "gaussian", "scale": 0.2 if len(dataset.train.inputs) < 500 else 0.5}}
    if name == "swag":
        return {"rank": 20, "start": 0.5, "length_scale": _LENGTH_SCALE}
    return {"length_scale": _LENGTH_SCALE}


def of_loop(network: str, posterior: str, dataset: Dataset) -> SupervisedSettings:
    """Return the settings of the loop: some thousand updates, of which the best epoch by the validation rows is kept.

    SWAG's gradient descent keeps its rate, as the paper has it, so that the weights go on to wander; its gradients are
    clipped, for the likelihood of a regression is steep where the noise is small.
    """
    rows = len(dataset.train.inputs)
    batch = next((size for most, size in _BATCHES if rows <= most), _LARGEST_BATCH)
    if network == "segnet":
        batch = 8
    epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, math.ceil(_UPDATES / math.ceil(rows / batch))))
    waits = max(10, epochs // _WAITS)
    validate_every = 1 if len(dataset.inputs.shape) == 1 else max(1, epochs // 40)
    rate = 5e-3 if posterior == "bayes_by_backprop" else 2e-3
    common = SupervisedSettings(epochs, batch, rate, patience=waits, validate_every=validate_every, keep_best=True)
    if posterior == "swag":
        return replace(common, learning_rate=_SGD_RATE, optimiser="sgd", clip_norm=1.0)
    return replace(common, cosine_decay=True)


def kl_warm_up(posterior: str) -> float:
    """Return the share of a run along which the divergence gains weight: weights that are learnt there need it."""
    return 0.3 if posterior == "bayes_by_backprop" else 0.0


def _width(dataset: Dataset) -> int:
    """Return the power of two next to four times the square root of the number of rows, within bounds."""
    exponent = round(math.log2(4 * math.sqrt(len(dataset.train.inputs))))
    return max(_LEAST_WIDTH, min(_MOST_WIDTH, 1 << exponent))
