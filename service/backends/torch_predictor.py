"""Predictions with torch: batches of jobs that share a model and a seed."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor

from models.prediction.draws import Draws, count
from models.prediction.family import Family
from models.prediction.graph_network import GraphNetwork
from models.prediction.outputs import SentOutputs
from models.prediction.precision import in_bfloat16, relative_error
from models.prediction.predictor import Predictor
from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals, DrawSums, Uncertainty, without_padding
from service.backends.predictor_jobs import Float64Array, Interval, Prediction, PredictJob, StopReason
from service.backends.protocols import Choice, Cost, Precision
from service.backends.stopping import predict_until
from service.backends.torch_faults import free_memory, is_out_of_memory
from service.backends.torch_pieces import Pieces, piece_size, row_bytes
from service.backends.torch_timing import Timing, measure, race
from service.scheduling.batching import BatchTerms, CheckCancelled

_UNIT_BYTES = 100_000
"""Activations of one draw for one row that make one unit of work: about LeNet's on MNIST."""

_BESIDE = ("draw_means", "draw_variances", "draw_skews", "skew")
"""Arrays of a prediction that are no statistics of an answer."""

_NOISE_PASSES = 3
"""Passes over the samples of the noise on logits that take about as long as writing them."""

_MANY_ROWS = 256
"""Rows of a large batch, the pieces of which are measured."""

_TOLERANCE_STEP = 10
"""With a tolerance the answer is judged after every so many draws."""


class Sampler(Protocol):
    """A posterior, or another source of draws that are the same for the same seed and numbers."""

    def sample(self, seed: int, stop: int, start: int = 0) -> Draws:
        """Return draws ``start .. stop - 1`` of a seed, tensors ``(stop - start, ...)``."""


class DrawCache:
    """Blocks of draws of any posterior and seed, so that a usual request draws no random number at all.

    The least recently used block is dropped first. Any thread may use it: models are warmed beside the device's thread.

    Args:
        max_bytes: Limit on the bytes of all blocks together; one block is always kept.

    Attributes:
        blocks: The blocks that are kept, by posterior, seed and number of the block; any thread may look for one.
        bytes: Bytes of the blocks that are kept.
        halvings: Number of times that the device's memory ended, and less was tried at once.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._dropped: WeakSet[Sampler] = WeakSet()
        self.blocks: OrderedDict[tuple[Sampler, int, int], Draws] = OrderedDict()
        self.bytes = 0
        self.halvings = 0

    def draws(self, posterior: Sampler, seed: int, start: int, stop: int, block: int) -> Draws:
        """Return draws ``start .. stop - 1``, which must lie in one block of ``block`` draws."""
        index = start // block
        key = (posterior, seed, index)
        with self._lock:
            kept = self.blocks.get(key)
            if kept is not None:
                self.blocks.move_to_end(key)
        if kept is None:
            kept = posterior.sample(seed, (index + 1) * block, index * block)
            self._keep(key, kept)
        first = index * block
        return {name: tensor[start - first : stop - first] for name, tensor in kept.items()}

    def drop(self, posterior: Sampler) -> None:
        """Drop all draws of a posterior, and keep no more of them: the last requests to it may still want some."""
        with self._lock:
            self._dropped.add(posterior)
            for key in [key for key in self.blocks if key[0] is posterior]:
                self.bytes -= _bytes(self.blocks.pop(key))

    def clear(self) -> None:
        """Drop all blocks: their memory is needed."""
        with self._lock:
            self.blocks.clear()
            self.bytes = 0

    def _keep(self, key: tuple[Sampler, int, int], draws: Draws) -> None:
        with self._lock:
            if key in self.blocks or key[0] in self._dropped:  # another thread has made them meanwhile
                return
            self.blocks[key] = draws
            self.bytes += _bytes(draws)
            while self.bytes > self._max_bytes and len(self.blocks) > 1:
                _, oldest = self.blocks.popitem(last=False)
                self.bytes -= _bytes(oldest)


def _bytes(draws: Draws) -> int:
    return sum(tensor.nbytes for tensor in draws.values())


class TorchPredictor:
    """A predictive model on a device.

    Args:
        model: The model; it is moved to ``device``.
        device: The device that computes.
        cache: Draws of all models of the device.
        weighs_evidence: Whether predictions have evidence, which only a calibrated model can be judged by.
    """

    name = "torch"

    def __init__(self, model: Predictor, device: torch.device, cache: DrawCache, *, weighs_evidence: bool) -> None:
        self.model = model.to(device)
        self.weighs_evidence = weighs_evidence
        self.device = str(device)
        self.max_samples = model.posterior.max_samples
        self.positions = model.positions
        self.conformal_method = model.likelihood.conformal_method
        self.has_logit_noise = model.likelihood.sample_noise() is not None
        self.answers_steps_of_ragged_rows = model.answers_steps_of_ragged_rows
        trunk_bytes = (model.row_bytes - model.draw_bytes) / model.draw_block  # it runs once for a block of draws
        self.work_weight = max(1.0, (model.draw_bytes + trunk_bytes) / _UNIT_BYTES)
        self.draw_block = model.draw_block
        self.cache = cache
        self.timing = Timing()
        self.cost = Cost()
        noise = model.likelihood.sample_noise()
        self._noise_samples = 0 if noise is None else len(noise)
        self._noise_bytes = 0 if noise is None else _NOISE_PASSES * noise[0].nbytes * math.prod(self.positions)
        self._row_bytes = row_bytes(model, device)
        self.choice: Choice | None = None
        self.precision: Precision | None = None

    def warm(self, seed: int) -> None:
        """Make the default seed's first draws, and measure how long they take to evaluate."""
        started = time.perf_counter()
        draws = self.cache.draws(self.model.posterior, seed, 0, self.draw_block, self.draw_block)
        block_seconds = time.perf_counter() - started
        piece = piece_size(self._row_bytes, _MANY_ROWS, self._noise_samples * self._noise_bytes)
        evidence = self.weighs_evidence
        self.timing = measure(self.model, draws, torch.device(self.device), block_seconds, piece, evidence=evidence)
        timing, fixed = self.timing, self.timing.batch + self.timing.block
        each = timing.block / self.draw_block
        self.cost = Cost(fixed, timing.row, timing.draw, each, timing.noise, self._noise_samples)

    def release(self) -> None:
        """Drop the draws that are kept."""
        self.cache.drop(self.model.posterior)

    def try_bfloat16(self, rows: Tensor, seed: int) -> None:
        """Evaluate draws in bfloat16 from now on, if that is faster here and answers move by little enough.

        Args:
            rows: Raw rows ``(B, *shape)`` whose answers are compared.
            seed: Seed of their draws.
        """
        self.precision = Precision(math.inf, 0.0)
        draws = self.cache.draws(self.model.posterior, seed, 0, self.draw_block, self.draw_block)
        if count(draws) < 2 or isinstance(self.model.posterior.network, GraphNetwork | SentOutputs):
            return
        other = in_bfloat16(self.model)
        error = relative_error(self.model, other, rows.to(self.device), draws)
        exact, reduced = race([self.model, other], draws, torch.device(self.device))
        self.precision = Precision(error, math.sqrt(math.prod(exact) / math.prod(reduced)))
        if self.precision.name == "bfloat16":
            self.model = other

    def terms(self, job: PredictJob) -> BatchTerms:
        """Return which jobs this one may share a batch with, and what it costs.

        Jobs of one seed share a batch. A stopping rule looks at one request's rows, so such a job runs alone.
        """
        alone = None if job.tolerance is None else object()
        blocks, sampler = range(math.ceil(job.samples / self.draw_block)), self.sampler(job)
        missing = sum((sampler, job.seed, index) not in self.cache.blocks for index in blocks)
        rows, samples, timing = len(job.rows), max(job.samples, 1), self.timing
        noise = max(0, (job.aleatoric_samples or 0) - self._noise_samples) * timing.noise
        return BatchTerms(
            key=(self, job.seed, job.samples == 0, job.aleatoric_samples, alone),
            rows=rows,
            work=rows * samples * self.work_weight,
            seconds=rows * (timing.row + samples * (timing.draw + noise)),
            batch_seconds=timing.batch + missing * timing.block,
            is_direct=self.device == "cpu",  # another device computes while the loop does something else
        )

    def sampler(self, job: PredictJob) -> Sampler:
        """Return what the draws of a job come from."""
        return self.model.posterior

    @torch.inference_mode()
    def run(self, jobs: Sequence[PredictJob], check_cancelled: CheckCancelled) -> list[Prediction]:
        """Predict for jobs of one key at once; each takes the first ``samples`` draws of the seed.

        Raises:
            NonFiniteOutputError: if a job's answer is NaN or infinite.
        """
        order = np.argsort([-job.samples for job in jobs], kind="stable").tolist()
        ordered = [jobs[i] for i in order]
        rows = torch.from_numpy(np.concatenate([job.rows for job in ordered])).to(self.device)
        ends = np.cumsum([len(job.rows) for job in ordered]).tolist()
        noise = (jobs[0].aleatoric_samples or self._noise_samples) * self._noise_bytes
        size = piece_size(self._row_bytes, len(rows), noise)
        pieces = Pieces(self.model, check_cancelled, size, self._count_halving)
        # Jobs that share a batch are short together; one that is long has a batch of its own.
        fits = len(jobs) > 1 or (len(rows) <= size.rows and min(jobs[0].samples, self.draw_block) <= size.draws)

        def predict(model: Predictor | Pieces) -> list[Prediction]:
            if ordered[0].tolerance is not None and not ordered[0].keep_draws:  # such a job runs alone
                return [predict_until(self, model, ordered[0], check_cancelled)]
            return _Batch(self, ordered, check_cancelled, model, rows, ends).predict()

        try:
            done = predict(self.model if fits else pieces)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            done = None
        if done is None:  # what is kept for later is in the way
            self._make_room()
            done = predict(pieces)
        predictions = dict(zip(order, done, strict=True))
        return [predictions[i] for i in range(len(jobs))]

    def conclude(
        self,
        seed: int,
        rows: Tensor,
        summary: Uncertainty,
        observed: Mapping[str, Tensor],
        draws: int,
        reason: StopReason,
        **beside: Tensor | None,
    ) -> Prediction:
        """Return the statistics of rows and the evidence against them as arrays.

        Args:
            seed: Seed of the draws.
            rows: Raw rows ``(B, *shape)``.
            summary: Their statistics.
            observed: Evidence of the mean function, ``(B,)`` by its kind.
            draws: Number of draws.
            reason: Reason for this number.
            beside: Other tensors of the prediction by their names.
        """
        if self.answers_steps_of_ragged_rows:
            summary = without_padding(summary, rows)
        evidence = self.model.evidence(summary, observed) if self.weighs_evidence else {}
        tensors = {**vars(summary), **beside}
        arrays = {name: None if t is None else t.double().cpu().numpy() for name, t in tensors.items()}
        apart = {name: arrays.pop(name) for name in _BESIDE if name in arrays}
        weighed = {name: values.double().cpu().numpy() for name, values in evidence.items()}
        return Prediction(arrays, draws, seed, reason, weighed, **apart)

    def _count_halving(self) -> None:
        self.cache.halvings += 1

    def _make_room(self) -> None:
        """Give all memory back that is kept for later."""
        self._count_halving()
        self.cache.clear()
        free_memory()

    def credible_interval(self, prediction: Prediction, level: float) -> Interval:
        """Return the central interval of the mixture of a prediction's draws, ``(B, ..., D)`` each."""
        means, variances, tail = prediction.draw_means, prediction.draw_variances, (1 - level) / 2
        assert means is not None  # the job asked for them
        assert variances is not None
        mean, variance = (torch.from_numpy(array).to(self.device) for array in (means, variances))
        family = self._family(prediction.draw_skews)
        return self._ends(family.quantile(mean, variance, at) for at in (tail, 1 - tail))

    def conformal_interval(
        self, prediction: Prediction, below: Float64Array, above: Float64Array | None = None
    ) -> Interval:
        """Return the interval of the outcomes that score no higher, ``(B, ..., D)`` each."""
        mean, variance = prediction.statistics["mean"], prediction.variance
        assert mean is not None  # every task reports it
        centre, square = (torch.from_numpy(array).to(self.device) for array in (mean, variance))
        low, high = (torch.from_numpy(end).to(self.device) for end in (below, below if above is None else above))
        return self._ends(self._family(prediction.skew).around(centre, square, low, high))

    def deviation_score(
        self, mean: Float64Array, variance: Float64Array, skew: Float64Array | None, outcome: Float64Array
    ) -> float:
        """Return the score of an outcome, as calibration rows were scored; all arrays ``(D,)``."""
        known = ~np.isnan(outcome)
        values, centre, square = (torch.from_numpy(array[known]).to(self.device) for array in (outcome, mean, variance))
        family = self._family(None if skew is None else skew[known])
        return float(family.deviations(values, centre, square).max())

    def _family(self, skew: Float64Array | None) -> Family:
        assert isinstance(self.model.likelihood, Regression)  # only a regression has intervals
        return self.model.likelihood.family(None if skew is None else torch.from_numpy(skew).to(self.device))

    @staticmethod
    @torch.inference_mode()
    def _ends(tensors: Iterable[Tensor]) -> Interval:
        lower, upper = (tensor.cpu().numpy() for tensor in tensors)
        return lower, upper


@dataclass
class _Batch:
    """Jobs sorted by falling ``samples``: those that still need draws are always the first rows.

    Attributes:
        model: The model, or what evaluates it in pieces.
        rows: Raw rows of all jobs, ``(B, *shape)``, on the device.
        ends: Number of rows up to each job's last.
        sums: Sums over the draws so far, of the rows that still need some.
        kept: The draws so far, if a job wants them.
        observed: Evidence of the posterior's mean function for all rows.
    """

    backend: TorchPredictor
    jobs: Sequence[PredictJob]
    check_cancelled: CheckCancelled
    model: Predictor | Pieces
    rows: Tensor
    ends: Sequence[int]
    sums: DrawSums | None = None
    kept: list[Conditionals] = field(default_factory=list)
    observed: Mapping[str, Tensor] = field(default_factory=dict)

    def predict(self) -> list[Prediction]:
        """Return the predictions in the order of the jobs."""
        done: list[Prediction] = []
        active, start = len(self.jobs), 0
        while active:
            if start:  # a batch that has just begun was checked by the queue
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
        draws = self.backend.cache.draws(self.backend.model.posterior, first.seed, start, stop, block) if stop else {}
        model, vectorise = self.model, len(rows) < self.backend.timing.loop_from_rows
        noise = first.aleatoric_samples
        if self.sums is None and self.backend.weighs_evidence:  # that of all rows comes with the first draws
            parts, self.observed = model.conditionals_and_evidence(rows, draws, noise, vectorise=vectorise)
        else:
            parts = model.conditionals(rows, draws, vectorise=vectorise, aleatoric_samples=noise)
        for part in parts:
            sums = DrawSums.of(part)
            self.sums = sums if self.sums is None else self.sums + sums
            if any(job.keep_draws for job in self.jobs):
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
        model = self.backend.model
        summary = model.summarise(self.sums if len(self.jobs) == 1 else self.sums.rows(rows))
        observed = {name: values[rows] for name, values in self.observed.items()}
        tensors: dict[str, Tensor | None] = {}
        if self.jobs[index].keep_draws:
            tensors["draw_means"] = torch.cat([part.mean[:, rows] for part in self.kept])[: max(draws, 1)]
            tensors["draw_variances"] = torch.cat([part.variance[:, rows] for part in self.kept])[: max(draws, 1)]
            skews = [part.skew[:, rows] for part in self.kept if part.skew is not None]
            tensors["draw_skews"] = torch.cat(skews)[: max(draws, 1)] if skews else None
            if self.backend.answers_steps_of_ragged_rows:
                ended = self.rows[rows].isnan().any(-1, keepdim=True)
                tensors |= {n: t.masked_fill(ended, torch.nan) for n, t in tensors.items() if t is not None}
        return self.backend.conclude(
            self.jobs[index].seed, self.rows[rows], summary, observed, draws, reason, **tensors
        )
