"""Refusals are made here and nowhere else: from any exception to its ``application/problem+json`` answer, counted.

Layers, handlers and routes only raise; the layer of errors and the protocol below the application call :func:`refuse`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.errors import INTERNAL, FieldError, InvalidRequestError, kind_of
from service.telemetry import Telemetry

PROBLEM_JSON = "application/problem+json"

_MOST_ERRORS = 10


class Problem(msgspec.Struct, omit_defaults=True):
    """A refusal, RFC 9457."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Meta(description="What was given, what is allowed and what to do.")]
    instance: Annotated[str, Meta(description="Id of the request, under which the log has it.")]
    code: Annotated[str, Meta(description="A word for the fault that never changes.")]
    error: Annotated[str, Meta(description="Same as `detail`, for clients of the Open Inference Protocol.")]
    errors: Annotated[list[FieldError], Meta(description="Single faults, at most ten: `pointer` and `detail`.")] = []


def refuse(error: Exception, request_id: str, telemetry: Telemetry) -> Response:
    """Return the answer to an exception, and count it by its code."""
    kind, detail = kind_of(error), _detail(error)
    telemetry.rejections.labels(kind.code).inc()
    problem = Problem(
        type=f"urn:credence:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=f"urn:credence:request:{request_id}",
        code=kind.code,
        error=detail,
        errors=_field_errors(error, detail)[:_MOST_ERRORS],
    )
    headers = dict(getattr(error, "headers", None) or {})
    return Response(msgspec.json.encode(problem), kind.status, headers, PROBLEM_JSON)


def _detail(error: Exception) -> str:
    """Return the exception's own words, unless they were not written for users."""
    if kind_of(error) is INTERNAL:
        return "an unexpected error; the log has it under this instance"
    if isinstance(error, HTTPException):
        return error.detail
    return str(error)


def _field_errors(error: Exception, detail: str) -> list[FieldError]:
    if isinstance(error, InvalidRequestError) and error.errors:
        return list(error.errors)
    pointer = getattr(error, "pointer", None)
    return [] if pointer is None else [FieldError(pointer, detail)]
