"""What a predictor says of many rows, and how likely it holds what was observed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from models.prediction.draws import CHUNK_BYTES
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Conditionals, Uncertainty
from training.data import Split

_BLOCK = 1000
"""Rows at a time, at most, so that memory does not grow with the data."""
_DRAWS_TOGETHER = 8
"""So many draws of a block should be evaluated at once: what does not depend on the draw is then computed once."""


def blocks(predictor: Predictor, rows: int, kept: int = 1) -> Iterator[slice]:
    """Slices of rows, each so small that its activations and its answers fit in memory.

    Args:
        kept: How many draws of every outcome are held at a time.
    """
    outcomes = 16 * kept * math.prod(predictor.positions) * predictor.outputs.size
    size = CHUNK_BYTES // max(1, outcomes, _DRAWS_TOGETHER * predictor.row_bytes)
    size = max(1, min(_BLOCK, size))
    return (slice(start, start + size) for start in range(0, rows, size))


def predictions(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> list[Uncertainty]:
    """The predictive distributions of raw rows, in blocks."""
    return list(predicted(predictor, rows, samples, seed))


def predicted(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Iterator[Uncertainty]:
    """The same, one block of :func:`blocks` after the other; on the CPU, wherever the model is."""
    device = next(predictor.parameters()).device
    for block in blocks(predictor, len(rows)):
        answer = predictor.predict(rows[block].to(device, torch.float32), samples, seed)
        parts = {field.name: getattr(answer, field.name) for field in fields(answer)}
        yield replace(answer, **{name: part.cpu() for name, part in parts.items() if part is not None})


def mean_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> float:
    """Mean negative log-likelihood in nats of the observed outcomes under the mixture of all draws."""
    total, count = 0.0, 0
    for rows in blocks(predictor, len(split.inputs)):
        part = split.rows(rows)
        total += float(outcome_nll(predictor, part, samples, seed).sum())
        count += int(predictor.likelihood.observed(observable(predictor, part.targets)).sum())
    return total / count


@torch.inference_mode()
def outcome_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> Tensor:
    r"""Negative log-likelihood of each outcome in nats, ``(B, *positions)``; 0 of one that was not observed.

    .. math:: -\log \frac{1}{S} \sum_s p(y | x, w_s)

    For a regression, the paper's estimator with a noise variance of each draw's own, in the targets' own units. The
    labels of a row, or of a step, are one outcome: the mixture is that of their joint probability.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, eq. 8 of the appendix.
    """
    targets = observable(predictor, split.targets)
    density, total, draws = _LOG_DENSITIES[predictor.outputs.outcome], None, 0
    for part in drawn(predictor, split.inputs, samples, seed):
        here = density(part, targets.to(part.mean.device)).logsumexp(0).cpu()
        total = here if total is None else torch.logaddexp(total, here)
        draws += len(part.mean)
    assert total is not None  # there is at least one draw
    return (math.log(draws) - total).where(predictor.likelihood.observed(targets), 0.0)


def conditionals(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Conditionals:
    """What each draw predicts for raw rows; with no samples, what the posterior's mean does."""
    parts = list(drawn(predictor, rows, samples, seed))
    return Conditionals(*(torch.cat(p) for p in zip(*((c.mean, c.variance, c.entropy) for c in parts), strict=True)))


def drawn(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Iterator[Conditionals]:
    """The same, in chunks along the draws."""
    samples, rows = predictor.available_samples(samples), rows.to(next(predictor.parameters()).device)
    for start in range(0, max(samples, 1), predictor.draw_block):
        stop = min(start + predictor.draw_block, samples)
        yield from predictor.conditionals(rows, predictor.posterior.sample(seed, stop, start) if samples else {})


def observable(predictor: Predictor, targets: Tensor) -> Tensor:
    """Targets in their own units, where nothing was observed marked as the likelihood wants it."""
    return targets if predictor.outputs.scale else predictor.outputs.standardise(targets)


def _log_probability(drawn: Conditionals, targets: Tensor) -> Tensor:
    index = targets.clamp_min(0).expand(drawn.mean.shape[:-1]).unsqueeze(-1)
    return drawn.mean.gather(-1, index).squeeze(-1).double().clamp_min(torch.finfo(torch.float32).tiny).log()


def _log_density(drawn: Conditionals, targets: Tensor) -> Tensor:
    variance, known = drawn.variance.double(), ~targets.isnan()
    squared = (targets.where(known, 0.0) - drawn.mean).square() / variance
    return -0.5 * (math.log(2 * math.pi) + variance.log() + squared).where(known, 0.0).sum(-1)


def _log_joint_probability(drawn: Conditionals, targets: Tensor) -> Tensor:
    known, probs = ~targets.isnan(), drawn.mean.double()
    of_target = torch.where(targets.where(known, 0.0) > 0.5, probs, 1 - probs)
    # A float32 sigmoid knows no probability between 1 - 2**-24 and 1.
    return of_target.clamp_min(2.0**-25).log().where(known, 0.0).sum(-1)


_LOG_DENSITIES = {
    "classification": _log_probability,
    "regression": _log_density,
    "multilabel": _log_joint_probability,
}
