"""Rows of noise for a network that nobody here has seen data of."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from models.specs import InputSpec


def standard_noise(inputs: InputSpec, rows: int, seed: int = 0) -> Tensor:
    """Return standardised rows of noise ``(rows, *shape)``: normal, or ids that there are.

    Args:
        inputs: Specification of the inputs.
        rows: Number of rows.
        seed: Seed of the noise.
    """
    return _noise(inputs, rows, Generator().manual_seed(seed))


def raw_noise(inputs: InputSpec, rows: int) -> Tensor:
    """Return raw rows of noise ``(rows, *shape)`` that the specification allows."""
    if inputs.parts:
        return torch.cat([raw_noise(part, rows).flatten(1) for part in inputs.parts.values()], 1)
    if inputs.kind == "tokens":
        return standard_noise(inputs, rows)
    values = inputs.example(rows) + standard_noise(inputs, rows) * max(inputs.scale)
    if inputs.low is None or inputs.high is None:
        return values
    return torch.rand(values.shape, generator=Generator().manual_seed(0)) * (inputs.high - inputs.low) + inputs.low


def _noise(inputs: InputSpec, rows: int, stream: Generator) -> Tensor:
    if inputs.parts:
        return torch.cat([_noise(part, rows, stream).flatten(1) for part in inputs.parts.values()], 1)
    if inputs.kind == "tokens":
        return torch.randint(int(inputs.high or 0) + 1, (rows, *inputs.shape), generator=stream).float()
    return torch.randn(rows, *inputs.shape, generator=stream)
