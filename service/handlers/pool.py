"""Rows of a pool and target rows, read and checked as those of a prediction are."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from models.errors import InputShapeError, InputValueError
from models.specs import InputSpec
from service.backends.predictor_jobs import Float32Array
from service.errors import FieldError, InvalidRequestError
from service.handlers.inputs import decode_pictures
from service.handlers.parts import Named, read_by_name
from service.handlers.tables import check_position, read_positional
from service.http import named_rows, request_body
from service.http.exchange import Exchange
from service.http.named_arrays import NamedArrays
from service.http.named_rows import NamedRows
from service.runtime.registry import ServedPredictor
from service.runtime.runtime import Runtime


async def read_pool(runtime: Runtime, exchange: Exchange, served: ServedPredictor) -> Float32Array:
    """Return the rows of a request's body as the model takes them, ``(B, *shape)``.

    Raises:
        CredenceError: if their shape or a value is not allowed.
        InvalidRequestError: if a column, a cell or a picture is not.
    """
    rows: NDArray[Any] | Named | None = exchange.rows if exchange.named is None else exchange.named
    if rows is None:
        rows = await decode_pictures(runtime, exchange, served.inputs)
    return await exchange.read_aside(functools.partial(_check_rows, served.inputs, rows))


def read_targets(runtime: Runtime, served: ServedPredictor, value: Any) -> Float32Array:
    """Return the rows in parsed JSON as the model takes them, ``(T, *shape)``.

    Raises:
        CredenceError: as of the pool, with pointers into the targets.
        InvalidRequestError: likewise.
    """
    first, most = value, runtime.settings.max_pool_rows
    while isinstance(first, list) and first:
        first = first[0]
    with naming_targets():
        if isinstance(first, dict):
            return _check_rows(served.inputs, named_rows.rows_from_json(value, most))
        return _check_rows(served.inputs, request_body.numbers_from_json(value, most))


def _check_rows(spec: InputSpec, rows: NDArray[Any] | Named) -> Float32Array:
    if isinstance(rows, NamedRows | NamedArrays):
        return spec.check_rows(read_by_name(spec, rows, abstain=False).features)
    check_position(spec, rows)
    checked = spec.check_rows(rows)
    read_positional(spec, checked)
    return checked


@contextmanager
def naming_targets() -> Iterator[None]:
    """Name the targets in a refusal that speaks of inputs."""
    try:
        yield
    except InvalidRequestError as error:
        faults = [FieldError(_renamed(fault.pointer), _renamed(fault.detail)) for fault in error.errors]
        raise type(error)(_renamed(str(error)), _renamed(error.pointer or "/inputs"), faults) from error
    except (InputShapeError, InputValueError) as error:
        raise type(error)(_renamed(str(error)), _renamed(error.pointer)) from error


def _renamed(text: str) -> str:
    return text.replace("/inputs", "/targets").replace("inputs ", "targets ")
