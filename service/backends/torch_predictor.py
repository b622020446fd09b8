"""Predictions with torch: batches of jobs that share a model and a seed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.prediction.calibration import ood_score
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Conditionals, DrawSums
from service.backends.draw_cache import DrawCache
from service.backends.predictor_jobs import Float64Array, Prediction, PredictJob, StopReason
from service.scheduling.batching import BatchTerms, CheckCancelled

_WARM_ROWS = (1, 8, 32)
_WARM_DRAWS = 10

_UNIT_BYTES = 100_000
"""Activations of one row that make one unit of work: about LeNet's on MNIST."""

_TOLERANCE_STEP = 10
"""With a tolerance the answer is judged after every so many draws."""


class TorchPredictor:
    """A predictive model on a device.

    Args:
        model: The model; it is moved to ``device``.
        device: The device that computes.
        cache: Draws of all models of the device.

    Attributes:
        seconds_per_draw: Measured time of one draw for one row in a large batch, in seconds.
        seconds_per_batch: Measured time of the smallest batch, in seconds.
        seconds_per_block: Measured time of making one block of draws that the cache does not have, in seconds.
    """

    name = "torch"

    def __init__(self, model: Predictor, device: torch.device, cache: DrawCache) -> None:
        self.model = model.to(device)
        self.device = str(device)
        self.max_samples = model.posterior.max_samples
        self.positions = model.positions
        self.has_logit_noise = model.likelihood.sample_noise() is not None
        self.work_weight = max(1.0, model.row_bytes / _UNIT_BYTES)
        self.seconds_per_draw = self.seconds_per_batch = self.seconds_per_block = 0.0
        self.draw_block = model.draw_block
        self.cache = cache
        self.loop_from_rows = math.inf

    def warm(self, seed: int) -> None:
        """Make the default seed's draws, and measure which way of evaluating them is faster for how many rows."""
        started = time.perf_counter()
        self.cache.draws(self.model.posterior, seed, 0, 1, self.draw_block)
        self.seconds_per_block = time.perf_counter() - started
        loop_wins = []
        for rows in _WARM_ROWS:
            example = self.model.inputs.example(rows).to(self.device)
            vectorised = self._measure_seconds(example, seed, vectorise=True)
            loop = self._measure_seconds(example, seed, vectorise=False)
            loop_wins.append(loop < vectorised)
            self.seconds_per_draw = min(vectorised, loop) / (rows * _WARM_DRAWS)
            if rows == _WARM_ROWS[0]:
                self.seconds_per_batch = min(vectorised, loop)
        first = next((i for i in range(len(_WARM_ROWS)) if all(loop_wins[i:])), None)
        self.loop_from_rows = math.inf if first is None else _WARM_ROWS[first]

    def terms(self, job: PredictJob) -> BatchTerms:
        """Return which jobs this one may share a batch with, and what it costs.

        Jobs of one seed share a batch. A stopping rule looks at one request's rows, so such a job runs alone.
        """
        alone = None if job.tolerance is None else object()
        blocks = range(math.ceil(job.samples / self.draw_block))
        missing = sum(not self.cache.has(self.model.posterior, job.seed, index) for index in blocks)
        row_draws = len(job.rows) * max(job.samples, 1)
        return BatchTerms(
            key=(self, job.seed, job.samples == 0, job.aleatoric_samples, alone),
            rows=len(job.rows),
            work=row_draws * self.work_weight,
            seconds=row_draws * self.seconds_per_draw,
            batch_seconds=self.seconds_per_batch + missing * self.seconds_per_block,
        )

    @torch.inference_mode()
    def run(self, jobs: Sequence[PredictJob], check_cancelled: CheckCancelled) -> list[Prediction]:
        """Predict for jobs of one key at once; each takes the first ``samples`` draws of the seed.

        Raises:
            NonFiniteOutputError: if a job's answer is NaN or infinite.
        """
        order = sorted(range(len(jobs)), key=lambda i: -jobs[i].samples)
        predictions = _Batch(self, [jobs[i] for i in order], check_cancelled).predict()
        return [prediction for _, prediction in sorted(zip(order, predictions, strict=True), key=lambda pair: pair[0])]

    @torch.inference_mode()
    def _measure_seconds(self, rows: Tensor, seed: int, *, vectorise: bool) -> float:
        draws = self.cache.draws(self.model.posterior, seed, 0, min(_WARM_DRAWS, self.draw_block), self.draw_block)
        best = float("inf")
        for _ in range(2):  # the first one also compiles and allocates
            start = time.perf_counter()
            for conditionals in self.model.conditionals(rows, draws, vectorise=vectorise):
                float(conditionals.entropy.sum())
            best = min(best, time.perf_counter() - start)
        return best


class _Batch:
    """Jobs sorted by falling ``samples``: those that still need draws are always the first rows."""

    def __init__(self, backend: TorchPredictor, jobs: Sequence[PredictJob], check_cancelled: CheckCancelled) -> None:
        self.backend, self.model, self.jobs, self.check_cancelled = backend, backend.model, jobs, check_cancelled
        self.ends = np.cumsum([len(job.rows) for job in jobs]).tolist()
        self.rows = torch.from_numpy(np.concatenate([job.rows for job in jobs])).to(backend.device)
        self.sums: DrawSums | None = None
        self.kept: list[Conditionals] = []
        self.keep = any(job.keep_draws for job in jobs)

    def predict(self) -> list[Prediction]:
        """Return the predictions in the order of the jobs."""
        done: list[Prediction] = []
        active, start = len(self.jobs), 0
        while active:
            self.check_cancelled()
            start = self._advance(start, active)
            while active and (reason := self._stop_reason(self.jobs[active - 1], start)):
                active -= 1
                done.insert(0, self._summarise(active, start, reason))
        return done

    def _advance(self, start: int, active: int) -> int:
        """Evaluate the next draws for the active jobs; returns how many draws they have had."""
        first, last, block = self.jobs[0], self.jobs[active - 1], self.backend.draw_block
        step = _TOLERANCE_STEP if last.tolerance else block
        stop = min(last.samples, start + step, (start // block + 1) * block)
        rows = self.rows[: self.ends[active - 1]]
        if self.sums is not None:
            self.sums = self.sums.rows(slice(0, len(rows)))
        draws = self.backend.cache.draws(self.model.posterior, first.seed, start, stop, block) if stop else {}
        vectorise = len(rows) < self.backend.loop_from_rows
        for part in self.model.conditionals(
            rows, draws, vectorise=vectorise, aleatoric_samples=first.aleatoric_samples
        ):
            sums = DrawSums.of(part)
            self.sums = sums if self.sums is None else self.sums + sums
            if self.keep:
                self.kept.append(part)
        return stop

    def _stop_reason(self, job: PredictJob, draws: int) -> StopReason | None:
        """Return why a job that has had so many draws is done; ``None`` if it is not."""
        if job.tolerance is not None and self.sums is not None:
            error = self.sums.standard_error()
            if error is not None and float(error.max()) < job.tolerance:
                return "tolerance"
        if draws < job.samples:
            return None
        return "fixed" if job.tolerance is None else "samples"

    def _summarise(self, index: int, draws: int, reason: StopReason) -> Prediction:
        assert self.sums is not None  # at least one evaluation came before
        rows = slice(self.ends[index] - len(self.jobs[index].rows), self.ends[index])
        summary = self.model.summarise(self.sums.rows(rows), of_mean_function=draws == 0)
        statistics = {name: None if t is None else _array(t) for name, t in vars(summary).items()}
        score = ood_score(summary, self.model.outputs.outcome)
        unknown = None if score is None else _array(score)
        if not self.jobs[index].keep_draws:
            return Prediction(statistics, draws, reason, unknown)
        means = torch.cat([part.mean[:, rows] for part in self.kept])[: max(draws, 1)]
        variances = torch.cat([part.variance[:, rows] for part in self.kept])[: max(draws, 1)]
        return Prediction(statistics, draws, reason, unknown, _array(means), _array(variances))


def _array(tensor: Tensor) -> Float64Array:
    array: Float64Array = tensor.double().cpu().numpy()
    return array
