"""Predictions with ONNX Runtime: what torch's backend does, with the draws and the usual answer evaluated by graphs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointError, NonFiniteOutputError
from models.prediction.answer_graph import AnswerGraph
from models.prediction.draws import CHUNK_BYTES, Draws
from models.prediction.graph import graph_functions, pairs
from models.prediction.graph_network import GraphNetwork
from models.prediction.joined_graph import JoinedGraph, join_graphs
from models.prediction.predictor import Predictor
from service.backends.predictor_jobs import Float64Array, Prediction, PredictJob, join
from service.backends.torch_faults import is_out_of_memory
from service.backends.torch_predictor import DrawCache, Sampler, TorchPredictor
from service.scheduling.batching import BatchTerms, CheckCancelled

_CPU = torch.device("cpu")
_CHECKED_DRAWS = 4
_TOLERANCE = 1e-3
"""Largest difference between the two ways of one answer, relative to values beyond 1: above all rounding."""


_MIXED_BYTES = 4 * 2**20
"""Bytes of the draws of one seed up to which jobs of several seeds share a batch: each brings its own."""


class OnnxPredictor(TorchPredictor):
    """A predictive model on a device, whose network is a graph.

    Args:
        model: The model; it is moved to ``device``.
        graph: Serialised graph of its network.
        device: The device that computes.
        cache: Draws of all models of the device.
        answer: Serialised graph of its answers, which the CPU alone runs; ``None`` without one.
        weighs_evidence: Whether predictions have evidence, which only a calibrated model can be judged by.

    Raises:
        CheckpointError: if ONNX Runtime does not take a graph, or that of the answers gives others than the model.
    """

    name = "onnx"

    def __init__(
        self,
        model: Predictor,
        graph: bytes,
        device: torch.device,
        cache: DrawCache,
        answer: bytes | None = None,
        *,
        weighs_evidence: bool,
    ) -> None:
        super().__init__(model, device, cache, weighs_evidence=weighs_evidence)
        if not isinstance(model.posterior.network, GraphNetwork) or device.type != "cpu":
            functions = graph_functions(graph, self.model.posterior, model.row_bytes, model.draw_bytes, device)
            self.model = self.model.with_functions(functions)
        # else an imported network is evaluated by its graph already
        self._answer: AnswerGraph | None = None
        self._joined_graph: JoinedGraph | None = None
        if answer is not None and device.type == "cpu":
            self._answer = AnswerGraph(answer, weighs_evidence=weighs_evidence)
            self._mean_first = _MeanFirst(self.model)
            content = join_graphs(graph, answer, self.model.inputs)
            self._joined_graph = None if content is None else JoinedGraph(content, weighs_evidence=weighs_evidence)
        self._mixes_seeds = False

    def warm(self, seed: int) -> None:
        """Make the default seed's first draws, and measure how long they take to evaluate."""
        super().warm(seed)
        if self._answer is not None:
            first = self.cache.draws(self._mean_first, seed, 0, 1, 1 + self.draw_block)
            small = sum(tensor.nbytes for tensor in first.values()) * self.draw_block <= _MIXED_BYTES
            by_graph = self.precision is None or self.precision.name == "float32"
            self._mixes_seeds = small and by_graph  # the network itself takes all draws for all rows

    def terms(self, job: PredictJob) -> BatchTerms:
        """Return which jobs this one may share a batch with: usual ones of any seed, if their draws are small."""
        terms = super().terms(job)
        if not self._mixes_seeds or not self._is_usual(job, job.samples):
            return terms
        own = terms.seconds + terms.batch_seconds - self.timing.batch  # every seed has its own draws to make
        key = (self, "any seed", job.samples)
        return replace(terms, key=key, seconds=own, batch_seconds=self.timing.batch)

    def release(self) -> None:
        """Drop the draws that are kept."""
        super().release()
        if self._answer is not None:
            self.cache.drop(self._mean_first)

    def sampler(self, job: PredictJob) -> Sampler:
        """Return what the draws of a job come from."""
        usual = self._answer is not None and self._is_usual(job, job.samples)
        return self._mean_first if usual else super().sampler(job)

    @torch.inference_mode()
    def run(self, jobs: Sequence[PredictJob], check_cancelled: CheckCancelled) -> list[Prediction]:
        """Predict for jobs of one key at once; each takes the first ``samples`` draws of the seed.

        Raises:
            NonFiniteOutputError: if a job's answer is NaN or infinite.
        """
        if self._answer is None or not all(self._is_usual(job, jobs[0].samples) for job in jobs):
            return super().run(jobs, check_cancelled)
        # Jobs that share a batch are short together; one that is long has a batch of its own.
        if len(jobs) > 1 or len(jobs[0].rows) <= self._rows_at_once(jobs[0].samples):
            try:
                return self._run_graphs(self._answer, jobs)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            self._make_room()
        return [self._run_in_parts(self._answer, job, check_cancelled) for job in jobs]

    def _rows_at_once(self, samples: int) -> int:
        """Return the number of rows of a piece with the mean function and so many draws."""
        one = self._row_bytes
        return max(1, one.piece // (one.shared + (1 + samples) * one.draw))

    def _run_in_parts(self, answer: AnswerGraph, job: PredictJob, check_cancelled: CheckCancelled) -> Prediction:
        """Predict some rows at a time, and half as many where memory ends."""
        most, start, parts = self._rows_at_once(job.samples), 0, []
        while start < len(job.rows):
            check_cancelled()
            try:
                parts += self._run_graphs(answer, [replace(job, rows=job.rows[start : start + most])])
                start += most
            except Exception as error:
                if not is_out_of_memory(error) or most == 1:
                    raise
                most //= 2
                self._make_room()
        return join(parts)

    def _is_usual(self, job: PredictJob, samples: int) -> bool:
        """Return whether a job is one of those of equal numbers of draws that need nothing but the answer."""
        plain = job.tolerance is None and not job.keep_draws and job.aleatoric_samples is None
        return plain and job.samples == samples and 2 <= samples <= self.draw_block

    def _run_graphs(self, answer: AnswerGraph, jobs: Sequence[PredictJob]) -> list[Prediction]:
        samples = jobs[0].samples
        rows = jobs[0].rows if len(jobs) == 1 else np.concatenate([job.rows for job in jobs])
        draws, places = self._draws(jobs)
        if self._joined_graph is not None and len(rows) * (1 + samples) * self.model.draw_bytes <= CHUNK_BYTES:
            row_of, draw_of = pairs(len(rows), 1 + samples, _CPU)
            arrays = {name: tensor.numpy() for name, tensor in draws.items()}
            draw_of = draw_of if places is None else torch.from_numpy(places.ravel())
            statistics, evidence = self._joined_graph.answer(rows, arrays, row_of.numpy(), draw_of.numpy())
        else:
            x = self.model.inputs.standardise(torch.from_numpy(rows))
            chunks, observed, features = self._evaluate(x, draws, places)
            parts = list(chunks)
            outputs = parts[0] if len(parts) == 1 else torch.cat(parts)
            statistics, evidence = answer.answer(x, outputs, observed, features)
        if not math.isfinite(sum(float(values.sum()) for values in statistics.values())):
            raise NonFiniteOutputError("the model's output is not finite")
        ends = np.cumsum([len(job.rows) for job in jobs]).tolist()
        predictions = []
        for job, end in zip(jobs, ends, strict=True):
            part = slice(end - len(job.rows), end)
            own, weighed = ({n: values[part] for n, values in named.items()} for named in (statistics, evidence))
            skew = own.pop("skew", None)
            predictions.append(Prediction(own, samples, job.seed, "fixed", weighed, skew=skew))
        return predictions

    def _draws(self, jobs: Sequence[PredictJob]) -> tuple[Draws, NDArray[np.int64] | None]:
        """Return the draws of all seeds of the jobs; if they are several, the places of each row's, ``(1 + S, B)``."""
        number = 1 + jobs[0].samples
        seeds = {job.seed: None for job in jobs}
        banks = [self.cache.draws(self._mean_first, seed, 0, number, 1 + self.draw_block) for seed in seeds]
        if len(banks) == 1:
            return banks[0], None
        first = dict(zip(seeds, range(0, number * len(banks), number), strict=True))
        starts = np.repeat([first[job.seed] for job in jobs], [len(job.rows) for job in jobs])
        draws = {name: torch.cat([bank[name] for bank in banks]) for name in banks[0]}
        return draws, starts + np.arange(number)[:, None]

    def _evaluate(
        self, x: Tensor, draws: Draws, places: NDArray[np.int64] | None
    ) -> tuple[Iterator[Tensor], Tensor, Tensor]:
        """Return the outputs of each row's draws, and what is observed of the mean function."""
        together = self.model.functions.together
        assert together is not None  # a graph of answers goes with one of pairs
        return together(x, draws) if places is None else together(x, draws, torch.from_numpy(places))

    def try_bfloat16(self, rows: Tensor, seed: int) -> None:
        """Evaluate draws in bfloat16 from now on, if that is faster here and answers move by little enough."""
        super().try_bfloat16(rows, seed)
        if self.precision is not None and self.precision.name == "bfloat16":
            self._joined_graph = None  # graphs have no such numbers on a CPU

    def check_answer(self, rows: Tensor) -> None:
        """Refuse a graph of answers that are not the model's.

        Args:
            rows: Raw rows ``(B, *shape)``.

        Raises:
            CheckpointError: if the graph answers otherwise than torch does.
        """
        job = PredictJob(rows.numpy(), 0, min(_CHECKED_DRAWS, self.draw_block))
        if self._answer is None or not self._is_usual(job, job.samples):
            return
        (by_graph,), (by_torch,) = self.run([job], _go_on), super().run([job], _go_on)
        if not (_agree(by_graph.statistics, by_torch.statistics) and _agree(by_graph.evidence, by_torch.evidence)):
            raise CheckpointError("answer.onnx does not answer as the model does: export it again")


class _MeanFirst:
    """The draws of a model with its mean function as one more before them, as a graph of pairs takes them together."""

    def __init__(self, model: Predictor) -> None:
        self._model = model

    def sample(self, seed: int, stop: int, start: int = 0) -> Draws:
        """Return the mean function and ``stop - 1`` draws; all of them are one block, which starts at 0."""
        return self._model.with_mean_function(self._model.posterior.sample(seed, stop - 1, start))


def _agree(by_graph: Mapping[str, Float64Array | None], by_torch: Mapping[str, Float64Array | None]) -> bool:
    """Return whether results are those of the same names, but for rounding."""
    return by_graph.keys() == by_torch.keys() and all(
        one is not None and other is not None and np.abs(one - other).max() <= _TOLERANCE * max(1, np.abs(other).max())
        for one, other in ((by_graph[name], by_torch[name]) for name in by_graph)
    )


def _go_on() -> None:
    """Cancel nothing."""
