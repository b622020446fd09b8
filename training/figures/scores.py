"""What a predictor says of many rows, and how likely it holds what was observed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from models.predictor import Predictor
from models.uncertainty import Conditionals, Uncertainty
from training.data import Split

_BLOCK = 1000
"""Rows at a time, so that memory does not grow with the data."""


def predictions(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> list[Uncertainty]:
    """The predictive distributions of raw rows, in blocks."""
    return [predictor.predict(block, samples, seed) for block in torch.split(rows, _BLOCK)]


def mean_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> float:
    """Mean negative log-likelihood in nats of the targets under the mixture of all draws."""
    nll = [outcome_nll(predictor, split.rows(rows), samples, seed) for rows in _blocks(len(split.inputs))]
    return float(torch.cat(nll).mean())


@torch.inference_mode()
def outcome_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> Tensor:
    r"""Negative log-likelihood of each row in nats, ``(B,)``.

    .. math:: -\log \frac{1}{S} \sum_s p(y | x, w_s)

    For a regression, the paper's estimator with a noise variance of each draw's own, in the targets' own units.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, eq. 8 of the appendix.
    """
    drawn = conditionals(predictor, split.inputs, samples, seed)
    density = _log_probability if predictor.outputs.task == "classification" else _log_density
    return math.log(len(drawn.mean)) - density(drawn, split.targets).logsumexp(0)


def conditionals(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Conditionals:
    """What each draw predicts for raw rows; with no samples, what the posterior's mean does."""
    draws = predictor.posterior.draws(seed, samples) if samples else {}
    parts = list(predictor.conditionals(rows, draws))
    return Conditionals(*(torch.cat(p) for p in zip(*((c.mean, c.variance, c.entropy) for c in parts), strict=True)))


def _log_probability(drawn: Conditionals, targets: Tensor) -> Tensor:
    probs = drawn.mean.double().gather(-1, targets.expand(len(drawn.mean), -1).unsqueeze(-1)).squeeze(-1)
    return probs.clamp_min(torch.finfo(torch.float32).tiny).log()


def _log_density(drawn: Conditionals, targets: Tensor) -> Tensor:
    variance = drawn.variance.double()
    squared = (targets - drawn.mean).square() / variance
    return -0.5 * (math.log(2 * math.pi) + variance.log() + squared).sum(-1)


def _blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, rows, _BLOCK))
