"""For those who run the service: is it alive, is it ready, what did it do."""

from __future__ import annotations

import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, PlainTextResponse, Response

from service.runtime.runtime import RuntimeDep
from service.schemas.openapi import PROBLEM, UNREADY

router = APIRouter(tags=["operations"])


@router.get("/livez", include_in_schema=False)
@router.get("/health/live", summary="The event loop turns")
async def live() -> Response:
    """Always 200: restart the process if this does not answer."""
    return JSONResponse({"status": "live"})


@router.get("/readyz", include_in_schema=False)
@router.get("/healthz", include_in_schema=False)
@router.get("/health/ready", summary="Requests will be answered", responses=UNREADY)
async def ready(runtime: RuntimeDep) -> Response:
    """200 once every required model is loaded, self-tested and warm; 503 with the reason before, and when draining."""
    await runtime.probe()
    reason = runtime.unready_reason()
    status = {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
    return JSONResponse(status | {"models": len(runtime.registry.served)}, 200 if reason is None else 503)


@router.get("/health/predict", summary="A prediction was just made", responses={"5XX": PROBLEM})
async def health_predict(runtime: RuntimeDep) -> Response:
    """200 with the model that made a prediction of one row, through the queue and on the device, as any other's.

    For the health check of a container: what answers here works. It is not counted among the predictions.
    """
    start = time.perf_counter()
    model = await runtime.predict_health()
    return JSONResponse({"model": model, "milliseconds": round(1000 * (time.perf_counter() - start), 1)})


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def metrics(runtime: RuntimeDep) -> Response:
    """In the Prometheus text format."""
    runtime.telemetry.ready.set(runtime.unready_reason() is None)
    return Response(runtime.telemetry.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
