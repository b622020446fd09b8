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
from service.backends.torch_pieces import PieceSize

_ROWS = (1, 8, 32)
_DRAWS = 10
_RACE_ROWS, _ROUNDS = (1, 8), 3
_RACE_SECONDS = 0.5
"""Seconds after which a race has no further round: a large model's times are long, and differ by more than chance."""
_NOISE_ROWS, _TRIES = 8, 20
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
        row: Time of a row however many draws it has: of layers that all draws share, and of its evidence.
        noise: Time of one more sample of the noise on logits, for one draw of one row.
        loop_from_rows: Number of rows from which one draw after the other is faster than all at once; infinite for
            models without drawn convolutions, whose last bits may not depend on what a busy machine measures.
    """

    draw: float = 0.0
    batch: float = 0.0
    block: float = 0.0
    row: float = 0.0
    noise: float = 0.0
    loop_from_rows: float = math.inf


def measure(
    model: Predictor, draws: Draws, device: torch.device, block_seconds: float, piece: PieceSize, *, evidence: bool
) -> Timing:
    """Evaluate draws for a few numbers of rows, both ways where a loop can win, and a piece of a large batch.

    Times are rounded to one digit, so that what they limit hardly ever changes when a model is loaded again.

    Args:
        model: The model, on its device.
        draws: Some of its draws.
        device: The device.
        block_seconds: Time that a block of draws took to make.
        piece: Size of the pieces of a large batch.
        evidence: Whether rows have evidence.
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
    rows = min(piece.rows, model.most_rows)
    example, vectorise = model.inputs.example(rows).to(device), rows < first
    some = {name: tensor[: piece.draws] for name, tensor in draws.items()}
    number = max(1, count(some))
    whole = _seconds(model, example, some, vectorise=vectorise, most=_TRIES) / rows
    one = {name: tensor[:1] for name, tensor in draws.items()}
    alone = _seconds(model, example, one, vectorise=vectorise, evidence=evidence, most=_TRIES) / rows
    draw = (whole - alone) / (number - 1) if number > 1 and whole > alone else whole / number
    seconds = (draw, min(times[0]), block_seconds, max(0.0, alone - draw), _noise_seconds(model, device))
    draw, batch, block, row, noise = (float(f"{one:.1g}") for one in seconds)
    return Timing(draw, batch, block, row, noise, first)


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
def _noise_seconds(model: Predictor, device: torch.device) -> float:
    noise = model.likelihood.sample_noise()
    if noise is None:
        return 0.0
    likelihood, best = model.likelihood, math.inf
    output = torch.zeros(1, _NOISE_ROWS, *model.positions, likelihood.outputs, device=device)
    for _ in range(_TRIES):
        start = time.perf_counter()
        float(likelihood.conditionals(output, noise.to(device)).entropy.sum())
        best = min(best, time.perf_counter() - start)
    return best / (_NOISE_ROWS * len(noise))


@torch.inference_mode()
def _seconds(
    model: Predictor, rows: Tensor, draws: Draws, *, vectorise: bool, evidence: bool = False, most: int = 2
) -> float:
    best, end = math.inf, time.perf_counter() + _LONG_SECONDS
    for turn in range(most):  # the first one also compiles and allocates, which is little of a large model's time
        if turn and (best > _LONG_SECONDS or (turn > 1 and time.perf_counter() > end)):
            break
        start = time.perf_counter()
        for conditionals in model.conditionals(rows, draws, vectorise=vectorise):
            float(conditionals.entropy.sum())
        if evidence:
            for values in model.observed_evidence(rows).values():
                float(values.sum())
        best = min(best, time.perf_counter() - start)
    return best
