"""The temperature of a classifier: one number that its logits are divided by, fitted after the weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from models.likelihoods.categorical import Categorical
from models.prediction.predictor import Predictor
from models.specs import VOID
from training.data import Split

SAMPLES = 50
SEED = 0
_OUTCOMES = 10_000
"""Number of outcomes (rows, steps or pixels) that the temperature is fitted on."""
_LARGEST = 2**26
"""Number of logits that are kept at once."""
_LOG_TEMPERATURES = (-2.0, 2.0)
_PRIOR_DEVIATION = 1.0
"""Standard deviation of the logarithm of a temperature: else rows that are all right would drive it to 0."""


def fit_temperature(model: Predictor, calibration: Split) -> None:
    """Set the temperature that makes the calibration rows likeliest under the mixture of all draws.

    It is kept only if it improves rows that it was not fitted on: either half of the rows judges that of the other.
    Otherwise there is none, whichever the model had before.
    Only a categorical likelihood has one; others fit the scale of their outputs themselves. A segmentation's is never
    below 1: pictures that are held out often resemble those trained on, as frames of one street do, and what would
    make a model surer of them makes it too sure of others.

    Args:
        model: A trained predictor, whose outputs are changed.
        calibration: Rows of the calibration split.

    References:
        Guo et al. (2017), On Calibration of Modern Neural Networks.
    """
    rows = len(calibration.inputs)
    if not isinstance(model.likelihood, Categorical) or not rows:
        return
    logits, labels, row = _outcomes(model, calibration)
    least = 0.0 if model.outputs.task == "segmentation" else _LOG_TEMPERATURES[0]
    halves = row % 2 == 0, row % 2 == 1
    pairs = [(halves[0], halves[1]), (halves[1], halves[0])]
    if rows > 1 and all(bool(half.any()) for half in halves):
        gain = sum(
            _mixture_nll(logits[:, other], labels[other])
            - _mixture_nll(logits[:, other] / _best(logits[:, fitted], labels[fitted], least), labels[other])
            for fitted, other in pairs
        )
        if gain <= 0:
            model.outputs = msgspec.structs.replace(model.outputs, temperature=1.0)
            return
    model.outputs = msgspec.structs.replace(model.outputs, temperature=_best(logits, labels, least))


def _best(logits: Tensor, labels: Tensor, least: float) -> float:
    """Return the likeliest temperature under its prior, of logits ``(S, N, C)``, from a least logarithm of it on."""

    def cost(log_temperature: float) -> float:
        prior = 0.5 * (log_temperature / _PRIOR_DEVIATION) ** 2
        return _mixture_nll(logits / math.exp(log_temperature), labels) + prior

    search: Callable[..., object] = minimize_scalar
    found = search(cost, bounds=(least, _LOG_TEMPERATURES[1]), method="bounded")
    return math.exp(found.x)  # type: ignore[attr-defined]


@torch.inference_mode()
def _outcomes(model: Predictor, calibration: Split) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits ``(S, N, C)`` and labels ``(N,)`` of observed outcomes, and the row that each belongs to, ``(N,)``.

    Of a row with many outcomes some are taken at random, so that they come from all rows.
    """
    samples, positions = model.available_samples(SAMPLES), math.prod(model.positions)
    draws = model.posterior.sample(SEED, samples) if samples else model.posterior.mean_function()
    total = min(_OUTCOMES, _LARGEST // (max(1, samples) * model.outputs.size))
    rows = min(len(calibration.inputs), max(1, total))
    each = min(positions, max(1, total // rows))
    chosen = torch.arange(rows) * len(calibration.inputs) // rows
    order = torch.Generator().manual_seed(0)
    logits, labels, owners = [], [], []
    for block in torch.split(chosen, max(1, 64 // max(1, positions // 1000))):
        split = calibration.rows(block)
        x, targets = model.inputs.standardise(split.inputs), model.outputs.standardise(split.targets)
        output = torch.cat(list(model.functions.outputs(x, draws)))
        output = output.flatten(2, -2) if model.positions else output.unsqueeze(2)
        targets = targets.reshape(len(block), positions)
        taken = torch.stack([torch.randperm(positions, generator=order)[:each] for _ in block])
        index = taken[None, ..., None].expand(len(output), *taken.shape, output.shape[-1])
        logits.append(output.gather(2, index).flatten(1, 2))
        labels.append(targets.gather(1, taken).flatten())
        owners.append(block.repeat_interleave(each))
    label = torch.cat(labels)
    seen = label != VOID
    return torch.cat(logits, 1)[:, seen], label[seen], torch.cat(owners)[seen]


def _mixture_nll(logits: Tensor, labels: Tensor) -> float:
    index = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    mixture = logits.log_softmax(-1).gather(-1, index).squeeze(-1).logsumexp(0) - math.log(len(logits))
    return -float(mixture.double().sum())
