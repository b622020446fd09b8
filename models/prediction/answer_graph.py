"""Statistics and evidence of a few rows by one graph, in place of many small calls that take longer than the draws.

The graph is made of :meth:`Predictor.answer <models.prediction.predictor.Predictor.answer>` and has its arguments as
inputs, with any number of rows and of draws, and its results by their names. It holds the temperature, the units and
the reference of the model as it was when the graph was made, so each calibration makes another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointError
from models.graphs import Session
from models.prediction.predictor import EVIDENCE, STATISTICS

X, OUTPUTS, OBSERVED, FEATURES = "x", "outputs", "observed", "features"
Arrays = dict[str, NDArray[np.float64]]
INPUTS = (X, OUTPUTS, OBSERVED, FEATURES)


class AnswerGraph:
    """The graph of a model's answers, on the CPU.

    Args:
        content: The serialised graph.
        weighs_evidence: Whether evidence is wanted.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph, or it is another.
    """

    def __init__(self, content: bytes, *, weighs_evidence: bool) -> None:
        self._session = Session(content, torch.device("cpu"))
        if not set(self._session.inputs) <= set(INPUTS):
            raise CheckpointError("answer.onnx is no graph of answers")
        self._names = wanted(self._session.results, weighs_evidence=weighs_evidence)

    def answer(self, x: Tensor, outputs: Tensor, observed: Tensor, features: Tensor) -> tuple[Arrays, Arrays]:
        """Return statistics and evidence of rows, float64, by their names; the arguments are those of the method."""
        feeds = dict(zip(INPUTS, (x, outputs, observed, features), strict=True))
        taken = {name: feeds[name] for name in self._session.inputs}
        return sort(self._names, self._session.run_arrays(taken, self._names))


def wanted(results: Iterable[str], *, weighs_evidence: bool) -> list[str]:
    """Return the names of those results of a graph of answers that are wanted."""
    return [name for name in results if weighs_evidence or not name.startswith(EVIDENCE)]


def sort(names: Iterable[str], results: Iterable[NDArray[Any]]) -> tuple[Arrays, Arrays]:
    """Return the statistics and the evidence among results, float64, by their names."""
    found: dict[str, Arrays] = {STATISTICS: {}, EVIDENCE: {}}
    for name, result in zip(names, results, strict=True):
        part, dot, rest = name.partition(".")
        found[part + dot][rest] = result.astype(np.float64, copy=False)
    return found[STATISTICS], found[EVIDENCE]
