"""One prediction as a request asks for it: its work checked, its draws waited for, what it is unsure of recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.errors import LevelError
from service.backends.predictor_jobs import Prediction, PredictJob
from service.errors import InvalidRequestError
from service.handlers.answers import conformal_score, decisions
from service.http import request_body
from service.http.deadline import Deadline
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.scheduling.batching import BatchResult
from service.schemas.prediction import PredictOptions
from service.settings import Settings

_LARGE = 5000
"""Numbers in a column, from which an answer takes milliseconds to write."""


@dataclass(frozen=True)
class Predicted:
    """A prediction with what was asked.

    Attributes:
        seed: Of the draws, the server's choice included.
        fresh: Whether nobody will get these draws again unless they send the seed.
        heavy: Whether writing it down is work for a thread beside the event loop: large, or torch again.
    """

    served: ServedPredictor
    options: PredictOptions
    seed: int
    outcome: BatchResult[Prediction]

    @property
    def fresh(self) -> bool:
        return self.options.seed == "random"

    @property
    def heavy(self) -> bool:
        options = self.options
        return options.draws or options.covariance or options.interval is not None or _is_large(self.outcome.result)


async def run_prediction(
    runtime: Runtime,
    deadline: Deadline,
    served: ServedPredictor,
    options: PredictOptions,
    rows: request_body.Float32Array,
) -> Predicted:
    """Wait for the prediction of raw and checked rows.

    Raises:
        InvalidRequestError: if it is more work, or a larger answer, than a request may ask for.
    """
    seed = runtime.chosen_seed(options.seed)
    outcome = await deadline.wait_for(runtime.compute(served, _job(options, served, rows, seed, runtime.settings)))
    prediction, telemetry, name = outcome.result, runtime.telemetry, served.manifest.name
    telemetry.observe_prediction(name, prediction.samples, prediction.statistics)
    for decision in decisions(served, prediction)["decision"] or []:
        telemetry.decisions.labels(name, decision).inc()
    return Predicted(served, options, seed, outcome)


def _job(
    options: PredictOptions, served: ServedPredictor, rows: request_body.Float32Array, seed: int, settings: Settings
) -> PredictJob:
    """The work of a request, refused if it is more than a request may cost."""
    affordable = int(settings.max_work / (len(rows) * served.backend.work_weight))
    samples = min(settings.max_draws, affordable) if options.samples == "auto" else options.samples
    if served.backend.max_samples is not None:
        samples = min(samples, served.backend.max_samples)
    if not 0 <= samples <= settings.max_draws:
        raise InvalidRequestError(
            f'samples is not allowed; allowed is a whole number from 0 to {settings.max_draws}, or "auto"', "/samples"
        )
    if samples > affordable or not affordable:
        raise InvalidRequestError(
            f"{len(rows)} rows x {samples} samples is more work than allowed; allowed for this model and number of"
            f" rows are {affordable} samples",
            "/samples",
        )
    if (options.samples == "auto") != (options.tolerance is not None):
        raise InvalidRequestError('samples="auto" and tolerance go together; one of them is missing', "/tolerance")
    _check_answer_size(options, served, len(rows), max(samples, 1), settings)
    if options.interval is not None and served.spec.outputs.outcome == "multilabel":
        raise InvalidRequestError("this model answers yes or no for every label; leave interval out", "/interval")
    if options.interval is not None:
        _check_level(served, options.interval, samples)
    quantiles = options.interval is not None and served.spec.outputs.task == "regression"
    keep = options.draws or options.covariance or quantiles
    aleatoric_samples = _aleatoric_samples(options, served, settings)
    return PredictJob(rows, seed, samples, options.tolerance, keep, aleatoric_samples)


def _aleatoric_samples(options: PredictOptions, served: ServedPredictor, settings: Settings) -> int | None:
    given, place = options.aleatoric_samples, "/aleatoric_samples"
    if given is None:
        return None
    if not served.backend.has_logit_noise:
        raise InvalidRequestError("this model's likelihood samples no noise; leave aleatoric_samples out", place)
    if given > settings.max_draws:
        raise InvalidRequestError(f"aleatoric_samples is too large; allowed are 1 to {settings.max_draws}", place)
    return given


def _check_level(served: ServedPredictor, level: float, samples: int) -> None:
    try:
        conformal_score(served, level, samples)
    except LevelError as error:
        raise InvalidRequestError(str(error), "/interval") from error


def _check_answer_size(
    options: PredictOptions, served: ServedPredictor, rows: int, samples: int, settings: Settings
) -> None:
    size = served.spec.outputs.size * math.prod(served.backend.positions)
    values = max(rows * size, options.draws * samples * rows * size, options.covariance * rows * rows * size)
    if values > settings.max_values:
        raise InvalidRequestError(f"the answer would hold {values} numbers; allowed are {settings.max_values}")


def _is_large(prediction: Prediction) -> bool:
    """Return ``True`` if writing the answer down takes long."""
    mean = prediction.statistics["mean"]
    return mean is not None and mean.size > _LARGE
