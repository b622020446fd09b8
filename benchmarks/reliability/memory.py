"""Where memory ends, a piece of the work is halved and tried again, and the answer is the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from models.prediction.predictor import Predictor
from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, digits
from service.backends import torch_pieces
from service.runtime.runtime import Runtime

_MOST = 64
"""Rows x draws beyond which memory ends."""
_ROWS, _SAMPLES, _TOLERANCE = 16, 40, 1e-5


def end_memory() -> None:
    """The device's memory ends beyond 64 rows x draws."""
    original, original_start = Predictor.conditionals, Runtime.start
    is_ready = False

    def conditionals(self: Predictor, rows: Any, draws: Any, **options: Any) -> Iterator[Any]:
        number = max((len(tensor) for tensor in draws.values()), default=1)
        if is_ready and len(rows) * number > _MOST:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, rows, draws, **options)

    async def start(self: Runtime) -> None:
        nonlocal is_ready
        await original_start(self)
        is_ready = True

    Predictor.conditionals = conditionals  # type: ignore[method-assign]
    Runtime.start = start  # type: ignore[method-assign]


def give_up() -> None:
    """Nobody knows an error of memory."""
    vars(torch_pieces)["is_out_of_memory"] = lambda error: False


def prove(trial: Trial) -> Result:
    """Ask a service with enough memory and one with too little the same, and compare the answers."""
    asked = [{"inputs": digits(_ROWS, seed=i)} for i in range(trial.size)]
    answers = []
    for plants in ((), (end_memory,)):
        with trial.serve(*plants, backend="torch", models=(DIGITS,)) as service, service.client() as client:
            answers.append([client.post(f"/predict?samples={_SAMPLES}", json=rows) for rows in asked])
            ready = client.get("/health/ready").status_code
    statuses = [answer.status_code for answer in answers[1]]
    failed = sum(status != 200 for status in statuses)
    differences = [
        float(np.abs(np.subtract(one.json()[name], other.json()[name])).max())
        for one, other in zip(*answers, strict=True)
        for name in ("mean", "epistemic_variance")
        if one.status_code == other.status_code == 200
    ]
    worst = max(differences, default=float("inf"))
    return Result(
        f"{trial.size} requests of {_ROWS} rows x {_SAMPLES} draws",
        f"memory ends beyond {_MOST} rows x draws (injected)",
        f"{failed} failed; largest difference {worst:.0e}",
        [
            *([f"{failed} requests failed: {sorted(set(statuses))}"] if failed else []),
            *([f"an answer differs by {worst:.0e}"] if not failed and worst > _TOLERANCE else []),
            *([f"readiness was {ready}"] if ready != 200 else []),
        ],
    )


PROMISE = Promise(
    "memory",
    "Where the device's memory ends the work is halved, and the answer is equal",
    "requests",
    50,
    5,
    prove,
    (give_up,),
)
