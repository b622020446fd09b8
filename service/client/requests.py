"""Requests as data, and the values that travel in them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

JSON, NPY, NPZ, CSV = "application/json", "application/x-npy", "application/x-npz", "text/csv"

_LONGEST_MILLISECONDS = 999_999_999


@dataclass(frozen=True)
class Request:
    """One request to the service.

    Attributes:
        method: HTTP method.
        path: Address below that of the service.
        query: Options in the query; ``None`` leaves one out.
        content: Body, if there is one.
        sent: Content-Type of the body.
        accept: Content-Type wanted for the answer.
        repeatable: Whether it may be sent again if nobody knows whether it arrived.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    sent: str = JSON
    accept: str = JSON
    repeatable: bool = True

    def arguments(self, seconds: float) -> dict[str, Any]:
        """Return the arguments of httpx's ``request``, and in a header the time that the service may take."""
        milliseconds = max(1, min(int(1000 * seconds), _LONGEST_MILLISECONDS))
        headers = {"Accept": self.accept, "X-Request-Timeout-Ms": str(milliseconds), **trace_headers()}
        if self.content is not None:
            headers["Content-Type"] = self.sent
        query = {name: _as_text(value) for name, value in self.query.items() if value is not None}
        return {
            "method": self.method,
            "url": self.path,
            "params": query,
            "content": self.content,
            "headers": headers,
            "timeout": seconds,
        }


def trace_headers() -> dict[str, str]:
    """Return header lines that make the service's spans a part of the caller's trace; none if it has no span now.

    Who has one has loaded OpenTelemetry, so this loads nothing.
    """
    headers: dict[str, str] = {}
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)
    return headers


def npy(values: ArrayLike) -> bytes:
    """Return an array as an .npy file; values that are no numbers are converted, or refused by NumPy."""
    array = np.asarray(values)
    file = io.BytesIO()
    np.save(file, array if array.dtype.kind in "iuf" else array.astype(np.float64), allow_pickle=False)
    return file.getvalue()


def npz(**arrays: ArrayLike) -> bytes:
    """Return arrays by their names as an .npz file."""
    file = io.BytesIO()
    np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return file.getvalue()


def images_request(family: str, operation: str, options: Mapping[str, Any]) -> Request:
    """Return a request for images, whose options travel as JSON and whose model is named in the query."""
    given = {name: _to_lists(value) for name, value in options.items() if value is not None}
    query: dict[str, Any] = {name: given.pop(name) for name in ("model", "version") if name in given}
    content = json.dumps({**given, "format": "npy"}, allow_nan=False).encode()
    return Request("POST", f"/generate/{family}{operation}", query, content)


def _to_lists(value: Any) -> Any:
    """Return a value in which arrays, at any depth, are lists."""
    if isinstance(value, Mapping):
        return {name: _to_lists(item) for name, item in value.items() if item is not None}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_to_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _as_text(value: Any) -> Any:
    return ",".join(value) if isinstance(value, Iterable) and not isinstance(value, str) else value
