"""Routes for those who run the service: health, readiness and metrics."""

from __future__ import annotations

import time

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, PlainTextResponse, Response

from service.runtime.runtime import RuntimeDep
from service.schemas.openapi import PROBLEM, UNREADY

router = APIRouter(tags=["operations"])


@router.get("/livez", include_in_schema=False)
@router.get("/health/live", summary="Is the process alive?")
async def live() -> Response:
    """Return 200 always: restart the process if there is no answer."""
    return JSONResponse({"status": "live"})


@router.get("/readyz", include_in_schema=False)
@router.get("/healthz", include_in_schema=False)
@router.get("/health/ready", summary="Is the service ready?", responses=UNREADY)
async def ready(runtime: RuntimeDep) -> Response:
    """Return 200 once every required model is loaded and warm; else, and while draining, 503 with the reason."""
    await runtime.probe()
    reason = runtime.unready_reason()
    status = {"status": "ready"} if reason is None else {"status": "not ready", "reason": reason}
    detail = {"models": len(runtime.registry.served), **runtime.store_detail()}
    return JSONResponse(status | detail, 200 if reason is None else 503)


@router.get("/health/predict", summary="Can it predict?", responses={"5XX": PROBLEM})
async def health_predict(runtime: RuntimeDep) -> Response:
    """Predict for one row, through the queue and on the device like any other request, and return the model's name.

    Made for the health check of a container: a service that answers here works. It is not counted as a prediction.
    """
    start = time.perf_counter()
    model = await runtime.predict_health()
    return JSONResponse({"model": model, "milliseconds": round(1000 * (time.perf_counter() - start), 1)})


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
async def metrics(runtime: RuntimeDep) -> Response:
    """Return all metrics in the Prometheus text format."""
    runtime.telemetry.ready.set(runtime.unready_reason() is None)
    return Response(runtime.telemetry.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
