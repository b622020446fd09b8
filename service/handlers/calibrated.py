"""Outputs of a model that lives elsewhere, read from a body, and answered as a prediction of this house is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from starlette.responses import Response

from models.errors import InputShapeError
from models.guarantees.calibration import SEED
from models.prediction.outputs_form import ARRAYS, FEATURES, OutputsForm
from service.errors import InvalidRequestError
from service.handlers.instances import told_of
from service.handlers.prediction import answer_prediction
from service.http import npy, npz, request_body
from service.http.exchange import Exchange
from service.http.negotiation import JSON, NPY, NPZ, unread_type
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime
from service.schemas.prediction import AnswerOptions, PredictOptions
from service.schemas.validation import validate
from service.settings import Settings

_NAMES = (*dict.fromkeys(name for names in ARRAYS.values() for name in names), FEATURES)

Arrays = Mapping[str, NDArray[Any]]


async def answer_calibrated(runtime: Runtime, exchange: Exchange, name: str) -> Response:
    """Return the answer to outputs that a request holds.

    Args:
        runtime: The running service.
        exchange: The admitted request.
        name: Name of the calibration.

    Raises:
        CredenceError: if the outputs are not those that the calibration takes.
        ServiceError: if there is no such calibration, or the request asks for more than it may.
    """
    body = await exchange.read_body()
    arrays = await exchange.wait_for(asyncio.to_thread(_read, exchange, body, runtime.settings))
    options = validate(AnswerOptions, exchange.request.query_params, exchange.options)
    served = runtime.registry.calibration(name, options.version)
    form = served.form
    assert form is not None  # as it is a calibration
    if not isinstance(arrays, Mapping):
        arrays = {form.arrays[0]: arrays}
    _check_size(served, form, arrays, runtime.settings)
    packing = asyncio.to_thread(form.pack, arrays, served.spec.outputs)
    exchange.rows, draws = await exchange.wait_for(packing)
    asked = PredictOptions(model=name, samples=draws, **options.model_dump(exclude_unset=True))
    return await answer_prediction(runtime, exchange, served, asked, SEED)


def _read(exchange: Exchange, body: bytes, settings: Settings) -> Arrays | NDArray[Any]:
    """Return the arrays in a body by their names, and keep options beside them; of an .npy file the one it holds."""
    if exchange.content_type == JSON:
        exchange.options = request_body.parse_json(body, settings.max_json_depth)
        return {name: _numbers(name, exchange.options.pop(name)) for name in _NAMES if name in exchange.options}
    if exchange.content_type == NPY:
        return npy.array_from_npy(body)
    if exchange.content_type == NPZ:
        return npz.arrays_from_npz(body, settings.max_body_bytes)
    raise unread_type(exchange.content_type, JSON, NPZ, NPY)


def _numbers(name: str, value: object) -> NDArray[Any]:
    with told_of(name):
        numbers = request_body.numbers_from_json(value, at=f"/{name}")
    if numbers.dtype == object:
        raise InputShapeError(f"the rows of {name} differ in length; allowed are rows of one length", f"/{name}")
    return numbers


def _check_size(served: ServedPredictor, form: OutputsForm, arrays: Arrays, settings: Settings) -> None:
    """Refuse too many rows before they are made as long as all draws together."""
    most = min(settings.max_rows, max(1, settings.max_array_values // form.size(served.spec.outputs)))
    for name, array in arrays.items():
        rows = array.shape[1 if array.ndim == 3 else 0] if array.ndim else 0
        if rows > most:
            raise InvalidRequestError(f"{name} has {rows} rows; this calibration allows at most {most}", f"/{name}")
