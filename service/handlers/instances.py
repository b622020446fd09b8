"""KServe's V1 form of a prediction: rows are instances, and the answer has one object for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np

from models.errors import CredenceError
from service.errors import InvalidRequestError, ServiceError
from service.handlers.arrays import encode_json
from service.handlers.prediction import Answered, metadata, statistics

INSTANCES = "instances"
"""Key of the rows."""

_OF_ALL_ROWS = ("interval_method", "adapted_level", "decision_reason", "covariance", "ignored")
"""Entries that are not one a row."""
_INPUTS = re.compile(r"\binputs\b")


def encode_predictions(answered: Answered, _media: str) -> bytes:
    """Return an answer as JSON, with an object of statistics for each row, and what they share beside them."""
    entries = statistics(answered)
    shared = {name: entries.pop(name) for name in _OF_ALL_ROWS if name in entries}
    rows = len(answered.job.rows) if answered.table is None else len(answered.table.known)
    return encode_json({"predictions": _by_row(entries, rows), **metadata(answered), **shared})


def _by_row(entries: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    """Return entries with a value a row as one object a row."""
    columns = {name: _column(name, entry, rows) for name, entry in entries.items()}
    return [{name: column[i] for name, column in columns.items()} for i in range(rows)]


def _column(name: str, entry: Any, rows: int) -> list[Any]:
    if entry is None:
        return [None] * rows
    if isinstance(entry, dict):  # an interval: its ends, and the level that all share
        parts = {part: _column(part, value, rows) for part, value in entry.items()}
        return [{part: values[i] for part, values in parts.items()} for i in range(rows)]
    if isinstance(entry, float):
        return [entry] * rows
    if isinstance(entry, np.ndarray):
        entry = (np.moveaxis(entry, 1, 0) if name == "draws" else entry).tolist()
    return list(entry)


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Let refusals speak of the rows by the name that the request has for them.

    Args:
        name: Name that they have instead of ``inputs``, such as ``instances``.
    """
    try:
        yield
    except (CredenceError, ServiceError) as error:
        error.args = tuple(_renamed(str(part), name) for part in error.args)
        pointer = getattr(error, "pointer", None)
        if pointer is not None:
            error.pointer = _renamed(pointer, name)  # type: ignore[union-attr]
        if isinstance(error, InvalidRequestError):
            error.errors = [
                msgspec.structs.replace(one, pointer=_renamed(one.pointer, name), detail=_renamed(one.detail, name))
                for one in error.errors
            ]
        raise


def _renamed(text: str, name: str) -> str:
    return _INPUTS.sub(name, text)
