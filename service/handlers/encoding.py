"""Codes read off images, and images reconstructed from their codes."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from service.backends.generator_jobs import EncodeJob, Float32Array, Readings, Reconstruction, ReconstructJob
from service.errors import InvalidRequestError
from service.handlers import pictures
from service.handlers.arrays import encode_json, encode_npz
from service.handlers.generation import check_numbers
from service.handlers.inputs import read_images
from service.handlers.noting import note
from service.http.exchange import Exchange
from service.http.negotiation import JSON, NPZ, PNG
from service.runtime.registry import ServedGenerator
from service.runtime.runtime import Runtime
from service.schemas.generation import ModelChoice, ReconstructOptions
from service.schemas.validation import validate


async def answer_encoding(runtime: Runtime, exchange: Exchange, family: str) -> Response:
    """Return the codes that a family reads off the images in a request."""
    choice = validate(ModelChoice, exchange.request.query_params, exchange.options)
    served = runtime.registry.generator_supporting("encode", family, choice.model, choice.version)
    job = EncodeJob(await read_images(runtime, exchange, served))
    most = served.backend.most_images(runtime.settings.max_request_seconds)
    if job.size > most:
        raise InvalidRequestError(f"inputs has {job.size} images; allowed for this model are at most {most}", "/inputs")
    batch = await exchange.wait_for(runtime.compute(served, job, exchange.client))
    if runtime.audit is not None:
        note(exchange, served)
    content = _encode_readings(served, batch.result, exchange.media)
    return exchange.with_times(Response(content, media_type=exchange.media), batch, served.facts, fresh=False)


async def answer_reconstruction(runtime: Runtime, exchange: Exchange, family: str) -> Response:
    """Return the images in a request as their codes make them, with the two parts of their variance."""
    options = validate(ReconstructOptions, exchange.request.query_params, exchange.options)
    served = runtime.registry.generator_supporting("reconstruct", family, options.model, options.version)
    pixels = await read_images(runtime, exchange, served)
    _check_work(options, served, len(pixels), runtime)
    if exchange.media == JSON:
        check_numbers(4 * pixels.size, runtime.settings)
    job = ReconstructJob(pixels, options.samples, runtime.choose_seed(options.seed))
    batch = await exchange.wait_for(runtime.compute(served, job, exchange.client))
    runtime.telemetry.images.labels(served.manifest.name).inc(len(pixels))
    if runtime.audit is not None:
        note(exchange, served, job.seed, job.samples)
    content = await asyncio.to_thread(_encode_reconstruction, served, job, batch.result, exchange.media)
    response = Response(content, media_type=exchange.media)
    return exchange.with_times(response, batch, served.facts, fresh=options.seed == "random")


def _check_work(options: ReconstructOptions, served: ServedGenerator, rows: int, runtime: Runtime) -> None:
    """Refuse more work than a request may cost."""
    settings, samples = runtime.settings, options.samples
    if rows > settings.max_images:
        raise InvalidRequestError(f"inputs has {rows} images; allowed are at most {settings.max_images}", "/inputs")
    affordable = min(settings.max_draws, int(settings.max_work / (rows * served.backend.work_weight)))
    affordable = min(affordable, served.backend.most_images(settings.max_request_seconds) // rows)
    if samples > affordable:
        raise InvalidRequestError(
            f"samples is too large; allowed for this model and {rows} images are 0 to {affordable}", "/samples"
        )


def _encode_readings(served: ServedGenerator, readings: Readings, media: str) -> bytes:
    if media == NPZ:
        return encode_npz({**served.facts, **readings})
    return encode_json({**served.facts, "codes": readings})


def _encode_reconstruction(served: ServedGenerator, job: ReconstructJob, made: Reconstruction, media: str) -> bytes:
    facts: dict[str, Any] = {**served.facts, "seed": job.seed, "samples": job.samples}
    if media == PNG:
        return _picture(job.pixels, made, facts)
    statistics = {name: _in_units(served, name, pixels) for name, pixels in made.statistics.items()}
    if media == NPZ:
        return encode_npz({**facts, **statistics, **made.readings})
    return encode_json({**facts, "codes": made.readings, **statistics})


def _in_units(served: ServedGenerator, name: str, pixels: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return a statistic of pixels in the units of the inputs."""
    mean, scale = (np.array(part, np.float64) for part in (served.inputs.mean, served.inputs.scale))
    if pixels is None:
        return None
    return np.add(pixels * scale, mean) if name == "mean" else np.multiply(pixels, scale**2)


def _picture(given: Float32Array, made: Reconstruction, facts: dict[str, Any]) -> bytes:
    """Return a row for each image: itself, its reconstruction, and twice the deviations of noise and of doubt."""
    parts = [given, made.statistics["mean"]]
    for name in ("aleatoric_variance", "epistemic_variance"):
        variance = made.statistics[name]
        parts += [] if variance is None else [2 * np.sqrt(variance)]  # that of a pixel is at most 1/2
    names = ["input", "mean", "aleatoric deviation x 2", "epistemic deviation x 2"][: len(parts)]
    tiles = np.stack([part for part in parts if part is not None], axis=1).astype(np.float32)
    return pictures.contact_sheet(tiles.reshape(-1, *given.shape[1:]), len(parts), **facts, columns_are=names)
