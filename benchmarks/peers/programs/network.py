"""The network that every peer serves, with the weights that Credence serves: two ways of evaluating its draws."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

DRAWS = 50
FOLDER = Path(os.environ.get("BENCH_FOLDER", "."))
"""Folder with ``weights.safetensors``."""


def network() -> nn.Module:
    """Return 784-512-512-10 with dropout of one half, which stays on."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    drop = [nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*drop, nn.Linear(512, 10))
    model.load_state_dict(load_file(FOLDER / "weights.safetensors"))
    return model.train().requires_grad_(False)


@torch.inference_mode()
def looped(model: nn.Module, rows: Tensor) -> Tensor:
    """Return the statistics of 50 passes, one after the other."""
    return statistics(torch.stack([model(rows) for _ in range(DRAWS)]))


@torch.inference_mode()
def folded(model: nn.Module, rows: Tensor) -> Tensor:
    """Return the statistics of 50 passes, as one batch of 50 copies of every row."""
    return statistics(model(rows.repeat(DRAWS, 1)).unflatten(0, (DRAWS, len(rows))))


def statistics(logits: Tensor) -> Tensor:
    """Return mean and variance of the class probabilities, ``(B, 2, C)``, of logits ``(S, B, C)``."""
    probabilities = logits.softmax(-1)
    return torch.stack([probabilities.mean(0), probabilities.var(0)], 1)


WAYS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {"loop": looped, "folded": folded}
