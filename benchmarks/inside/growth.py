"""How the time of an answer grows: with the draws, the rows and the width of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from page import number, table

from inside.models import mlp, predictor
from inside.turns import milliseconds
from service.backends.predictor_jobs import PredictJob
from service.backends.torch_predictor import TorchPredictor

SAMPLES, ROWS, WIDTHS = (10, 50, 200, 1000), (1, 8, 64, 256), (128, 512, 2048)


def grow(turns: int) -> str:
    """Return a table of the times; all but what grows is one row, 50 draws and 512 hidden units a layer."""
    backends = {width: predictor(mlp(width, width)) for width in WIDTHS}
    usual = backends[512]
    work: Mapping[str, Mapping[int, Callable[[], object]]] = {
        "draws": {samples: answer(usual, 1, samples) for samples in SAMPLES},
        "rows": {rows: answer(usual, rows, 50) for rows in ROWS},
        "hidden units in each of two layers": {width: answer(backend, 1, 50) for width, backend in backends.items()},
    }
    lines = []
    for what, pieces in work.items():
        times = milliseconds({str(size): piece for size, piece in pieces.items()}, turns)
        first, *_, last = times
        growth = times[last] / times[first], int(last) / int(first)
        told = ", ".join(f"{size}: {number(time)}" for size, time in times.items())
        lines.append([what, told, f"{growth[0]:.1f} for {growth[1]:.0f} times as many"])
    return table(["what grows", "milliseconds of an answer", "times"], lines)


def answer(backend: TorchPredictor, rows: int, samples: int) -> Callable[[], object]:
    """Return the work of one answer."""
    job = PredictJob(torch.rand(rows, *backend.model.inputs.shape).numpy(), 0, samples)
    return lambda: backend.run([job], lambda: None)
