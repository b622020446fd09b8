"""POST /calibrated/{name}: the calibrated answer to outputs of a model that lives elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from service.handlers.calibrated import answer_calibrated
from service.http.exchange import Exchange, admission
from service.http.negotiation import JSON, NPY, NPZ
from service.runtime.runtime import RuntimeDep
from service.schemas.calibrated import CalibratedBody
from service.schemas.openapi import accepts, answers, query
from service.schemas.prediction import AnswerOptions, PredictAnswer

router = APIRouter(tags=["predict"])

_EXAMPLE = {"logits": [[2.0, -1.0, 0.5]], "interval": 0.9}


@router.post(
    "/calibrated/{name}",
    summary="Calibrate outputs of a model that lives elsewhere",
    responses=answers(PredictAnswer, NPZ),
    openapi_extra=query(AnswerOptions) | accepts(CalibratedBody, _EXAMPLE, NPZ, NPY),
)
async def calibrated(name: str, exchange: Annotated[Exchange, admission(JSON, NPZ)], runtime: RuntimeDep) -> Response:
    """Return for each row what `POST /predict` does, from the outputs of a model that is not here.

    They are its logits, probabilities, or means and variances, or draws of these, and what is answered is what
    `python -m training calibrate NAME --outputs FILE.npz` found of them: probabilities by a temperature, sets and
    intervals, decisions. A .npz file holds the arrays by their names; a .npy file holds the first of them.
    """
    return await answer_calibrated(runtime, exchange, name)
