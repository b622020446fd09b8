"""Every refusal in one table: an exception's class decides status, code and title.

Answers are ``application/problem+json`` (RFC 9457). They say what was given and what is allowed; they never hold
the input itself, an exception's text that was not written for users, or a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from models import errors as domain


class FieldError(msgspec.Struct):
    """One thing wrong with a request; an empty pointer is the whole body, as where it has a key that does not exist."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """A refusal by the service itself.

    Attributes:
        pointer: JSON pointer to what it is about; an option in the query is where it would be in a body.
    """

    def __init__(self, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.pointer = pointer


class ClientLeft(Exception):  # noqa: N818 - nobody is left to see it
    """The client closed its connection before its answer was ready."""


class NotJsonError(ServiceError):
    """The body is not JSON, though it says so."""


class InvalidRequestError(ServiceError):
    """Well-formed, but an option or value is not allowed.

    Attributes:
        errors: All that is wrong, the first of which is told in full; empty if that is all.
    """

    def __init__(self, detail: str, pointer: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail, pointer)
        self.errors = errors


class UnknownModelError(ServiceError):
    """No model of this name, version or family."""


class UnknownJobError(ServiceError):
    """No job of this id, or not any more."""


class TooLargeError(ServiceError):
    """The body is larger than the limit."""


class HeadTooLargeError(ServiceError):
    """The request's header lines are longer than the limit."""


class UnsupportedTypeError(ServiceError):
    """A Content-Type that this route does not read."""


class NotAcceptableError(ServiceError):
    """An Accept that this route cannot satisfy."""


class DeadlineError(ServiceError):
    """The request's time is over; its work was dropped."""


class UnavailableError(ServiceError):
    """Not now; ``retry_seconds`` says when again."""

    def __init__(self, detail: str, retry_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_seconds = retry_seconds


class OverloadedError(UnavailableError):
    """The queue is full."""


class JobsFullError(UnavailableError):
    """Too many jobs wait or run."""


class LoadingError(UnavailableError):
    """Models are still being loaded."""


class DrainingError(UnavailableError):
    """The service is about to stop."""


class RefusedModelError(UnavailableError):
    """The model's checkpoint was refused at load."""


class Kind(NamedTuple):
    """How one class of errors is answered."""

    status: int
    code: str
    title: str


KINDS: dict[type[Exception], Kind] = {
    NotJsonError: Kind(400, "not-json", "The body is not JSON"),
    UnknownModelError: Kind(404, "unknown-model", "There is no such model"),
    UnknownJobError: Kind(404, "unknown-job", "There is no such job"),
    NotAcceptableError: Kind(406, "not-acceptable", "No answer of an accepted type exists"),
    TooLargeError: Kind(413, "body-too-large", "The body is too large"),
    UnsupportedTypeError: Kind(415, "unsupported-media-type", "The body's type is not supported"),
    InvalidRequestError: Kind(422, "invalid-request", "An option or value is not allowed"),
    domain.InputShapeError: Kind(422, "wrong-shape", "The inputs have the wrong shape"),
    domain.InputValueError: Kind(422, "value-not-allowed", "An input value is not allowed"),
    domain.LevelError: Kind(422, "invalid-request", "An option or value is not allowed"),
    domain.ControlError: Kind(422, "invalid-control", "A latent control is not allowed"),
    HeadTooLargeError: Kind(431, "head-too-large", "The head of the request is too long"),
    domain.NonFiniteOutputError: Kind(500, "non-finite-output", "The model's answer is not finite"),
    OverloadedError: Kind(503, "overloaded", "The queue is full"),
    JobsFullError: Kind(503, "jobs-full", "Too many jobs"),
    LoadingError: Kind(503, "loading", "Models are being loaded"),
    DrainingError: Kind(503, "draining", "The service is about to stop"),
    RefusedModelError: Kind(503, "model-refused", "The model's checkpoint was refused"),
    DeadlineError: Kind(504, "deadline-exceeded", "The request took too long"),
}
INTERNAL = Kind(500, "internal-error", "The service failed")


class Problem(msgspec.Struct, omit_defaults=True):
    """The body of every refusal, RFC 9457 with ``code`` and ``error`` (for v2 clients) added."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    error: str
    errors: list[FieldError] = []


def kind_of(error: Exception) -> Kind:
    """The kind that answers an exception; whatever is not in the table is our own fault."""
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), INTERNAL)


def problem_of(error: Exception, request_id: str) -> Response:
    """The answer to an exception."""
    kind = kind_of(error)
    detail = "an unexpected error; the log has it under this instance" if kind is INTERNAL else str(error)
    response = problem(kind, detail, request_id, _single_errors(error, detail))
    if isinstance(error, UnavailableError):
        response.headers["Retry-After"] = str(max(1, round(error.retry_seconds)))
    return response


def _single_errors(error: Exception, detail: str) -> list[FieldError]:
    if isinstance(error, InvalidRequestError) and error.errors:
        return list(error.errors)
    pointer = getattr(error, "pointer", None)
    return [] if pointer is None else [FieldError(pointer, detail)]


def problem(kind: Kind, detail: str, request_id: str, errors: list[FieldError] | None = None) -> Response:
    """A problem+json answer with at most ten single errors."""
    body = Problem(
        type=f"urn:credence:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=f"urn:credence:request:{request_id}",
        code=kind.code,
        error=detail,
        errors=(errors or [])[:10],
    )
    return Response(msgspec.json.encode(body), kind.status, media_type="application/problem+json")


def kind_of_status(status: int) -> Kind:
    """For statuses that the framework itself gives: 404 for a path, 405 for a method."""
    phrase = HTTPStatus(status).phrase
    return Kind(status, phrase.lower().replace(" ", "-"), phrase)
