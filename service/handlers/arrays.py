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
    """Return every entry that is not null as an array: texts as unicode, and each part of an object on its own."""
    flat: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        if isinstance(entry, dict):
            flat |= {f"{name}_{part}": np.asarray(value) for part, value in entry.items()}
        elif name == "prediction_set" or (name == "label" and entries["task"] == "multilabel"):
            flat[name] = np.array(_join(entry))
        elif entry is not None:
            flat[name] = np.asarray(entry)
    return flat


def encode_npz(entries: Mapping[str, Any]) -> bytes:
    """Return the arrays of :func:`flat_arrays` as the archive that NumPy reads."""
    file = io.BytesIO()
    np.savez(file, **flat_arrays(entries))  # type: ignore[arg-type]
    return file.getvalue()


def _join(names: list[Any]) -> Any:
    """Return innermost lists of names as one text each, for arrays cannot be ragged."""
    if all(isinstance(item, str) for item in names):
        return ",".join(names)
    return [_join(part) for part in names]
