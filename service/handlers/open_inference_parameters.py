"""Parameters of requests under /v2: those that stock clients of Triton and MLServer send, and the options of /predict.

References:
    Triton's extensions for schedule policies, sequences, classification and binary tensors:
    https://github.com/triton-inference-server/server/tree/main/docs/protocol, and MLServer's content types.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from service.errors import InvalidRequestError
from service.schemas.prediction import PredictOptions
from service.schemas.validation import validate

OPTIONS = (
    "samples", "max_samples", "seed", "tolerance",
    "interval", "interval_for", "interval_score", "interval_method", "record",
    "aleatoric_samples", "on_unknown",
)  # fmt: skip
"""Options of ``/predict`` that this protocol has no other place for."""
OF_CLIENTS = ("timeout", "priority", "sequence_id", "sequence_start", "sequence_end", "content_type", "headers")
"""Parameters that stock clients add. All but the first change nothing here.

Requests are served in the order in which they come; no model has a state from one request to the next; and the content
types of MLServer tell its own server how to decode tensors whose type and shape say all.
"""

_CONTENT_TYPES = ("np", "pd", "str")
_MICROSECONDS = 1_000_000
_LONGEST = 2**63


class Form(NamedTuple):
    """The form in which an output is asked for.

    Attributes:
        as_bytes: ``True`` for bytes behind the JSON.
        classes: Number of the most probable classes to name in place of the numbers; 0 for the numbers.
    """

    as_bytes: bool
    classes: int = 0


class Parameters(NamedTuple):
    """The parameters of a request, checked but for the options.

    Attributes:
        options: Options of ``/predict``, as yet unchecked.
        as_bytes: ``True`` if outputs are asked for as bytes unless they say otherwise.
        timeout_seconds: Time that the client gives; ``None`` if it leaves that to the server.
    """

    options: Mapping[str, Any]
    as_bytes: bool
    timeout_seconds: float | None


def read_parameters(given: Mapping[str, Any], at: str) -> Parameters:
    """Return the parameters of a request.

    Raises:
        InvalidRequestError: for one that there is not, or a value that it does not take.
    """
    known = (*OPTIONS, *OF_CLIENTS, "binary_data_output")
    check_names(given, known, at)
    timeout = _whole(given, "timeout", at)
    _whole(given, "priority", at)
    check_content_type(given, at)
    options = {name: value for name, value in given.items() if name in OPTIONS}
    return Parameters(options, flag(given, "binary_data_output", at), timeout / _MICROSECONDS if timeout else None)


def read_form(given: Mapping[str, Any], as_bytes: bool, at: str) -> Form:
    """Return the form that the parameters of an output ask for.

    Raises:
        InvalidRequestError: for a parameter that there is not, or a value that it does not take.
    """
    check_names(given, ("binary_data", "classification"), at)
    return Form(flag(given, "binary_data", at, default=as_bytes), _whole(given, "classification", at))


def predict_options(given: Mapping[str, Any]) -> PredictOptions:
    """Return the options of ``/predict`` among the parameters."""
    return validate(PredictOptions, QueryParams(), given, at="/parameters")


def check_names(given: Mapping[str, Any], known: Collection[str], at: str) -> None:
    """Refuse parameters of other names."""
    if any(name.startswith("shared_memory") for name in given):
        raise InvalidRequestError("there is no shared memory here; send and take the values themselves", at)
    if given.keys() - set(known):
        raise InvalidRequestError(f"there is no such parameter; known are: {', '.join(known)}", at)


def check_content_type(given: Mapping[str, Any], at: str) -> None:
    """Refuse content types that would say of the values what is not done with them."""
    if given.get("content_type") not in (None, *_CONTENT_TYPES):
        allowed = ", ".join(_CONTENT_TYPES)
        raise InvalidRequestError(f"content_type is not allowed; allowed are: {allowed}", f"{at}/content_type")


def flag(given: Mapping[str, Any], name: str, at: str, *, default: bool = False) -> bool:
    """Return a parameter that is true or false."""
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequestError(f"{name} is not allowed; allowed are true and false", f"{at}/{name}")
    return value


def _whole(given: Mapping[str, Any], name: str, at: str) -> int:
    """Return a parameter that is a whole number; 0 if it is left out, which means the same."""
    value = given.get(name, 0)
    if type(value) is not int or not 0 <= value < _LONGEST:
        raise InvalidRequestError(f"{name} is not allowed; allowed is a whole number from 0", f"{at}/{name}")
    return value
