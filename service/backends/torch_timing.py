"""Measured once at load: how long a model's draws take, and which way of evaluating them is faster."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.prediction.draws import CHUNK_BYTES, Draws, count
from models.prediction.predictor import Predictor

_ROWS = (1, 8, 32)
_DRAWS = 10
_RACE_ROWS, _ROUNDS = (1, 8), 3
_RACE_SECONDS = 0.5
"""Seconds after which a race has no further round: a large model's times are long, and differ by more than chance."""
_LONG_SECONDS = 0.25
"""Seconds of one evaluation after which it is not repeated."""
_KERNEL_AXES = 5
"""Axes of drawn kernels of a convolution: draws, channels out and in, height, width."""


@dataclass(frozen=True)
class Timing:
    """Measured times of a predictive model on its device, in seconds.

    Attributes:
        draw: Time of one draw for one row in a large batch.
        batch: Time of the smallest batch.
        block: Time of making one block of draws.
        loop_from_rows: Number of rows from which one draw after the other is faster than all at once; infinite for
            models without drawn convolutions, whose last bits may not depend on what a busy machine measures.
    """

    draw: float = 0.0
    batch: float = 0.0
    block: float = 0.0
    loop_from_rows: float = math.inf


def measure(model: Predictor, draws: Draws, device: torch.device, block_seconds: float) -> Timing:
    """Evaluate draws for a few numbers of rows, both ways where a loop can win.

    Args:
        model: The model, on its device.
        draws: Some of its draws.
        device: The device.
        block_seconds: Time that a block of draws took to make.
    """
    affordable = CHUNK_BYTES // max(1, model.draw_bytes)
    few = {name: tensor[: max(2, min(_DRAWS, affordable))] for name, tensor in draws.items()}
    ways = (True, False) if any(tensor.ndim == _KERNEL_AXES for tensor in few.values()) else (True,)
    times = []
    numbers = [rows for rows in _ROWS if rows <= model.most_rows]
    for rows in numbers:
        example = model.inputs.example(rows).to(device)
        times.append([_seconds(model, example, few, vectorise=vectorise) for vectorise in ways])
    loop_wins = [one[-1] < one[0] for one in times]
    first = next((rows for i, rows in enumerate(numbers) if all(loop_wins[i:])), math.inf)
    return Timing(min(times[-1]) / (numbers[-1] * max(1, count(few))), min(times[0]), block_seconds, first)


def race(models: Sequence[Predictor], draws: Draws, device: torch.device) -> list[list[float]]:
    """Return the seconds that each model takes for 1 and for 8 rows with some draws, the best of a few.

    Args:
        models: The same model with other means of evaluating draws, on its device.
        draws: Some of its draws.
        device: The device.
    """
    most = models[0].most_rows
    examples = [models[0].inputs.example(min(rows, most)).to(device) for rows in _RACE_ROWS]
    best = [[math.inf] * len(examples) for _ in models]
    end = time.perf_counter() + _RACE_SECONDS
    for turn in range(_ROUNDS):  # by turns, as a busy machine slows all of them down
        if turn and time.perf_counter() > end:
            break
        for times, model in zip(best, models, strict=True):
            for size, rows in enumerate(examples):
                times[size] = min(times[size], _seconds(model, rows, draws, vectorise=True))
    return best


@torch.inference_mode()
def _seconds(model: Predictor, rows: Tensor, draws: Draws, *, vectorise: bool) -> float:
    best = math.inf
    for turn in range(2):  # the first one also compiles and allocates, which is little of a large model's time
        if turn and best > _LONG_SECONDS:
            break
        start = time.perf_counter()
        for conditionals in model.conditionals(rows, draws, vectorise=vectorise):
            float(conditionals.entropy.sum())
        best = min(best, time.perf_counter() - start)
    return best
