"""More rows than one request may have, as several requests whose answers are put together again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from typing import Any

import numpy as np

from service.client.answers import Prediction
from service.client.errors import ClientError, RefusedError
from service.client.exchange import Exchange
from service.client.reading import read_prediction
from service.client.requests import NPY, NPZ, Request
from service.client.retries import deliver
from service.client.rows import Rows

PREDICT = "/predict"
FEW = 64
"""Number of rows or images that always go in one request; of more the client asks for the limits."""
MUCH = 1_000_000
"""Number of bytes of an array that always go in one request; of more the client asks for the limits."""

_SAMPLES = 50
"""Number of draws where none is asked for."""
_ROW = re.compile(r"/inputs/(\d+)")


def predict_in_parts(
    rows: Rows, limits: Mapping[str, float], options: Mapping[str, Any], seconds: float, path: str = PREDICT
) -> Exchange[Prediction]:
    """Ask for the prediction of rows, in as few requests as the limits allow.

    Args:
        rows: The rows.
        limits: Limits of the model, as ``GET /models/{name}`` has them; empty if all rows go in one request.
        options: Options of ``POST /predict``.
        seconds: Time of each request.
        path: Address of the requests, below that of the service.

    Raises:
        ClientError: if an answer would depend on rows that are in another part.
        RefusedError: naming the rows of the part that was refused.
    """
    size, most_bytes = part_size(rows.count, limits, options), limits.get("body_bytes", np.inf)
    if rows.media not in (NPY, NPZ):
        most_bytes = limits.get("json_bytes", most_bytes)
    parts: list[Prediction] = []
    start = 0
    while start < rows.count or not parts:
        stop, body = rows.fitting(start, min(start + size, rows.count), most_bytes)
        if not parts and stop < rows.count:
            _check_independent(rows.count, stop, options)
        seed = parts[0].seed if parts else options.get("seed")  # a fresh seed is drawn once
        query = {**options, "seed": seed} if path == PREDICT else options
        with naming_rows(start, stop - 1) if stop - start < rows.count else nullcontext():
            response = yield from deliver(Request("POST", path, query, body, rows.media, NPZ), seconds)
        requests = ((response.headers.get("x-request-id", ""), stop - start),)
        parts.append(replace(read_prediction(response), requests=requests))
        start = stop
    return join(parts)


def join(parts: Sequence[Prediction]) -> Prediction:
    """Return the predictions of consecutive rows as one."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {}
    for field in fields(Prediction):
        values = [getattr(part, field.name) for part in parts]
        if field.name in ("outside", "unknown"):
            joined[field.name] = None if values[0] is None else tuple(row for value in values for row in value)
        elif field.name == "ignored":
            joined[field.name] = tuple(dict.fromkeys(name for value in values for name in value))
        elif field.name == "requests":
            joined[field.name] = tuple(request for value in values for request in value)
        elif field.name in ("decision", "alarms"):
            joined[field.name] = _join_decisions(parts, field.name)
        elif field.name == "p_values":
            joined[field.name] = {kind: np.concatenate([value[kind] for value in values]) for kind in values[0]}
        elif isinstance(values[0], np.ndarray):
            joined[field.name] = np.concatenate(values, axis=1 if field.name == "draws" else 0)
    return replace(parts[0], **joined)


def _join_decisions(parts: Sequence[Prediction], name: str) -> Any:
    """Return all decisions or alarms; where only unknown categories are abstained from, a part may have none."""
    values = [getattr(part, name) for part in parts]
    if all(value is None for value in values):
        return None
    lengths = (len(part.unknown or ()) for part in parts)
    return np.concatenate([np.full(n, "") if v is None else v for v, n in zip(values, lengths, strict=True)])


def part_size(count: int, limits: Mapping[str, float], options: Mapping[str, Any]) -> int:
    """Return the number of rows in a request, as many as limits allow for the options.

    Args:
        count: Number of all rows.
        limits: Limits of the model, as ``GET /models/{name}`` has them; empty if all rows go in one request.
        options: Options of ``POST /predict``.
    """
    if not limits:
        return max(count, 1)
    samples = options.get("samples", _SAMPLES)
    draws = limits["draws"] if samples == "auto" else max(int(samples), 1)
    return max(1, int(min(limits["rows"], limits["rows_times_draws"] // draws)))


def _check_independent(count: int, size: int, options: Mapping[str, Any]) -> None:
    reason = "covariance is one between the rows of a request" if options.get("covariance") else ""
    if options.get("samples") == "auto":
        reason = 'samples="auto" stops by all rows of a request together'
    if reason:
        raise ClientError(f"{reason}, and {count} rows take several; send at most {size} rows, or leave it out")


@contextmanager
def naming_rows(first: int | str, last: int | str) -> Iterator[None]:
    """Name the rows of a part in its refusal, which counts from the first of all rows then.

    Args:
        first: Number of the first row of the part, or its name.
        last: Number of the last one.
    """
    try:
        yield
    except RefusedError as error:
        detail, where = error.detail, f"{first}"
        if isinstance(first, int):
            detail = _ROW.sub(lambda match: f"/inputs/{int(match[1]) + first}", detail)
            where = f"rows {first} to {last}" if first != last else f"row {first}"
        elif first != last:
            where = f"{first} (/inputs/0) to {last}"
        raise RefusedError(error.status, error.code, f"{where}: {detail}", error.request_id) from error
