"""One acquisition: which pool may be asked about, the prediction of its rows, and the choice among them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import numpy as np
from starlette.responses import Response

from models.errors import InputValueError, NonFiniteOutputError
from models.prediction.acquisition.selection import Selection
from service.backends.predictor_jobs import Float32Array, Prediction, PredictJob
from service.backends.torch_acquisition import Choice, choose_at_random, choose_rows
from service.backends.torch_overflow import explain_overflow
from service.errors import InvalidRequestError
from service.handlers.noting import note
from service.handlers.pool import naming_targets, read_pool, read_targets
from service.handlers.prediction import most_samples
from service.http.exchange import Exchange
from service.http.negotiation import JSON
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.scheduling.batching import BatchResult, BatchTerms, CheckCancelled
from service.schemas.acquisition import AcquireOptions
from service.settings import Settings


@dataclass(frozen=True)
class Request:
    """A request for rows to label.

    Attributes:
        pool: Checked rows of the pool, ``(B, *shape)``.
        targets: Checked target rows, ``(T, *shape)``; ``None`` if there are no others than the pool.
        samples: Number of draws; 0 if none is made.
        client: Name of whoever asks.
    """

    served: ServedPredictor
    options: AcquireOptions
    pool: Float32Array
    targets: Float32Array | None
    samples: int
    seed: int
    client: str

    @property
    def choice(self) -> Choice:
        """The sizes of the choice among the rows."""
        outputs, rows = self.served.spec.outputs, len(self.pool)
        targets = rows if self.targets is None else len(self.targets)
        method = self.options.acquisition
        return Choice(method, outputs.task, rows, targets, self.samples, len(outputs.names))


async def answer_acquisition(
    runtime: Runtime, exchange: Exchange, served: ServedPredictor, options: AcquireOptions, targets: Any, seed: int
) -> Response:
    """Return the answer to a request for rows to label.

    Args:
        runtime: The running service.
        exchange: The admitted request, with its rows read.
        served: Model that answers.
        options: Options of the acquisition.
        targets: Target rows as they are in the body; ``None`` if there are none.
        seed: Seed of everything random.
    """
    pool = await read_pool(runtime, exchange, served)
    read_others = functools.partial(read_targets, runtime, served, targets)
    others = None if targets is None else await exchange.read_aside(read_others)
    request = Request(served, options, pool, others, _plan_samples(served, options), seed, exchange.client)
    _check(request, runtime.settings)
    result = await exchange.wait_for(_choose(runtime, request))
    if runtime.audit is not None:
        note(exchange, served, seed, request.samples)
    content = msgspec.json.encode({**served.facts, **result.result})
    response = Response(content, media_type=JSON)
    return exchange.with_times(response, result, served.facts, fresh=options.seed == "random")


def _plan_samples(served: ServedPredictor, options: AcquireOptions) -> int:
    """Return the number of draws; 0 for random rows of a model whose draws say nothing of a joint distribution.

    Raises:
        InvalidRequestError: if rows are not to be random, and the model has no draws of one outcome a row.
    """
    most, outcome = served.backend.max_samples, served.spec.outputs.outcome
    reason = ""
    if most is not None and most < 2:
        reason = "this model is a single function, so no row would tell more about it than another"
    elif served.backend.positions:
        reason = "this model answers at every step or pixel, and a row's labels are not chosen among there"
    elif outcome == "multilabel":
        reason = "this model answers yes or no for every label, and their joint distribution is not computed"
    if not reason:
        return options.samples if most is None else min(options.samples, most)
    if options.acquisition == "random":
        return 0
    raise InvalidRequestError(
        f"{reason}; allowed is acquisition=random, or another model: one with draws and one outcome a row",
        "/acquisition",
    )


def _check(request: Request, settings: Settings) -> None:
    """Refuse what is more work than a request may ask for, and targets that nothing reads."""
    options, rows = request.options, len(request.pool)
    if options.n > rows:
        raise InvalidRequestError(f"n is {options.n}; allowed are 1 to {rows}, the rows of the pool", "/n")
    if request.targets is not None and options.acquisition != "epig":
        raise InvalidRequestError("targets are for acquisition=epig; leave them out", "/targets")
    if request.samples > settings.max_draws:
        raise InvalidRequestError(f"samples is not allowed; allowed are 2 to {settings.max_draws}", "/samples")
    every = rows + (0 if request.targets is None else len(request.targets))
    outputs, weight = len(request.served.spec.outputs.names), request.served.backend.work_weight
    affordable = int(min(settings.max_work / weight, settings.max_values / outputs) / every)
    affordable = min(affordable, most_samples(request.served.backend.cost, every, settings.max_request_seconds))
    if request.samples > affordable:
        raise InvalidRequestError(
            f"{every} rows x {request.samples} samples is more work than allowed; allowed for so many rows are"
            f" {affordable} samples: send fewer rows, such as a random part of the pool",
            "/samples" if affordable > 1 else "/inputs",
        )
    if request.samples:
        _check_choice(request, settings.max_acquisition_seconds)


def _check_choice(request: Request, seconds: float) -> None:
    """Refuse a choice that is estimated to take too long, once its rows are predicted."""
    choice, n = request.choice, request.options.n
    estimate, most = choice.estimate_seconds(n), choice.most_rows(seconds)
    if estimate <= seconds:
        return
    targets = f" for {choice.targets} targets" * (choice.method == "epig")
    remedy = f"n of at most {most} of them" if most else "fewer rows or targets, such as a random part of them"
    raise InvalidRequestError(
        f"choosing {n} of {choice.rows} rows{targets} takes about {estimate:.1f} s; allowed are {seconds:g} s, so"
        f" {remedy}",
        "/n" if most else "/targets" if request.targets is not None else "/inputs",
    )


async def _choose(runtime: Runtime, request: Request) -> BatchResult[Mapping[str, Any]]:
    """Predict the pool and choose among its rows."""
    if not request.samples:
        rows = choose_at_random(len(request.pool), request.options.n, request.seed)
        return BatchResult(_entries(request) | {"rows": rows}, 0.0, 0.0)
    with runtime.acquisitions.take(request.client):
        pool = await _predict(runtime, request, request.pool)
        with naming_targets():
            targets = None if request.targets is None else await _predict(runtime, request, request.targets)
        selected = await _select(runtime, request, pool, targets)
    selection = selected.result
    if not np.isfinite([*(selection.gains or ()), *(selection.joint or ())]).all():
        _refuse_overflow(request)
    parts = [*pool, *(targets or ())]
    regression = request.served.spec.outputs.task == "regression"
    chosen = {
        "rows": selection.rows,
        "gain": selection.gains,
        "joint_information": selection.joint,
        "estimate": "gaussian" if regression else "exact" if selection.is_exact else "sampled",
    }
    times = ([getattr(part, name) for part in (*parts, selected)] for name in ("queue_seconds", "compute_seconds"))
    return BatchResult(_entries(request) | chosen, *map(math.fsum, times))


def _refuse_overflow(request: Request) -> NoReturn:
    """Raise for rows whose information is not finite, although their predictions are."""
    for rows, naming in ((request.pool, nullcontext()), (request.targets, naming_targets())):
        with naming:
            if rows is not None and (far := explain_overflow(request.served.inputs, rows)):
                raise far
    raise NonFiniteOutputError("what the rows would teach is not finite")


def _entries(request: Request) -> dict[str, Any]:
    """Return the entries of an answer that do not depend on what was chosen, and null for those that do."""
    epig, pool = request.options.acquisition == "epig", len(request.pool)
    targets = pool if request.targets is None else len(request.targets)
    return {
        "acquisition": request.options.acquisition,
        "seed": request.seed,
        "samples": request.samples or None,
        "pool": pool,
        "targets": targets if epig else None,
        "rows": [],
        "gain": None,
        "joint_information": None,
        "estimate": None,
    }


async def _predict(runtime: Runtime, request: Request, rows: Float32Array) -> list[BatchResult[Prediction]]:
    """Predict rows in parts as large as those of other requests, between which others have their turn."""
    size = min(runtime.settings.max_rows, max(1, runtime.settings.max_batch_work // request.samples))
    results = []
    for start in range(0, len(rows), size):
        job = PredictJob(rows[start : start + size], request.seed, request.samples, keep_draws=True)
        try:
            results.append(await runtime.compute(request.served, job, request.client))
        except InputValueError as error:  # which counts the rows of the part
            raise explain_overflow(request.served.inputs, rows) or error from error
        runtime.telemetry.draws.labels(request.served.manifest.name).inc(request.samples * job.size)
    return results


async def _select(
    runtime: Runtime,
    request: Request,
    pool: Sequence[BatchResult[Prediction]],
    targets: Sequence[BatchResult[Prediction]] | None,
) -> BatchResult[Selection]:
    """Choose among the rows, by turns with the acquisitions of other clients."""
    options, task = request.options, request.served.spec.outputs.task
    parts = [part.result for part in pool]
    others = None if targets is None else [part.result for part in targets]

    def run(_jobs: Sequence[None], proceed: CheckCancelled) -> list[Selection]:
        return [choose_rows(options.acquisition, task, parts, options.n, others, request.seed, proceed)]

    terms = BatchTerms(object(), len(request.pool), 1, request.choice.estimate_seconds(options.n))
    return await runtime.selections.submit(run, None, terms, client=request.client)
