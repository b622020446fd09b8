"""Plants around what executes predictive models, whichever library does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reliability.rows import MARK
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.torch_predictor import TorchPredictor
from service.scheduling.terms import BatchTerms

Run = Callable[..., Sequence[Prediction]]


def around_run(wrapper: Callable[[Run, Any, Sequence[PredictJob], Any], Sequence[Prediction]]) -> None:
    """Let a function stand around every batch: it gets the original, the backend, the jobs and the check.

    It may take longer than a batch is estimated to, so no batch is run by the event loop itself.
    """
    for backend in (TorchPredictor, OnnxPredictor):
        original: Run = backend.run
        original_terms = backend.terms

        def run(self: Any, jobs: Sequence[PredictJob], check_cancelled: Any, original: Run = original) -> Any:
            return wrapper(original, self, jobs, check_cancelled)

        def terms(self: Any, job: PredictJob, original: Callable[..., BatchTerms] = original_terms) -> BatchTerms:
            return replace(original(self, job), is_direct=False)

        backend.run, backend.terms = run, terms  # type: ignore[method-assign]


def slow_down() -> None:
    """Every batch takes 8 ms longer, so that requests wait meanwhile and share the next one."""

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        time.sleep(0.008)
        return original(backend, jobs, check)

    around_run(run)


def is_marked(job: PredictJob) -> bool:
    """Return ``True`` if a row of the job has the mark."""
    return bool((job.rows.reshape(len(job.rows), -1)[:, 0] == MARK).any())
