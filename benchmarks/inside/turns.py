"""Times of several pieces of work that take turns, so that a busy machine slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

_MOST_SECONDS = 3.0
"""Seconds after which there is no further turn, but for the first two."""


@torch.inference_mode()
def milliseconds(work: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median of several runs of each piece, after one that warms up."""
    times: dict[str, list[float]] = {name: [] for name in work}
    end = time.perf_counter() + _MOST_SECONDS
    for turn in range(turns + 1):
        if turn > 2 and time.perf_counter() > end:
            break
        for name, piece in work.items():
            start = time.perf_counter()
            piece()
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}
