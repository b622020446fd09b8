"""How each server is asked for one row, and where its answer has the mean and the variance of the probabilities."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


class Dialect(Protocol):
    """A form of requests and answers."""

    @property
    def content_type(self) -> str:
        """Return the Content-Type of the bodies."""

    def body(self, row: Row) -> bytes:
        """Return the body that asks for a row."""

    def read(self, answer: bytes) -> tuple[list[float], list[float]]:
        """Return mean and variance of the row's class probabilities."""


@dataclass(frozen=True)
class Rows:
    """A list of rows under the name ``inputs``, answered by a list of pairs of mean and variance."""

    content_type: str = "application/json"

    def body(self, row: Row) -> bytes:
        """Return the body that asks for a row."""
        return json.dumps({"inputs": [numbers(row)]}).encode()

    def read(self, answer: bytes) -> tuple[list[float], list[float]]:
        """Return mean and variance of the row's class probabilities."""
        ((mean, variance),) = json.loads(answer)
        return mean, variance


@dataclass(frozen=True)
class Credence(Rows):
    """Credence's own form, the rows as for the others."""

    def read(self, answer: bytes) -> tuple[list[float], list[float]]:
        """Return mean and variance of the row's class probabilities."""
        columns = json.loads(answer)
        return columns["mean"][0], columns["epistemic_variance"][0]


@dataclass(frozen=True)
class CredenceNpy(Credence):
    """Credence with the row as a file of NumPy."""

    content_type: str = "application/x-npy"

    def body(self, row: Row) -> bytes:
        """Return the body that asks for a row."""
        file = io.BytesIO()
        np.save(file, row[np.newaxis])
        return file.getvalue()


@dataclass(frozen=True)
class OpenInference(Rows):
    """The JSON of the Open Inference Protocol."""

    def body(self, row: Row) -> bytes:
        """Return the body that asks for a row."""
        tensor = {"name": "inputs", "shape": [1, len(row)], "datatype": "FP32", "data": numbers(row)}
        return json.dumps({"inputs": [tensor]}).encode()

    def read(self, answer: bytes) -> tuple[list[float], list[float]]:
        """Return mean and variance of the row's class probabilities."""
        values: list[float] = json.loads(answer)["outputs"][0]["data"]
        return values[: len(values) // 2], values[len(values) // 2 :]


def numbers(row: Row) -> list[Any]:
    """Return numbers with the digits that a float32 has, not those of the float64 that it becomes."""
    return [float(str(value)) for value in row]


ROWS = Rows()
