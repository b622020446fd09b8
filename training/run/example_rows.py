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


def far_noise(inputs: InputSpec) -> Tensor:
    """Return standardised rows ``(B, *shape)`` of many sizes: noise small and large, of one sign, zeros, raw values.

    A network that asks how large its values are tells them apart. Ids are only those that there are.
    """
    if inputs.parts:
        parts = [far_noise(part).flatten(1) for part in inputs.parts.values()]
        most = max(map(len, parts))
        return torch.cat([part[torch.arange(most) % len(part)] for part in parts], 1)
    noise = standard_noise(inputs, len(_SIZES), seed=1)
    if inputs.kind == "tokens":
        return noise
    sizes = torch.tensor(_SIZES).reshape(-1, *(1 for _ in inputs.shape))
    of_one_sign = torch.stack([noise[0].abs(), -noise[0].abs()])
    return torch.cat([noise * sizes, of_one_sign, inputs.standardise(raw_noise(inputs, 2))])


_SIZES = (0.0, 0.01, 10.0, 100.0)


def _noise(inputs: InputSpec, rows: int, stream: Generator) -> Tensor:
    if inputs.parts:
        return torch.cat([_noise(part, rows, stream).flatten(1) for part in inputs.parts.values()], 1)
    if inputs.kind == "tokens":
        return torch.randint(int(inputs.high or 0) + 1, (rows, *inputs.shape), generator=stream).float()
    return torch.randn(rows, *inputs.shape, generator=stream)
