"""GET /models: the models that are served, and those refused with the reason; one model's manifest, limits and card."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter, Depends
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.parts import unpack
from models.specs import InputSpec
from models.tables import TableSchema
from service.backends.protocols import Backend, Precision
from service.handlers.latent_codes import describe_controls
from service.http.negotiation import JSON, PNG
from service.runtime.registry import Served, ServedPredictor
from service.runtime.runtime import Runtime, RuntimeDep
from service.schemas.openapi import PROBLEM, query
from service.schemas.prediction import VersionChoice
from service.schemas.validation import refuse_query, validate
from service.settings import Settings

router = APIRouter(tags=["models"])


@router.get("/models", summary="List the models", responses={"4XX": PROBLEM}, dependencies=[Depends(refuse_query)])
async def catalogue(runtime: RuntimeDep) -> Response:
    """Return every served model with task, method and specifications, and every refused checkpoint with its reason."""
    registry = runtime.registry
    content = {
        "default": runtime.settings.default_model,
        "models": [_entry(registry.served[key]) for key in sorted(registry.served)],
        "refused": registry.refused,
    }
    return Response(msgspec.json.encode(content), media_type=JSON)


@router.get(
    "/models/{name}", summary="Describe a model", responses={"4XX": PROBLEM}, openapi_extra=query(VersionChoice)
)
async def model(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return a model's manifest, its card and the limits of a request to it; the newest version if none is named.

    `backend` says what executes it and, if there was a choice, the times that decided: of 50 draws for 1 and for 8
    rows, or of 1 and of 16 images.

    `versions` are those that answer; `pinned` is the one that does so though there may be newer ones. `refused` has
    the checkpoints of this name that do not answer, each with the reason.

    Of a model of several inputs, `inputs.parts` has each by its name, with kind, shape, mean, scale and limits.

    Of a calibration of a model that lives elsewhere, `takes` has the arrays that `route` takes, with their shapes.

    Of a table, `inputs.table` has the columns with kind, unit, categories and range, and those left out with the
    reason; `example` is a body that `POST /predict` takes.
    """
    served = _found(name, request, runtime)
    content = _entry(served) | {
        "manifest": served.manifest,
        "backend": _backend(served.backend),
        "limits": _limits(served, runtime.settings),
        "cost": asdict(served.backend.cost) if isinstance(served, ServedPredictor) else None,
        "card": served.card,
        "versions": [str(number) for number in runtime.registry.versions(name)],
        "pinned": runtime.registry.pinned.get(name),
        "refused": [one for one in runtime.registry.refused if one.name == name],
    }
    if served.inputs.table is not None:
        content["example"] = {"inputs": [_example(served.inputs)]}
    return Response(msgspec.json.encode(content), media_type=JSON)


@router.get(
    "/models/{name}/examples",
    summary="Show a few inputs to try a model with",
    responses={"4XX": PROBLEM},
    openapi_extra=query(VersionChoice),
)
async def examples(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return raw rows that the model was not trained on, as a request may send them; real images for a generator.

    ``targets`` holds the outcome of each row, a class by its name, or null where it is not kept. There are no rows if
    ``CREDENCE_SHOW_EXAMPLES`` is off. Of a table, ``records`` holds the same rows by column name; of a calibration,
    ``inputs`` holds arrays by their names. Of a model of several inputs a row is a record of them.
    """
    served = _found(name, request, runtime)
    manifest, kept = served.manifest, served.examples
    count = len(kept["inputs"]) if runtime.settings.show_examples else 0
    targets = kept["targets"][:count].tolist() if "targets" in kept else None
    if targets is not None and isinstance(served, ServedPredictor) and served.spec.outputs.task == "classification":
        targets = [served.spec.outputs.names[int(target)] for target in targets]
    rows = kept["inputs"][:count].reshape(-1, *served.inputs.shape)
    inputs: Any = rows.tolist()
    if isinstance(served, ServedPredictor) and served.form is not None:
        sent = served.form.unpack(rows, served.spec.outputs)
        inputs = {array: values.tolist() for array, values in sent.items()}
    if served.inputs.parts:
        apart = {name: values.tolist() for name, values in unpack(served.inputs, rows).items()}
        inputs = [dict(zip(apart, row, strict=True)) for row in zip(*apart.values(), strict=True)]
    content = {
        "model": manifest.name,
        "version": str(manifest.version),
        "inputs": inputs,
        "targets": targets,
    }
    if served.inputs.table is not None:
        content["records"] = [_records(served.inputs.table, row) for row in rows]
    return Response(msgspec.json.encode(content), media_type=JSON)


@router.get(
    "/models/{name}/pictures/{file}",
    summary="Show a picture of a model's card",
    responses={200: {"description": "The picture", "content": {PNG: {}}}, "4XX": PROBLEM},
    openapi_extra=query(VersionChoice),
)
async def picture(name: str, file: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return a PNG that the card of a model links to by the name of its file."""
    content = _found(name, request, runtime).pictures.get(file)
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=PNG)


_CHANGES: dict[str, Any] = {"responses": {"4XX": PROBLEM, "5XX": PROBLEM}, "openapi_extra": query(VersionChoice)}


@router.post("/models/{name}/load", summary="Load a model", **_CHANGES)
async def load(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Look for new checkpoints in the store now, serve them, and describe the version that answers from now on.

    The store is looked at every few seconds anyway (``CREDENCE_POLL_SECONDS``); this does not wait for it, and loads
    what was unloaded. With ``version`` that version answers wherever none is asked for, though there may be newer ones,
    until the model is loaded without.

    A checkpoint is read, tested and warmed beside what is served, which it takes the place of at once. One that is
    refused changes nothing: the answer is 503 with the reason, and what answered before still does.
    """
    return _described(await runtime.load(name, _version(request)))


@router.post("/models/{name}/reload", summary="Load a model again", **_CHANGES)
async def reload(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Load a model as ``load`` does, although its files may not have changed."""
    return _described(await runtime.load(name, _version(request), again=True))


@router.post("/models/{name}/unload", summary="Unload a model", **_CHANGES)
async def unload(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Serve a model, or one version of it, no more, until it is loaded again or its files are written anew.

    Requests that have begun finish on it. Its checkpoint in the store is left alone.
    """
    await runtime.unload(name, _version(request))
    versions = [str(number) for number in runtime.registry.versions(name)]
    return Response(msgspec.json.encode({"name": name, "versions": versions}), media_type=JSON)


def _described(served: Served) -> Response:
    return Response(msgspec.json.encode(_entry(served)), media_type=JSON)


def _example(inputs: InputSpec) -> Any:
    """Return a record that a model of a table takes; of sequences, one of two steps."""
    assert inputs.table is not None  # a caller has looked
    return [inputs.table.example] * min(2, inputs.shape[0]) if inputs.kind == "sequence" else inputs.table.example


def _records(table: TableSchema, row: NDArray[np.float32]) -> Any:
    """Return a row of features as a record; of a sequence, one for each of its steps."""
    return table.decode(row) if row.ndim == 2 else table.decode(row[None])[0]


def _found(name: str, request: Request, runtime: Runtime) -> Served:
    return runtime.registry.find(name, _version(request))


def _version(request: Request) -> int | None:
    return validate(VersionChoice, request.query_params, {}).version


def _entry(served: Served) -> dict[str, Any]:
    manifest = served.manifest
    entry: dict[str, Any] = {"name": manifest.name, "version": str(manifest.version), "method": manifest.method}
    if isinstance(served, ServedPredictor):
        outputs = served.spec.outputs
        entry |= {
            "task": outputs.task,
            "route": "/predict",
            "network": served.spec.network.name,
            "inputs": served.spec.inputs,
            **({"positions": served.backend.positions} if served.backend.positions else {}),
            **_takes(served),
            **_precision(served.backend.precision),
            "classes" if outputs.task == "classification" else "targets": outputs.names,
        }
    else:
        entry |= {
            "task": "generation",
            "route": f"/generate/{manifest.method}",
            "family": manifest.method,
            "shape": served.spec.images.shape,
            "operations": served.backend.operations,
            "controls": describe_controls(served.backend),
        }
    return entry | {"data": manifest.data, "figures": manifest.figures, "sha256": served.sha256}


def _takes(served: ServedPredictor) -> dict[str, Any]:
    """Return the route of a calibration, and the arrays that it takes with their shapes."""
    if served.form is None:
        return {}
    return {"route": f"/calibrated/{served.manifest.name}", "takes": served.form.describe(served.spec.outputs)}


def _backend(backend: Backend) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": backend.name, "device": backend.device}
    if (choice := backend.choice) is None:
        return facts
    times = {name: [round(1000 * one, 3) for one in seconds] for name, seconds in choice.seconds.items()}
    return facts | {"milliseconds": times, "speedup": round(choice.speedup, 2)}


def _precision(precision: Precision | None) -> dict[str, Any]:
    """Return in which numbers draws are evaluated, and the measurement that decided it; nothing if none was asked."""
    if precision is None:
        return {}
    error = None if math.isinf(precision.error) else round(precision.error, 4)
    return {"precision": {"name": precision.name, "error": error, "speedup": round(precision.speedup, 2)}}


def _rows_times_draws(served: ServedPredictor, settings: Settings) -> int:
    """Return a number of rows times draws that is allowed whichever of the two is large."""
    cost = served.backend.cost
    each = max(1e-9, cost.row + cost.draw + cost.weights)
    return max(
        1,
        int(min(settings.max_work / served.backend.work_weight, (settings.max_request_seconds - cost.request) / each)),
    )


def _limits(served: Served, settings: Settings) -> dict[str, float]:
    limits: dict[str, float] = {
        "body_bytes": settings.max_body_bytes,
        "json_bytes": min(settings.max_json_bytes, settings.max_body_bytes),
        "json_numbers": settings.max_values,
        "picture_bytes": min(settings.max_picture_bytes, settings.max_body_bytes),
        "deadline_seconds": settings.deadline_seconds,
    }
    if isinstance(served, ServedPredictor):
        form = served.form
        taken = 1 if form is None else form.size(served.spec.outputs)
        numbers = served.spec.outputs.size * math.prod(served.backend.positions)
        return limits | {
            "rows": max(1, min(settings.max_rows, settings.max_array_values // max(numbers, taken))),
            "pool_rows": settings.max_pool_rows,
            "draws": settings.max_draws if form is None else form.draws,
            "rows_times_draws": _rows_times_draws(served, settings),
            "request_seconds": settings.max_request_seconds,
            "work_weight": served.backend.work_weight,
        }
    weight = served.backend.work_weight
    return limits | {
        "images": min(settings.max_images, served.backend.most_images(settings.max_request_seconds)),
        "request_seconds": settings.max_request_seconds,
        "draws": settings.max_draws,
        "images_times_draws": int(settings.max_work / weight),
        "work_weight": weight,
    }
