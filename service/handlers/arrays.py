"""Answers as arrays, in the archive that NumPy reads, and as JSON."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

encode_json = msgspec.json.Encoder(enc_hook=np.ndarray.tolist).encode
"""Write an answer as JSON, its arrays as nested lists."""


def flat_arrays(entries: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return every entry that is not null as an array: texts as unicode, and each part of an object on its own.

    Names of columns are a JSON list for each row; a text that is null is empty.
    """
    flat: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        if isinstance(entry, dict):
            flat |= {f"{name}_{part}": np.asarray(value) for part, value in entry.items()}
        elif name in ("outside", "unknown"):
            flat[name] = np.array([encode_json(names).decode() for names in entry])  # a name may hold any delimiter
        elif entry is None:
            continue
        elif name in ("alarms", "prediction_set") or (name == "label" and entries["task"] == "multilabel"):
            flat[name] = np.array(_join(entry))
        else:
            flat[name] = _without_none(np.asarray(entry))
    return flat


def encode_npz(entries: Mapping[str, Any]) -> bytes:
    """Return the arrays of :func:`flat_arrays` as the archive that NumPy reads."""
    file = io.BytesIO()
    np.savez(file, **flat_arrays(entries))  # type: ignore[arg-type]
    return file.getvalue()


def _without_none(array: NDArray[Any]) -> NDArray[Any]:
    return array if array.dtype != object else np.where(array == None, "", array).astype(str)  # noqa: E711


def _join(names: list[Any] | None) -> Any:
    """Return innermost lists of names as one text each, for arrays cannot be ragged."""
    if names is None:
        return ""
    if all(isinstance(item, str) for item in names):
        return ",".join(names)
    return [_join(part) for part in names]
