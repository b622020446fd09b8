"""Every way in which the service refuses, and one table that gives each its status, code and title.

A refusal says what was given, what is allowed and what to do. It never repeats the input itself, a path, or the text
of an exception that was not written for users; with one exception: at most 40 characters of a table's cell, or of a
column's name, that cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from starlette.exceptions import HTTPException

from models import errors as domain


class FieldError(msgspec.Struct):
    """One fault of a request; an empty pointer is the whole body, as when it holds a key that does not exist."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """A refusal by the service itself.

    Attributes:
        pointer: JSON pointer to the fault; an option in the query is pointed to as if it stood in the body.
        headers: Header lines of the answer.
    """

    def __init__(self, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.headers: Mapping[str, str] = {}


class ClientLeft(Exception):  # noqa: N818 - nobody is left to see it
    """The client closed its connection before its answer was ready."""


class NotJsonError(ServiceError):
    """The body is not JSON, although its Content-Type says so."""


class InvalidRequestError(ServiceError):
    """The request is well-formed, but an option or a value is not allowed.

    Attributes:
        errors: All faults, the first being the one in the detail; empty if that is the only one.
    """

    def __init__(self, detail: str, pointer: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail, pointer)
        self.errors = errors


class InvalidRowsError(InvalidRequestError):
    """Columns or cells of rows by name cannot be used."""


class UnknownModelError(ServiceError):
    """No model of this name, version or family exists."""


class StorePinnedError(ServiceError):
    """The operator has turned off that the store is looked at while the service runs."""


class OutcomesOffError(ServiceError):
    """The operator has turned off that outcomes are recorded."""


class UnknownJobError(ServiceError):
    """No job has this id, or it is no longer kept."""


class BadEncodingError(ServiceError):
    """The body is not what its Content-Encoding says."""


class UnknownKeyError(ServiceError):
    """The request has no key, or not one that opens anything.

    Args:
        detail: Sentence on what was given, what is allowed and what to do.
        given: ``True`` if there was a key.
    """

    def __init__(self, detail: str, *, given: bool = False) -> None:
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": 'Bearer realm="credence"' + ', error="invalid_token"' * given}


class MissingScopeError(ServiceError):
    """The key may not do this.

    Args:
        detail: Sentence on what was given, what is allowed and what to do.
        needed: Scopes any one of which would be enough.
    """

    def __init__(self, detail: str, needed: Sequence[str]) -> None:
        super().__init__(detail)
        challenge = f'Bearer realm="credence", error="insufficient_scope", scope="{" ".join(needed)}"'
        self.headers = {"WWW-Authenticate": challenge}


class TooLargeError(ServiceError):
    """The body is larger than the limit."""


class HeadTooLargeError(ServiceError):
    """The request's address and header lines are longer than the limit."""


class UnsupportedTypeError(ServiceError):
    """The route does not read a body of this Content-Type."""


class NotAcceptableError(ServiceError):
    """The route has no answer of a type that the request accepts."""


class DeadlineError(ServiceError):
    """The request's time is over; its work was dropped."""


class NotOfferedError(ServiceError):
    """The service does not have what a protocol has."""


class UnavailableError(ServiceError):
    """The service cannot take the request now.

    Attributes:
        retry_seconds: Seconds after which it is worth trying again.
    """

    def __init__(self, detail: str, retry_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_seconds = retry_seconds
        self.headers = {"Retry-After": str(max(1, round(retry_seconds)))}


class TooManyRequestsError(UnavailableError):
    """The client has sent more requests than its rate allows."""


class OverloadedError(UnavailableError):
    """The queue is full."""


class JobsFullError(UnavailableError):
    """Too many jobs are waiting or running."""


class LoadingError(UnavailableError):
    """Models are still being loaded."""


class DrainingError(UnavailableError):
    """The service is about to stop."""


class OutOfMemoryError(UnavailableError):
    """The device has too little memory, even for a part of the work."""


class DeviceLostError(UnavailableError):
    """The device computes nothing any more until the process starts again."""


class OutcomesUnavailableError(UnavailableError):
    """The database of answers and outcomes cannot be used."""


class JobsUnavailableError(UnavailableError):
    """The database of jobs cannot be used."""


class KeysUnavailableError(UnavailableError):
    """The keys cannot be read."""


class AuditUnavailableError(UnavailableError):
    """The audit cannot be written."""


class StoreUnavailableError(UnavailableError):
    """The store cannot be read, so it is not known which version is the newest."""


class NoReplicaError(UnavailableError):
    """No replica of the service could answer: there is none at the moment, or each died with the request."""


class RefusedModelError(UnavailableError):
    """The model's checkpoint was refused when it was loaded."""


class Kind(NamedTuple):
    """The answer to one class of errors: HTTP status, a code that never changes, and a title."""

    status: int
    code: str
    title: str


KINDS: dict[type[Exception], Kind] = {
    NotJsonError: Kind(400, "not-json", "The body is not JSON"),
    BadEncodingError: Kind(400, "bad-content-encoding", "The body is not what its Content-Encoding says"),
    UnknownKeyError: Kind(401, "unauthorized", "A key is needed"),
    MissingScopeError: Kind(403, "missing-scope", "The key has no scope for this"),
    StorePinnedError: Kind(403, "store-pinned", "New checkpoints are not looked for"),
    OutcomesOffError: Kind(403, "outcomes-off", "Outcomes are not recorded"),
    UnknownModelError: Kind(404, "unknown-model", "There is no such model"),
    UnknownJobError: Kind(404, "unknown-job", "There is no such job"),
    NotAcceptableError: Kind(406, "not-acceptable", "No answer of an accepted type exists"),
    TooLargeError: Kind(413, "body-too-large", "The body is too large"),
    UnsupportedTypeError: Kind(415, "unsupported-media-type", "The body's type is not supported"),
    InvalidRequestError: Kind(422, "invalid-request", "An option or value is not allowed"),
    InvalidRowsError: Kind(422, "rows-not-allowed", "Columns or cells of the rows are not allowed"),
    domain.InputShapeError: Kind(422, "wrong-shape", "The inputs have the wrong shape"),
    domain.InputValueError: Kind(422, "value-not-allowed", "An input value is not allowed"),
    domain.LevelError: Kind(422, "invalid-request", "An option or value is not allowed"),
    domain.ControlError: Kind(422, "invalid-control", "A latent control is not allowed"),
    HeadTooLargeError: Kind(431, "head-too-large", "The head of the request is too long"),
    TooManyRequestsError: Kind(429, "too-many-requests", "The rate is exceeded"),
    domain.NonFiniteOutputError: Kind(500, "non-finite-output", "The model's answer is not finite"),
    NotOfferedError: Kind(501, "not-offered", "The service does not have this"),
    OverloadedError: Kind(503, "overloaded", "The queue is full"),
    JobsFullError: Kind(503, "jobs-full", "Too many jobs"),
    LoadingError: Kind(503, "loading", "Models are being loaded"),
    DrainingError: Kind(503, "draining", "The service is about to stop"),
    OutOfMemoryError: Kind(503, "out-of-memory", "The device has too little memory"),
    DeviceLostError: Kind(503, "device-lost", "The device is lost"),
    OutcomesUnavailableError: Kind(503, "outcomes-unavailable", "The database of outcomes cannot be used"),
    JobsUnavailableError: Kind(503, "jobs-unavailable", "The database of jobs cannot be used"),
    KeysUnavailableError: Kind(503, "keys-unavailable", "The keys cannot be read"),
    AuditUnavailableError: Kind(503, "audit-unavailable", "The audit cannot be written"),
    StoreUnavailableError: Kind(503, "store-unavailable", "The store cannot be read"),
    NoReplicaError: Kind(503, "no-replica", "No replica can answer"),
    RefusedModelError: Kind(503, "model-refused", "The model's checkpoint was refused"),
    DeadlineError: Kind(504, "deadline-exceeded", "The request took too long"),
}
INTERNAL = Kind(500, "internal-error", "The service failed")


def kind_of(error: Exception) -> Kind:
    """Return the kind that answers an exception; anything that is not in the table is a fault of the service.

    An exception of the framework (404 for an unknown path, 405 for a wrong method) gets the phrase of its status.
    """
    if isinstance(error, HTTPException):
        phrase = HTTPStatus(error.status_code).phrase
        return Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), INTERNAL)
