"""POST /outcomes: what came true; GET /outcomes: what that shows of the models."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from service.handlers.outcomes import record_outcomes
from service.http.exchange import Exchange, admission
from service.http.negotiation import JSON
from service.runtime.outcomes.watch import Watch
from service.runtime.runtime import RuntimeDep
from service.schemas.openapi import accepts, answers, query
from service.schemas.outcomes import AllOutcomesAnswer, OutcomesAnswer, Recorded, ReportBody
from service.schemas.prediction import VersionChoice
from service.schemas.validation import refuse_query, validate

router = APIRouter(tags=["outcomes"])

_EXAMPLE = {"inputs": [[0] * 64], "outcomes": ["3"]}


@router.post(
    "/outcomes",
    summary="Report what came true",
    responses=answers(Recorded),
    openapi_extra=accepts(ReportBody, _EXAMPLE),
)
async def report(exchange: Annotated[Exchange, admission(JSON)], runtime: RuntimeDep) -> Response:
    """Write outcomes, all or none of them; what is answered with 200 is durable.

    They are of answers that are remembered, by request id and row (`record=true` in `POST /predict`), or of `inputs`,
    which are predicted now. Reporting the same outcome again changes nothing.
    """
    return Response(msgspec.json.encode(await record_outcomes(runtime, exchange)), media_type=JSON)


@router.get(
    "/outcomes",
    summary="List the models whose outcomes are known",
    responses=answers(AllOutcomesAnswer),
    dependencies=[Depends(refuse_query)],
)
async def all_outcomes(runtime: RuntimeDep) -> Response:
    """Return each version of a model whose outcomes are known, with their number and the state of its alarm."""
    runtime.outcomes.check_on()
    models = [
        {
            "model": name,
            "version": str(version),
            "rows": sum(stream.whole.rows for stream in watch.streams.values()),
            "alarm": watch.alarm,
        }
        for (name, version), watch in sorted(runtime.outcomes.watches.items())
    ]
    return Response(msgspec.json.encode({"models": models}), media_type=JSON)


@router.get(
    "/outcomes/{name}",
    summary="Show the live coverage, calibration and error of a model",
    responses=answers(OutcomesAnswer),
    openapi_extra=query(VersionChoice),
)
async def outcomes(name: str, request: Request, runtime: RuntimeDep) -> Response:
    """Return what the outcomes of a model show, by level and method, class and group; of the newest version."""
    runtime.outcomes.check_on()
    choice = validate(VersionChoice, request.query_params, {})
    manifest = runtime.registry.predictive(name, choice.version).manifest
    watch = runtime.outcomes.watches.get((name, manifest.version)) or Watch(name, manifest.version)
    return Response(msgspec.json.encode(watch.report()), media_type=JSON)
