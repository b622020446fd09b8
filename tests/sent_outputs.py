"""Outputs of models that live elsewhere, too sure of themselves, beside what came true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def class_outputs(rows: int, seed: int, draws: int = 0, classes: int = 4) -> Arrays:
    """Logits three times as large as they should be, with features and outcomes."""
    rng = np.random.default_rng(seed)
    outcomes = rng.integers(0, classes, rows)
    evidence = rng.normal(size=(rows, classes))
    evidence[np.arange(rows), outcomes] += 1.5
    logits = 4.5 * evidence
    if draws:
        logits = logits + rng.normal(size=(draws, rows, classes))
    return {"logits": logits, "features": np.stack([evidence[:, 0], evidence[:, 1]], 1), "outcomes": outcomes}


def target_outputs(rows: int, seed: int, draws: int = 0) -> Arrays:
    """Means of a target with variances a quarter of what they should be."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 1))
    deviation = 20 + 30 * np.abs(x)
    outcomes = 500 + 200 * x + deviation * rng.normal(size=x.shape)
    mean, variance = 500 + 200 * x, deviation**2 / 4
    if draws:
        mean, variance = mean + 5 * rng.normal(size=(draws, rows, 1)), np.tile(variance, (draws, 1, 1))
    return {"mean": mean, "variance": variance, "outcomes": outcomes[:, 0]}


def written(folder: Path, name: str = "outputs.npz", **arrays: Any) -> Path:
    """The path of an NPZ file with these arrays."""
    np.savez(folder / name, **arrays)
    return folder / name
