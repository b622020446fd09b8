"""POST /encode/{family} and /reconstruct/{family}: what images tell of their codes, and the codes of the images."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service.backends.generator_jobs import EncodeJob, Readings, Reconstruction, ReconstructJob
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.answers import npz, to_lists
from service.handlers.generation import check_numbers, head, pixels
from service.handlers.inputs import IMAGES, read_inputs
from service.http import request_body
from service.http.deadline import Deadline
from service.http.headers import with_headers
from service.http.negotiation import JSON, NPY, NPZ, PNG, accepted, answer_type
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime, RuntimeDep
from service.schemas.generation import EncodeBody, ModelChoice, ReconstructBody, ReconstructOptions
from service.schemas.generation_answers import EncodeAnswer, ReconstructAnswer
from service.schemas.openapi import accepts, answers, query

router = APIRouter(tags=["encode"])

_EXAMPLE = {"inputs": [[0] * 64]}


@router.post(
    "/encode/{family}",
    summary="What images tell of their codes: means and variances, or probabilities",
    responses=answers(EncodeAnswer, NPZ),
    openapi_extra=query(ModelChoice) | accepts(EncodeBody, _EXAMPLE, NPY, *IMAGES),
)
async def encode(family: str, request: Request, runtime: RuntimeDep) -> Response:
    """The posterior of every part of the code that the family can read off an image."""
    runtime.require_accepting()
    media = answer_type(accepted(request), [JSON, NPZ])
    deadline = Deadline(request, runtime.settings)
    _, served, rows = await read_inputs(
        request,
        runtime,
        deadline,
        ModelChoice,
        lambda choice: runtime.registry.generator_supporting("encode", family, choice.model, choice.version),
    )
    job = EncodeJob(pixels(served, rows))
    outcome = await deadline.wait_for(runtime.compute(served, job))
    response = _encoded(served, outcome.result, media)
    return with_headers(response, outcome, fresh=False)


@router.post(
    "/reconstruct/{family}",
    summary="Images as their codes tell them, with aleatoric and epistemic variance",
    responses=answers(ReconstructAnswer, NPZ, PNG),
    openapi_extra=query(ReconstructOptions)
    | accepts(ReconstructBody, {**_EXAMPLE, "samples": 50, "seed": 0}, NPY, *IMAGES),
)
async def reconstruct(family: str, request: Request, runtime: RuntimeDep) -> Response:
    """The mean image of the codes that each image allows, and what of its variance is noise and what is doubt."""
    runtime.require_accepting()
    media = answer_type(accepted(request), [JSON, NPZ, PNG])
    deadline = Deadline(request, runtime.settings)
    options, served, rows = await read_inputs(
        request,
        runtime,
        deadline,
        ReconstructOptions,
        lambda choice: runtime.registry.generator_supporting("reconstruct", family, choice.model, choice.version),
    )
    _check_work(options, served, len(rows), runtime)
    if media == JSON:
        check_numbers(4 * rows.size, runtime.settings)
    seed = runtime.chosen_seed(options.seed)
    job = ReconstructJob(pixels(served, rows), options.samples, seed)
    outcome = await deadline.wait_for(runtime.compute(served, job))
    runtime.telemetry.images.labels(served.manifest.name).inc(len(rows))
    response = await asyncio.to_thread(_reconstructed, served, job, outcome.result, media)
    return with_headers(response, outcome, fresh=options.seed == "random")


def _check_work(options: ReconstructOptions, served: ServedGenerator, rows: int, runtime: Runtime) -> None:
    """Refuse more work than a request may cost."""
    settings, samples = runtime.settings, options.samples
    if rows > settings.max_images:
        raise InvalidRequestError(f"inputs has {rows} images; allowed are at most {settings.max_images}", "/inputs")
    affordable = min(settings.max_draws, int(settings.max_work / (rows * served.backend.work_weight)))
    if samples > affordable:
        raise InvalidRequestError(
            f"samples is too large; allowed for this model and {rows} images are 0 to {affordable}", "/samples"
        )


def _encoded(served: ServedGenerator, readings: Readings, media: str) -> Response:
    if media == NPZ:
        return Response(npz({**head(served), **readings}), media_type=NPZ)
    return Response(msgspec.json.encode({**head(served), "codes": to_lists(readings)}), media_type=JSON)


def _reconstructed(served: ServedGenerator, job: ReconstructJob, made: Reconstruction, media: str) -> Response:
    about: dict[str, Any] = {**head(served), "seed": job.seed, "samples": job.samples}
    if media == PNG:
        return Response(_picture(job.pixels, made, about), media_type=PNG)
    columns = {name: _in_units(served, name, column) for name, column in made.statistics.items()}
    if media == NPZ:
        return Response(npz({**about, **columns, **made.readings}), media_type=NPZ)
    answer = {**about, "codes": to_lists(made.readings), **to_lists(columns)}
    return Response(msgspec.json.encode(answer), media_type=JSON)


def _in_units(served: ServedGenerator, name: str, column: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Statistics of pixels in the units of the inputs."""
    mean, scale = (np.array(part, np.float64) for part in (served.inputs.mean, served.inputs.scale))
    if column is None:
        return None
    return np.add(column * scale, mean) if name == "mean" else np.multiply(column, scale**2)


def _picture(given: request_body.Float32Array, made: Reconstruction, about: dict[str, Any]) -> bytes:
    """A row an image: itself, its reconstruction, and twice the standard deviation of noise and of doubt."""
    parts = [given, made.statistics["mean"]]
    for name in ("aleatoric_variance", "epistemic_variance"):
        variance = made.statistics[name]
        parts += [] if variance is None else [2 * np.sqrt(variance)]  # that of a pixel is at most 1/2
    names = ["input", "mean", "aleatoric deviation x 2", "epistemic deviation x 2"][: len(parts)]
    tiles = np.stack([part for part in parts if part is not None], axis=1).astype(np.float32)
    return pictures.contact_sheet(tiles.reshape(-1, *given.shape[1:]), len(parts), **about, columns_are=names)
