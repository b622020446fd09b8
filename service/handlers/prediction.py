"""One prediction: what may be asked, the wait for its draws, and what is answered."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.protocols import Cost
from service.backends.torch_statistics import epistemic_covariance
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.abstention import decide_all, describe, spread
from service.handlers.adaptation import check_remembered, current_level
from service.handlers.arrays import encode_json, encode_npz
from service.handlers.decisions import Decisions, check_risk, decide
from service.handlers.inputs import decode_pictures
from service.handlers.noting import note
from service.handlers.parts import read_by_name
from service.handlers.ragged import end_with_rows, name_no_step_after_the_end
from service.handlers.recording import remember
from service.handlers.set_rules import find_rule
from service.handlers.sets import names_of, sets_of_level
from service.handlers.tables import TableRows, check_position, read_positional
from service.http.exchange import Exchange
from service.http.negotiation import JSON, NPZ, PNG, choose_media
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.scheduling.batching import BatchResult
from service.schemas.prediction import PredictOptions
from service.settings import Settings
from service.telemetry import Telemetry

_LEAST_SECONDS = 1e-9

_LARGE = 5000
"""Numbers in a statistic, from which an answer takes milliseconds to write."""

_MANY = 500_000
"""Numbers in the rows of a request, from which checking them takes milliseconds."""
_WIDE = {"mean", "aleatoric_variance", "epistemic_variance", "total_variance", "standard_error", "prediction_set"}
"""Statistics with a number for each class or target."""


@dataclass(frozen=True)
class Answered:
    """A request with its prediction.

    Attributes:
        job: The work, for all rows that are known.
        table: The rows of a table; ``None`` for other inputs.
        decided: Decision on each row.
        has_steps_after_an_end: ``True`` if there is an answer at every step, and a row may have fewer than others.
        current_level: Level that outcomes have adapted the one asked for to; ``None`` for sets that do not adapt.
    """

    served: ServedPredictor
    options: PredictOptions
    job: PredictJob
    batch: BatchResult[Prediction]
    table: TableRows | None
    decided: Decisions
    has_steps_after_an_end: bool
    current_level: float | None


async def answer_prediction(
    runtime: Runtime,
    exchange: Exchange,
    served: ServedPredictor,
    options: PredictOptions,
    seed: int,
    encode: Callable[[Answered, str], bytes] | None = None,
) -> Response:
    """Return the answer to a request for a prediction, as JSON, as arrays, or a segmentation as a picture.

    Args:
        runtime: The running service.
        exchange: The admitted request, with its rows read.
        served: Model that answers.
        options: Options of the prediction.
        seed: Seed of the draws.
        encode: Function that writes the answer in a type of media; ``None`` for the usual form.
    """
    media = exchange.media
    is_picture = len(served.backend.positions) >= 2
    if media == PNG and not is_picture:
        media = choose_media(exchange.accept, [JSON, NPZ])
    if media == PNG:
        _check_picture(options, served.spec.outputs.task)
    exchange.media = media
    rows: NDArray[Any] | TableRows | None = exchange.rows
    if exchange.named is not None:
        rows = read_by_name(served.spec.inputs, exchange.named, abstain=options.on_unknown == "abstain")
    elif rows is None:
        rows = await decode_pictures(runtime, exchange, served.spec.inputs)
    answered = await run_prediction(runtime, exchange, served, options, rows, seed)
    mean = answered.batch.result.statistics["mean"]
    large = mean is not None and mean.size > _LARGE
    heavy = options.draws or options.covariance or options.interval is not None or large
    encode = encode or _encode
    content = await asyncio.to_thread(encode, answered, media) if heavy else encode(answered, media)
    response = Response(content, media_type=media)
    return exchange.with_times(response, answered.batch, served.facts, fresh=options.seed == "random")


async def run_prediction(
    runtime: Runtime,
    exchange: Exchange,
    served: ServedPredictor,
    options: PredictOptions,
    rows: NDArray[Any] | TableRows,
    seed: int,
) -> Answered:
    """Wait for the prediction of raw rows, and record how unsure the model was of them.

    Raises:
        InvalidRequestError: if it is more work, or a larger answer, than a request may ask for.
    """
    spec, table = served.spec.inputs, None
    is_recorded = options.record or options.interval_method is not None
    if is_recorded:
        check_remembered(runtime, served, options)
    if isinstance(rows, TableRows):
        table = rows
        rows = table.features[table.known] if table.known.any() else spec.example().numpy()  # an answer to nobody
    elif spec.table is not None or spec.parts:
        check_position(spec, rows)
    plan = functools.partial(_plan_job, served, options, rows, seed, runtime.settings, exchange.media)
    job = plan() if rows.size <= _MANY else await asyncio.to_thread(plan)
    if table is None and spec.table is not None:
        table = read_positional(spec, job.rows)
    batch = await exchange.wait_for(runtime.compute(served, job, exchange.client))
    ragged = spec.ragged and bool(served.backend.positions)
    current = current_level(runtime, served, options) if options.interval_method else None
    decided = decide(served, options, batch.result, table)
    if table is not None:
        decided = decide_all(decided, table.known)
    if runtime.audit is not None:
        note(exchange, served, seed, batch.result.samples, decided.decisions, rows=len(job.rows))
    answered = Answered(served, options, job, batch, table, decided, ragged, current)
    _record(runtime.telemetry, answered)
    if is_recorded or runtime.settings.outcomes == "all":
        await remember(runtime, exchange, answered, durably=is_recorded)
    return answered


def _plan_job(
    served: ServedPredictor, options: PredictOptions, rows: NDArray[Any], seed: int, settings: Settings, media: str
) -> PredictJob:
    """Return the work that a request asks for; all that it may not ask for is refused here."""
    checked, backend = served.spec.inputs.check_rows(rows), served.backend
    in_time = most_samples(backend.cost, len(rows), settings.max_request_seconds, options.aleatoric_samples)
    affordable = min(int(settings.max_work / (len(rows) * backend.work_weight)), in_time)
    most = settings.max_draws if options.max_samples is None else min(options.max_samples, settings.max_draws)
    samples = min(most, affordable) if options.samples == "auto" else options.samples
    if backend.max_samples is not None:
        samples = min(samples, backend.max_samples)
    if not 0 <= samples <= settings.max_draws:
        raise InvalidRequestError(
            f'samples is not allowed; allowed is a whole number from 0 to {settings.max_draws}, or "auto"', "/samples"
        )
    if samples > affordable or not affordable:
        raise InvalidRequestError(
            f"{len(rows)} rows x {samples} samples is more work than allowed; allowed for this model and number of"
            f" rows are {affordable} samples{'' if affordable else ': send fewer rows'}",
            "/samples",
        )
    if (options.samples == "auto") != (options.tolerance is not None):
        raise InvalidRequestError('samples="auto" and tolerance go together; one of them is missing', "/tolerance")
    if options.max_samples is not None and options.samples != "auto":
        raise InvalidRequestError('max_samples goes with samples="auto" alone; leave it out', "/max_samples")
    is_wide = options.outputs is None or options.interval is not None or _WIDE.intersection(options.outputs)
    width = len(served.spec.outputs.names) if is_wide or media != JSON else 1
    column = len(rows) * width * math.prod(backend.positions)
    numbers = max(column, options.draws * max(samples, 1) * column, options.covariance * len(rows) * column)
    allowed = settings.max_values if media == JSON else settings.max_array_values
    if numbers > allowed:
        remedy = f" in JSON; name fewer outputs, or accept {NPZ}" if media == JSON else "; send fewer rows"
        raise InvalidRequestError(f"the answer would hold {numbers} numbers; allowed are {allowed}{remedy}")
    if options.outputs is not None:
        _check_outputs(served, options)
    if options.interval is not None or options.interval_for or options.interval_score:
        _check_sets(served, options, samples, seed, checked)
    if options.max_error is not None or options.max_loss is not None:
        check_risk(served, options, samples, seed)
    if options.aleatoric_samples is not None:
        _check_aleatoric_samples(served, options.aleatoric_samples, settings.max_draws)
    quantiles = options.interval is not None and served.spec.outputs.task == "regression"
    keep_draws = options.draws or options.covariance or quantiles
    return PredictJob(checked, seed, samples, options.tolerance, keep_draws, options.aleatoric_samples)


def most_samples(cost: Cost, rows: int, seconds: float, aleatoric_samples: int | None = None) -> int:
    """Return how many draws of so many rows take no longer than some seconds, all draws being new; of one row one."""
    noise = max(0, (aleatoric_samples or 0) - cost.noise_samples) * cost.noise
    each = rows * (cost.draw + noise) + cost.weights
    return max(int(rows == 1), 0, int((seconds - cost.request - rows * cost.row) / max(each, _LEAST_SECONDS)))


def _check_outputs(served: ServedPredictor, options: PredictOptions) -> None:
    """Refuse fields that this answer cannot have."""
    outcome = served.spec.outputs.outcome
    kinds = {"label": "classification", "interval": "regression", "prediction_set": "classification"}
    spec = served.spec.inputs
    if not any(part.table for part in (spec, *spec.parts.values())) and "outside" in (options.outputs or ()):
        place = f"/outputs/{(options.outputs or ()).index('outside')}"
        raise InvalidRequestError("outside is of models of tables with named columns; leave it out", place)
    for i, name in enumerate(options.outputs or ()):
        if name in kinds and outcome not in (kinds[name], "multilabel"):
            raise InvalidRequestError(f"this model is a {outcome}, which has no {name}; leave it out", f"/outputs/{i}")
        if name == "masks" and served.spec.outputs.task != "segmentation":
            raise InvalidRequestError("masks are of segmentations; leave it out", f"/outputs/{i}")
        if name in ("interval", "prediction_set", "masks") and options.interval is None:
            raise InvalidRequestError(f"{name} needs a level; give the option interval, such as 0.9", f"/outputs/{i}")


def _check_sets(served: ServedPredictor, options: PredictOptions, samples: int, seed: int, rows: NDArray[Any]) -> None:
    """Refuse sets that the calibration rows are too few for, and choices among sets where there are none to choose."""
    if options.interval is not None and options.interval_method is None:
        find_rule(served, options, options.interval, samples, seed, rows)
        return
    for name in ("interval_for", "interval_score"):
        if getattr(options, name) is not None:
            reason = "needs a level; give the option interval, such as 0.9"
            adaptive = f"does not go with interval_method={options.interval_method}; leave one out"
            raise InvalidRequestError(f"{name} {reason if options.interval is None else adaptive}", f"/{name}")


def _check_aleatoric_samples(served: ServedPredictor, samples: int, limit: int) -> None:
    pointer = "/aleatoric_samples"
    if not served.backend.has_logit_noise:
        raise InvalidRequestError("this model's likelihood samples no noise; leave aleatoric_samples out", pointer)
    if samples > limit:
        raise InvalidRequestError(f"aleatoric_samples is too large; allowed are 1 to {limit}", pointer)


def _check_picture(options: PredictOptions, task: str) -> None:
    """Refuse what a picture, of the labels, their entropy and masks, cannot show."""
    for name in ("outputs", "draws", "covariance", *(["interval"] if task == "regression" else [])):
        if getattr(options, name) not in (None, False):
            raise InvalidRequestError(f"a picture has no {name}; leave it out, or accept {JSON} or {NPZ}", f"/{name}")


def _record(telemetry: Telemetry, answered: Answered) -> None:
    """Count the draws of an answer, and record what the model was unsure of, row by row."""
    name, prediction = answered.served.manifest.name, answered.batch.result
    for decision in filter(None, answered.decided.decisions or ()):
        telemetry.decisions.labels(name, decision).inc()
    if answered.table is not None and not answered.table.known.any():
        return  # what was computed was no row of the request
    epistemic, total = prediction.statistics["epistemic_variance"], prediction.statistics["total_variance"]
    ratio = None
    if epistemic is not None and total is not None:  # of each row's summed variances
        # NaN, after the end of a sequence, is none.
        flat = [values.reshape(len(values), -1) for values in (epistemic, total)]
        doubt, all_of_it = [values.sum(1) if epistemic.ndim == 2 else np.nansum(values, 1) for values in flat]
        ratio = doubt / np.maximum(all_of_it, 1e-300)
    draws, *histograms = telemetry.of_model(name)
    taken = prediction.row_samples
    draws.inc(prediction.samples * len(answered.job.rows) if taken is None else int(taken.sum()))
    doubts = prediction.statistics["predictive_entropy"], prediction.statistics["mutual_information"], ratio
    for histogram, values in zip(histograms, doubts, strict=True):
        if values is not None:
            observe = histogram.observe
            for value in (values if values.ndim == 1 else np.nanmean(values.reshape(len(values), -1), 1)).tolist():
                observe(value)


def _encode(answered: Answered, media: str) -> bytes:
    if media == PNG:
        return _picture(answered)
    entries = statistics(answered)
    if media == NPZ:
        return encode_npz(metadata(answered) | entries)
    if answered.has_steps_after_an_end:
        entries = end_with_rows(entries, answered.job.rows)
    return encode_json(metadata(answered) | entries)


def metadata(answered: Answered) -> dict[str, Any]:
    """Return what was answered, by which model and with which draws."""
    served, prediction = answered.served, answered.batch.result
    draws = {"seed": answered.job.seed, "samples": prediction.samples, "stop_reason": prediction.stop_reason}
    return {**served.facts, **draws, **served.legend}


def statistics(answered: Answered) -> dict[str, Any]:
    """Return the statistics that the options ask for, an entry a row; ``None`` where it is not known."""
    prediction, options, outputs = answered.batch.result, answered.options, answered.served.spec.outputs
    entries: dict[str, Any] = {}
    mean = prediction.statistics["mean"]
    assert mean is not None  # every task reports it
    if outputs.task == "multilabel":
        entries["label"] = names_of(mean >= 0.5, outputs.names)
    elif outputs.task != "regression":
        entries["label"] = np.array(outputs.names)[mean.argmax(-1)]
    if answered.has_steps_after_an_end and outputs.task == "classification":
        entries["label"] = name_no_step_after_the_end(entries["label"], mean)
    decided = answered.decided
    entries |= {**prediction.statistics, "ood_score": decided.scores, "decision": decided.decisions}
    entries |= {"alarms": decided.alarms, **({"p_values": dict(decided.p_values)} if decided.p_values else {})}
    if options.outputs is not None:
        entries = {name: entry for name, entry in entries.items() if name in options.outputs}
    if prediction.row_samples is not None:
        entries["row_samples"] = prediction.row_samples
    if options.interval is not None:
        current = answered.current_level
        entries |= sets_of_level(answered.served, options, options.interval, prediction, answered.job.rows, current)
    drawn = prediction.draw_means if prediction.samples else None
    if options.draws:
        entries["draws"] = drawn
    if decided.reason and entries.get("decision", ()) is None:
        entries["decision_reason"] = decided.reason
    if options.covariance:
        entries["covariance"] = None if drawn is None else epistemic_covariance(drawn)
    if answered.table is not None:
        entries = spread(entries, answered.table.known)
        notes = describe(answered.table, names_unknown=options.on_unknown == "abstain")
        if options.outputs is not None and "outside" not in options.outputs:
            notes.pop("outside", None)
        entries |= notes
    return entries


def _picture(answered: Answered) -> bytes:
    """Return labels, their entropy and, with a level, the mask of each class side by side."""
    statistics, classes = answered.batch.result.statistics, len(answered.served.spec.outputs.names)
    mean, entropy = statistics["mean"], statistics["predictive_entropy"]
    assert mean is not None  # every task reports both
    assert entropy is not None
    notes, masks = metadata(answered), None
    if answered.served.spec.outputs.task == "regression":
        deviation = np.sqrt(answered.batch.result.variance)
        notes |= {"mean_range": pictures.ends(mean), "deviation_range": pictures.ends(deviation)}
        return pictures.maps(pictures.middle(mean, 3), pictures.middle(deviation, 3), **notes)
    if (level := answered.options.interval) is not None:
        sets = sets_of_level(answered.served, answered.options, level, answered.batch.result, answered.job.rows)
        notes |= {"interval": level, "interval_method": sets["interval_method"]}
        masks = pictures.middle(np.moveaxis(sets["masks"], 1, -1), 3)  # a picture's request names no outputs
    labels, doubt = (pictures.middle(array, 2) for array in (mean.argmax(-1), entropy / math.log(classes)))
    return pictures.segmentation(labels, doubt, classes, masks, **notes)
