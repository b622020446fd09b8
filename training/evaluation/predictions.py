"""Predictions for many rows: block by block, so that memory does not grow with the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from models.prediction.draws import CHUNK_BYTES
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Conditionals, Uncertainty

_BLOCK = 1000
"""Number of rows at a time, at most."""
_FIGURES = ("mean", "variance", "entropy")
_DRAWS_TOGETHER = 8
"""So many draws of a block should be evaluated at once: what does not depend on the draw is then computed once."""


def blocks(predictor: Predictor, rows: int, kept: int = 1) -> Iterator[slice]:
    """Split rows into slices, each so small that it, its activations and its answers fit in memory.

    Args:
        predictor: The model that is going to predict them.
        rows: Number of rows.
        kept: Number of draws of every outcome that are held at a time.
    """
    outcomes = 16 * kept * math.prod(predictor.positions) * predictor.outputs.size
    inputs = 4 * math.prod(predictor.inputs.shape)
    size = CHUNK_BYTES // max(1, outcomes, inputs, _DRAWS_TOGETHER * predictor.row_bytes)
    size = max(1, min(_BLOCK, size))
    return (slice(start, start + size) for start in range(0, rows, size))


def predict_blocks(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Iterator[Uncertainty]:
    """Predict raw rows, one block of :func:`blocks` after the other.

    Args:
        predictor: The model, on any device.
        rows: Raw rows, ``(N, *shape)``.
        samples: Number of draws; 0 is the posterior's mean.
        seed: Seed of the draws.

    Yields:
        The predictive distributions of a block, on the CPU.
    """
    device = next(predictor.parameters()).device
    for block in blocks(predictor, len(rows)):
        answer = predictor.predict(rows[block].to(device, torch.float32), samples, seed)
        parts = {field.name: getattr(answer, field.name) for field in fields(answer)}
        yield replace(answer, **{name: part.cpu() for name, part in parts.items() if part is not None})


def predict_draws(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Conditionals:
    """Return what each draw predicts for raw rows; without samples, what the posterior's mean predicts.

    Args:
        predictor: The model, on any device.
        rows: Raw rows, ``(B, *shape)``.
        samples: Number of draws ``S``; 0 is the posterior's mean.
        seed: Seed of the draws.

    Returns:
        Tensors ``(S, B, ...)`` on the model's device.
    """
    parts = list(predict_draws_in_chunks(predictor, rows, samples, seed))
    skews = [part.skew for part in parts if part.skew is not None]
    mean, variance, entropy = (torch.cat([getattr(part, name) for part in parts]) for name in _FIGURES)
    return Conditionals(mean, variance, entropy, torch.cat(skews) if skews else None)


def predict_draws_in_chunks(predictor: Predictor, rows: Tensor, samples: int, seed: int) -> Iterator[Conditionals]:
    """Iterate over what the draws predict, some draws at a time; arguments as of :func:`predict_draws`."""
    samples, rows = predictor.available_samples(samples), rows.to(next(predictor.parameters()).device)
    for start in range(0, max(samples, 1), predictor.draw_block):
        stop = min(start + predictor.draw_block, samples)
        yield from predictor.conditionals(rows, predictor.posterior.sample(seed, stop, start) if samples else {})


def mark_unobserved(predictor: Predictor, targets: Tensor) -> Tensor:
    """Return targets in their own units, those that were not observed marked as the likelihood expects it.

    Args:
        predictor: The model whose outputs they are.
        targets: Raw targets, ``(B, *positions)`` or ``(B, *positions, D)``.
    """
    return targets if predictor.outputs.scale else predictor.outputs.standardise(targets)
