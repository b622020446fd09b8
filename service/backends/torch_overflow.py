"""Finite inputs that a model cannot compute with: a client's fault, where those of training are answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from models.columns import show
from models.errors import InputValueError
from models.specs import InputSpec

_FAR = 10.0
"""Standard deviations from the mean of training beyond which an overflow is not the model's fault."""


def explain_overflow(spec: InputSpec, rows: NDArray[np.float32]) -> InputValueError | None:
    """Return the refusal of rows whose answer was not finite; ``None`` if the model has to answer them.

    It has to where every value is one of those that are allowed by bounds, or is like those of training.

    Args:
        spec: Input of the model.
        rows: Checked raw rows ``(B, *shape)``, NaN after the end of a sequence.
    """
    found = max(_distances(spec, rows), default=None)
    if found is None or not found[0] > _FAR:
        return None
    distance, row, name = found
    what = f"the value of {show(name)}" if name else "a value"
    return InputValueError(
        f"the model's answer to row {row} is beyond the numbers there are: {what} lies {distance:.1e} standard"
        " deviations from the mean of training; allowed are values like those of training",
        f"/inputs/{row}",
    )


def _distances(spec: InputSpec, rows: NDArray[np.float32]) -> Iterator[tuple[float, int, str]]:
    """Yield the largest distance in each part of the rows that has no bounds, with its row and its feature's name."""
    parts = spec.split(torch.from_numpy(rows)) if spec.parts else [(spec, torch.from_numpy(rows))]
    names = [f"{name}." for name in spec.parts] or [""]
    for name, (part, values) in zip(names, parts, strict=True):
        if part.low is None or part.high is None:
            distances = np.nan_to_num(part.standardise(values).abs().numpy(), nan=0.0)
            *place, feature = np.unravel_index(distances.argmax(), distances.shape)
            features = part.table.features if part.table else part.names
            yield float(distances.max()), int(place[0]), f"{name}{features[feature]}" if features else name[:-1]
