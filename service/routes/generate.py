"""POST and GET /generate/{family}: images under latent-code control, and what can be controlled."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from models.errors import ControlError
from models.noise import SEED_LIMIT
from service import bodies, pictures
from service.backends.torch_generator import Generation, GenerationJob
from service.errors import InvalidRequestError, UnsupportedTypeError
from service.negotiation import JSON, NPY, PNG, answer_type
from service.registry import ServedGenerator
from service.routes.documented import PROBLEM, accepts, answers, query
from service.routes.predict import chosen_seed, timing_headers
from service.schemas import GenerateAnswer, GenerateBody, validate
from service.serving import Deadline, ServingDep
from service.settings import Settings

router = APIRouter(tags=["generate"])

_SPECIAL = ("z", "w", "truncation_psi", "resolution", "fade_alpha")
"""Controls that have a field of their own in the body; a family has them or not."""

_SEED_CHARACTERS = 50
"""Of one item in a text of seeds, at most."""

_MOST_NOISE = 4096
"""Numbers in one noise vector, at most."""

_SEED_RANGE = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?")


@router.get(
    "/generate/{family}",
    summary="What can be controlled: every control with kind, range and meaning",
    responses={"4XX": PROBLEM, "5XX": PROBLEM},
)
async def latent_specification(
    family: str, serving: ServingDep, model: str | None = None, version: int | None = None
) -> Response:
    """The controls of a family's latent code."""
    serving.require_accepting()
    served = serving.registry.generator(family, model, version)
    specification = {
        "model": served.manifest.name,
        "version": str(served.manifest.version),
        "family": served.manifest.method,
        "shape": served.spec.images.shape,
        "controls": served.engine.model.controls,
    }
    return Response(msgspec.json.encode(specification), media_type=JSON)


@router.post(
    "/generate/{family}",
    summary="Images of a generative model, under control of its latent code",
    responses=answers(GenerateAnswer, PNG, NPY),
    openapi_extra=query(GenerateBody) | accepts(GenerateBody, {"n": 10, "seed": 3}),
)
async def generate(family: str, request: Request, serving: ServingDep) -> Response:
    """Images: each one a function of its own seed and the given codes, and of nothing else."""
    serving.require_accepting()
    deadline = Deadline(request, serving.settings)
    media = answer_type(request.headers.get("accept"), [JSON, PNG, NPY])
    if bodies.media_type(request) != JSON:
        raise UnsupportedTypeError(f"the body's Content-Type is not read here; allowed is {JSON}")
    body = await deadline.read_body(serving.settings.max_body_bytes)
    content = bodies.parse_json(body, serving.settings.max_json_depth) if body else {}
    _check_sizes(content, serving.settings)
    options = validate(GenerateBody, request.query_params, content)
    served = serving.registry.generator(family, options.model, options.version)
    seeds = _seeds(options, serving.settings)
    if options.layout == "grid" and options.format != "png":
        raise InvalidRequestError('layout "grid" is a picture; allowed is format "png"', "/layout")
    job = GenerationJob(seeds, served.engine.model.overrides(_codes(options, served), len(seeds)))
    outcome = await deadline.wait_for(serving.generate(served, job))
    serving.telemetry.images.labels(served.manifest.name).inc(len(seeds))
    response = await asyncio.to_thread(_answer, served, options, seeds, outcome.result, media)
    response.headers.update(timing_headers(outcome.queue_seconds, outcome.compute_seconds))
    if options.seed == "random":
        response.headers["Cache-Control"] = "no-store"
    return response


def _check_sizes(content: Mapping[str, Any], settings: Settings) -> None:
    """Refuse lists that are longer than any request needs, before each item is looked at."""
    limit = settings.max_images
    codes = content.get("codes")
    per_image = codes.values() if isinstance(codes, dict) else ()
    for given in (codes, content.get("seeds"), content.get("z"), *per_image):
        sized = isinstance(given, list | dict)
        if sized and len(given) > max(limit, bodies.MOST_KEYS, _MOST_NOISE * (given is content.get("z"))):
            raise InvalidRequestError(f"a list of {len(given)} items is too long; allowed are 1 to {limit} images")
    if isinstance(content.get("seeds"), str) and len(content["seeds"]) > _SEED_CHARACTERS * limit:
        raise InvalidRequestError(f"seeds asks for too many images; allowed are 1 to {limit}", "/seeds")


def _seeds(options: GenerateBody, settings: Settings) -> list[int]:
    """One seed an image.

    Raises:
        InvalidRequestError: if ``n``, ``seed`` and ``seeds`` contradict each other or ask for too many images.
    """
    if options.seeds is not None:
        if options.seed is not None:
            raise InvalidRequestError("seed and seeds are both given; allowed is one of them", "/seeds")
        seeds = _listed_seeds(options.seeds, settings.max_images)
        if options.n not in (None, len(seeds)):
            raise InvalidRequestError(f"n is not the number of seeds, {len(seeds)}; leave it out", "/n")
        return seeds
    n = options.n or 1
    if n > settings.max_images:
        raise InvalidRequestError(f"n is too large; allowed are 1 to {settings.max_images} images", "/n")
    first = chosen_seed(options.seed, settings)
    return [(first + i) % SEED_LIMIT for i in range(n)]


def _listed_seeds(given: str | list[int], limit: int) -> list[int]:
    seeds: list[int] = []
    for part in given.split(",") if isinstance(given, str) else given:
        match = _SEED_RANGE.fullmatch(str(part).strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < SEED_LIMIT:
            raise InvalidRequestError('seeds is not a list of seeds, or text as "0,4-6"', "/seeds")
        if last - first >= limit - len(seeds):
            raise InvalidRequestError(f"seeds asks for too many images; allowed are 1 to {limit}", "/seeds")
        seeds += range(first, last + 1)
    if not seeds:
        raise InvalidRequestError("seeds is empty; allowed is at least one", "/seeds")
    return seeds


def _codes(options: GenerateBody, served: ServedGenerator) -> dict[str, Any]:
    """Every control that the request sets, by name; what the family does not have is refused."""
    names = [control.name for control in served.engine.model.controls]
    codes: dict[str, Any] = dict(options.codes)
    for name in _SPECIAL:
        value = getattr(options, name)
        if value is None:
            continue
        if name not in names:
            raise ControlError(f"{served.manifest.method} has no {name}; its controls are: {', '.join(names)}")
        codes[name] = value
    return codes


def _answer(
    served: ServedGenerator,
    options: GenerateBody,
    seeds: list[int],
    generation: Generation,
    media: str,
) -> Response:
    images = generation.images
    codes = {
        control.name: generation.latents[control.name].tolist()
        for control in served.engine.model.controls
        if control.kind != "vector"
    }
    notes = {"model": served.manifest.name, "version": served.manifest.version, "seeds": seeds, "codes": codes}
    if media == PNG:
        return Response(pictures.contact_sheet(images, **notes), media_type=PNG)
    if media == NPY:
        return Response(_npy(images), media_type=NPY)
    answer = {
        "model": served.manifest.name,
        "version": str(served.manifest.version),
        "family": served.manifest.method,
        "seeds": seeds,
        "codes": codes,
        "format": options.format,
        "images": _images(options, images, notes),
    }
    return Response(msgspec.json.encode(answer), media_type=JSON)


def _images(options: GenerateBody, images: NDArray[np.float32], notes: dict[str, Any]) -> list[Any]:
    if options.format == "json":
        listed: list[Any] = images.tolist()
        return listed
    if options.format == "npy":
        return [base64.b64encode(_npy(image)).decode() for image in images]
    files = [pictures.contact_sheet(images, **notes)] if options.layout == "grid" else map(pictures.png, images)
    return [base64.b64encode(file).decode() for file in files]


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
