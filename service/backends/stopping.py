"""Draws until the error is small enough: each row of a request takes as many as it needs, and then leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.prediction.predictor import Predictor
from models.prediction.regression import Regression
from models.prediction.uncertainty import DrawSums, Uncertainty
from service.backends.predictor_jobs import Prediction, PredictJob, StopReason
from service.backends.torch_pieces import Pieces
from service.scheduling.batching import CheckCancelled

if TYPE_CHECKING:
    from service.backends.torch_predictor import TorchPredictor

FEWEST = 20
"""Draws before which no row stops: fewer estimate their own spread too badly to be stopped by it."""
_STEP, _GROWTH = 10, 4
"""A row is judged after every ten draws, later after every quarter of those that it has had."""


@dataclass(frozen=True)
class _Finished:
    """Rows that stopped together: their places in the request, their statistics, and the draws that they took."""

    places: Tensor
    summary: Uncertainty
    draws: int


def predict_until(
    backend: TorchPredictor, evaluator: Predictor | Pieces, job: PredictJob, check_cancelled: CheckCancelled
) -> Prediction:
    """Predict for a job with a tolerance.

    The draws are the first of the seed, as ever: a row that stopped after 60 has the answer of 60 samples.
    ``benchmarks/adaptive.py`` measures what stopping saves, and what it does to the answers.

    Args:
        backend: Backend of the model.
        evaluator: The model, or what evaluates it in pieces.
        job: Job whose draws need not be kept.
        check_cancelled: Called between steps.

    Raises:
        NonFiniteOutputError: if an answer is NaN or infinite.
    """
    assert job.tolerance is not None  # a caller has looked
    model, rows = backend.model, torch.from_numpy(job.rows).to(backend.device)
    left, start, reached = torch.arange(len(rows), device=rows.device), 0, True
    sums: DrawSums | None = None
    observed: dict[str, Tensor] = {}
    finished: list[_Finished] = []
    while len(left):
        if start:
            check_cancelled()
        stop = _next_stop(start, job.samples, backend.draw_block)
        block = backend.draw_block
        draws = backend.cache.draws(model.posterior, job.seed, start, stop, block) if stop else {}
        vectorise = len(left) < backend.timing.loop_from_rows
        if not start and backend.weighs_evidence:
            parts, evidence = evaluator.conditionals_and_evidence(
                rows, draws, job.aleatoric_samples, vectorise=vectorise
            )
            observed = dict(evidence)
        else:
            parts = evaluator.conditionals(
                rows[left], draws, vectorise=vectorise, aleatoric_samples=job.aleatoric_samples
            )
        for part in parts:
            sums = DrawSums.of(part) if sums is None else sums + DrawSums.of(part)
        assert sums is not None  # there was one draw at least
        start, near = stop, _is_near(sums, job.tolerance, bounded=not isinstance(model.likelihood, Regression))
        if start == job.samples:
            reached, near = bool(near.all()), torch.ones_like(near)
        if near.any():
            finished.append(_Finished(left[near], model.summarise(sums.rows(near)), start))
            left, sums = left[~near], sums.rows(~near)
    return _join(backend, job, rows, finished, observed, reached=reached)


def _next_stop(start: int, most: int, block: int) -> int:
    """Return the number of draws after which rows are judged next; draws of one block are made together."""
    step = max(FEWEST - start, _STEP, start // _GROWTH)
    return min(most, start + step, (start // block + 1) * block)


def _is_near(sums: DrawSums, tolerance: float, *, bounded: bool) -> Tensor:
    """Return for each row whether the errors of its means are below the tolerance, ``(B,)``.

    The draws so far may all agree by chance, and a rule that stops at the first small estimate picks those chances: on
    digits the answers were then 1.3 to 2 times as far off as their standard error said. So one more draw is counted in,
    as far away as a probability can lie, or three standard deviations of a target.

    Args:
        sums: Sums of the rows' draws.
        tolerance: Largest error.
        bounded: Whether means are probabilities.
    """
    if sums.draws < FEWEST:
        return torch.zeros(len(sums.mean), dtype=torch.bool, device=sums.mean.device)
    centre, variance = sums.mean / sums.draws, sums.epistemic_variance()
    farthest = torch.maximum(centre, 1 - centre).square() if bounded else 9 * variance
    error = sums.standard_error(variance + farthest / sums.draws)
    assert error is not None  # there are several draws
    return error.flatten(1).amax(1) < tolerance


def _join(
    backend: TorchPredictor,
    job: PredictJob,
    rows: Tensor,
    finished: Sequence[_Finished],
    observed: dict[str, Tensor],
    *,
    reached: bool,
) -> Prediction:
    """Return one prediction of all rows in their order."""
    order = torch.cat([one.places for one in finished]).argsort()
    names = [one.name for one in fields(Uncertainty)]
    tensors: dict[str, Any] = {n: _gather([getattr(one.summary, n) for one in finished], order) for n in names}
    summary = Uncertainty(**tensors)
    taken = np.concatenate([np.full(len(one.places), one.draws) for one in finished])[order.cpu().numpy()]
    reason: StopReason = "tolerance" if reached else "samples"
    prediction = backend.conclude(job.seed, rows, summary, observed, int(taken.max()), reason)
    return replace(prediction, row_samples=taken)


def _gather(parts: Sequence[Tensor | None], order: Tensor) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known)[order] if len(known) == len(parts) else None
