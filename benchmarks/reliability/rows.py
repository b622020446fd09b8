"""Rows and bodies that the starter models take."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

DIGITS, CONVNET, TABLE = "digits-mlp-mc_dropout", "digits-convnet-bayes_by_backprop", "diabetes-mlp-bayes_by_backprop"
MARK = 15.5
"""Brightness of the first pixel of a row that a planted fault looks for; no other row has it."""


def digits(count: int, seed: int = 0) -> list[list[float]]:
    """Return rows of 64 pixels from 0 to 15."""
    drawn = np.random.default_rng(seed).integers(0, 16, (count, 64))
    rows: list[list[float]] = drawn.astype(float).tolist()
    return rows


def marked(row: Sequence[float]) -> list[float]:
    """Return a row that a planted fault knows by its first pixel."""
    return [MARK, *row[1:]]


def body(rows: Sequence[object], **options: object) -> bytes:
    """Return the JSON body of a prediction."""
    return json.dumps({"inputs": rows, **options}).encode()
