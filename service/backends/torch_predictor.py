"""Predictions with torch: batches of jobs that share a model and a seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.prediction.calibration import ood_score
from models.prediction.draws import Draws
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Conditionals, DrawSums
from service.backends.draw_cache import DrawBank

Float64Array = NDArray[np.float64]
StopReason = Literal["fixed", "tolerance", "samples"]

_LARGE = 5000
"""Numbers in a column, from which an answer takes milliseconds to write."""

_WARM_ROWS = (1, 8, 32)
_WARM_DRAWS = 10

_UNIT_BYTES = 100_000
"""Activations of one row that make one unit of work: about LeNet's on MNIST."""

_TOLERANCE_STEP = 10
"""With a tolerance the answer is judged after every so many draws."""


@dataclass(frozen=True)
class PredictJob:
    """One request's share of a batch.

    Attributes:
        rows: Raw and checked, ``(B, *shape)``.
        samples: Draws; 0 is the posterior's mean.
        tolerance: Stop early once the largest standard error of the mean is below this.
        keep_draws: Return each draw's mean and variance too.
        aleatoric_samples: Of a likelihood that samples its noise, the same for all jobs of a batch.
    """

    rows: NDArray[np.float32]
    samples: int
    tolerance: float | None = None
    keep_draws: bool = False
    aleatoric_samples: int | None = None


@dataclass(frozen=True)
class Prediction:
    """Statistics by their names in ``models.prediction.uncertainty.Uncertainty``; ``None`` where nothing was estimated.

    Attributes:
        ood_score: How little is known about each row, as in ``models.prediction.calibration``.
    """

    columns: dict[str, Float64Array | None]
    samples: int
    stop_reason: StopReason
    ood_score: Float64Array | None = None
    draw_means: Float64Array | None = None
    draw_variances: Float64Array | None = None

    @property
    def large(self) -> bool:
        """Whether writing the answer down takes long."""
        mean = self.columns["mean"]
        return mean is not None and mean.size > _LARGE


class TorchPredictor:
    """A predictive model on a device.

    Args:
        model: Moved to ``device``.
        bank: Shared by all models of the device.

    Attributes:
        work_weight: Work of one draw for one row; 1 for a small model.
        seconds_per_draw: Measured time of one draw for one row in a large batch.
        seconds_per_batch: Measured time of the smallest batch.
        seconds_per_block: Measured time of making one block of draws that the bank does not have.
    """

    def __init__(self, model: Predictor, device: torch.device, bank: DrawBank) -> None:
        self.model = model.to(device)
        self.device = device
        self._bank = bank
        self._loop_from_rows: int | None = None
        self.work_weight = max(1.0, model.row_bytes / _UNIT_BYTES)
        self.seconds_per_draw = self.seconds_per_batch = self.seconds_per_block = 0.0

    def warm(self, seed: int) -> None:
        """Make the default seed's draws, and measure which way of evaluating them is faster for how many rows."""
        started = time.perf_counter()
        self.draws(seed, 0, 1)
        self.seconds_per_block = time.perf_counter() - started
        loop_wins = []
        for rows in _WARM_ROWS:
            example = self.model.inputs.example(rows).to(self.device)
            vectorised = self._seconds(example, seed, vectorise=True)
            loop = self._seconds(example, seed, vectorise=False)
            loop_wins.append(loop < vectorised)
            self.seconds_per_draw = min(vectorised, loop) / (rows * _WARM_DRAWS)
            if rows == _WARM_ROWS[0]:
                self.seconds_per_batch = min(vectorised, loop)
        first = next((i for i in range(len(_WARM_ROWS)) if all(loop_wins[i:])), None)
        self._loop_from_rows = None if first is None else _WARM_ROWS[first]

    def run(self, seed: int, jobs: Sequence[PredictJob], check_cancelled: Callable[[], None]) -> list[Prediction]:
        """Predict for all jobs at once; each takes the first ``samples`` draws of the seed.

        Raises:
            NonFiniteOutputError: if a job's answer is NaN or infinite.
        """
        order = sorted(range(len(jobs)), key=lambda i: -jobs[i].samples)
        batch = _Batch(self, seed, [jobs[i] for i in order], check_cancelled)
        with torch.inference_mode():
            predictions = dict(zip(order, batch.predictions(), strict=True))
        return [predictions[i] for i in range(len(jobs))]

    def draws(self, seed: int, start: int, stop: int) -> Draws:
        """From the bank; the range must lie in one block."""
        return self._bank.draws(self.model.posterior, seed, start, stop, self.model.draw_block)

    def seconds_to_begin(self, seed: int, samples: int) -> float:
        """What a batch of this seed takes beside its rows and draws: its overhead, and draws that are to be made."""
        block = self.model.draw_block
        blocks = range(math.ceil(samples / block))
        missing = sum(not self._bank.has(self.model.posterior, seed, index) for index in blocks)
        return self.seconds_per_batch + missing * self.seconds_per_block

    def vectorise(self, rows: int) -> bool:
        """Whether to evaluate all draws as one program for this number of rows."""
        return self._loop_from_rows is None or rows < self._loop_from_rows

    @torch.inference_mode()
    def _seconds(self, rows: Tensor, seed: int, *, vectorise: bool) -> float:
        draws = self.draws(seed, 0, min(_WARM_DRAWS, self.model.draw_block))
        best = float("inf")
        for _ in range(2):  # the first one also compiles and allocates
            start = time.perf_counter()
            for conditionals in self.model.conditionals(rows, draws, vectorise=vectorise):
                float(conditionals.entropy.sum())
            best = min(best, time.perf_counter() - start)
        return best


class _Batch:
    """Jobs sorted by falling ``samples``: those that still need draws are always the first rows."""

    def __init__(
        self, engine: TorchPredictor, seed: int, jobs: Sequence[PredictJob], check_cancelled: Callable[[], None]
    ):
        self.engine, self.seed, self.jobs, self.check_cancelled = engine, seed, jobs, check_cancelled
        self.ends = np.cumsum([len(job.rows) for job in jobs]).tolist()
        rows = torch.from_numpy(np.concatenate([job.rows for job in jobs]))
        self.rows = rows.to(engine.device)
        self.sums: DrawSums | None = None
        self.kept: list[Conditionals] = []
        self.keep = any(job.keep_draws for job in jobs)

    def predictions(self) -> list[Prediction]:
        """In the order of the jobs."""
        done: dict[int, Prediction] = {}
        active, start = len(self.jobs), 0
        while active:
            start = self._advance(start, active)
            while active and (reason := self._finished(self.jobs[active - 1], start)):
                active -= 1
                done[active] = self._prediction(active, start, reason)
        return [done[i] for i in range(len(self.jobs))]

    def _advance(self, start: int, active: int) -> int:
        """Evaluate the next draws for the active jobs; returns how many draws they have had."""
        self.check_cancelled()
        block = self.engine.model.draw_block
        last = self.jobs[active - 1]
        step = _TOLERANCE_STEP if last.tolerance else block
        stop = min(last.samples, start + step, (start // block + 1) * block)
        rows = self.rows[: self.ends[active - 1]]
        if self.sums is not None:
            self.sums = self.sums.rows(slice(0, len(rows)))
        draws = self.engine.draws(self.seed, start, stop) if stop else {}
        vectorise, aleatoric = self.engine.vectorise(len(rows)), self.jobs[0].aleatoric_samples
        for part in self.engine.model.conditionals(rows, draws, vectorise=vectorise, aleatoric_samples=aleatoric):
            sums = DrawSums.of(part)
            self.sums = sums if self.sums is None else self.sums + sums
            if self.keep:
                self.kept.append(part)
        return stop

    def _finished(self, job: PredictJob, draws: int) -> StopReason | None:
        if job.tolerance is not None and self.sums is not None:
            error = self.sums.standard_error()
            if error is not None and float(error.max()) < job.tolerance:
                return "tolerance"
        if draws < job.samples:
            return None
        return "fixed" if job.tolerance is None else "samples"

    def _prediction(self, index: int, draws: int, reason: StopReason) -> Prediction:
        assert self.sums is not None  # at least one evaluation came before
        rows = slice(self.ends[index] - len(self.jobs[index].rows), self.ends[index])
        summary = self.engine.model.summarise(self.sums.rows(rows), of_mean_function=draws == 0)
        columns = {name: None if t is None else _array(t) for name, t in vars(summary).items()}
        score = ood_score(summary, self.engine.model.outputs.outcome)
        strangeness = None if score is None else _array(score)
        if not self.jobs[index].keep_draws:
            return Prediction(columns, draws, reason, strangeness)
        means = torch.cat([part.mean[:, rows] for part in self.kept])[: max(draws, 1)]
        variances = torch.cat([part.variance[:, rows] for part in self.kept])[: max(draws, 1)]
        return Prediction(columns, draws, reason, strangeness, _array(means), _array(variances))


def _array(tensor: Tensor) -> Float64Array:
    array: Float64Array = tensor.double().cpu().numpy()
    return array
