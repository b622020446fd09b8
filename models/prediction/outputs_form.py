r"""The form in which the outputs of a model that lives elsewhere arrive, and the rows that a calibration makes of them.

Arrays of a batch of ``B`` rows are ``(B, C)``, or ``(S, B, C)`` where ``S`` draws of the model are sent. A calibration
keeps a row as one vector: its draws one after the other, and then its features. Outputs are those of a likelihood:
logits, or the logarithms of probabilities; of a regression standardised means, and the logarithms of their variances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from models.errors import InputShapeError, InputValueError, list_names
from models.specs import OutputSpec

Given = Literal["logits", "probabilities", "mean", "mean_and_variance"]
ARRAYS: dict[str, tuple[str, ...]] = {
    "logits": ("logits",),
    "probabilities": ("probabilities",),
    "mean": ("mean",),
    "mean_and_variance": ("mean", "variance"),
}
"""Names of the arrays of outputs, by what is given."""
FEATURES = "features"
LEAST_PROBABILITY = 1e-12
"""Probability that a smaller one counts as, since 0 has no logarithm."""
MOST_LOG_RATIO = 20.0
"""Largest distance of the logarithm of a variance from that of the target's own; likelihoods bound it, too."""
_LARGEST = 1e15
"""Largest size of a value: what it becomes in units of a temperature or a deviation, squared, has room in 32 bits."""
_SUM_TOLERANCE = 0.01
"""Largest difference of a sum of probabilities from 1: rounding in 16 bits is less."""
_MOST_DRAWS = 1000
_MOST_FEATURES = 2**16

Float64Array = NDArray[np.float64]


class OutputsForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of the outputs that a calibration takes.

    Attributes:
        given: What is sent of each row.
        draws: Largest number of draws that are sent; 0 where the model is one function.
        features: Number of features of a row; 0 where none are sent.
    """

    given: Given
    draws: Annotated[int, Meta(ge=0, le=_MOST_DRAWS)] = 0
    features: Annotated[int, Meta(ge=0, le=_MOST_FEATURES)] = 0

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays that are sent."""
        return (*ARRAYS[self.given], *([FEATURES] if self.features else []))

    def width(self, outputs: OutputSpec) -> int:
        """Return the number of outputs of one draw of a row."""
        return len(ARRAYS[self.given]) * outputs.size

    def size(self, outputs: OutputSpec) -> int:
        """Return the number of values of a row."""
        return max(1, self.draws) * self.width(outputs) + self.features

    def describe(self, outputs: OutputSpec) -> dict[str, str]:
        """Return the shape of each array, in words."""
        one = f"(rows, {outputs.size})"
        shape = f"(draws, rows, {outputs.size}) with 2 to {self.draws} draws" if self.draws else one
        return dict.fromkeys(ARRAYS[self.given], shape) | (
            {FEATURES: f"(rows, {self.features})"} if self.features else {}
        )

    def pack(self, arrays: Mapping[str, NDArray[Any]], outputs: OutputSpec) -> tuple[NDArray[np.float32], int]:
        """Return the rows ``(B, size)`` of arrays, with the number of draws that were sent; 0 for one function.

        Where fewer draws are sent than the form has room for, the first one fills the rest, which nothing reads.

        Raises:
            InputShapeError: for other arrays, or one of another shape.
            InputValueError: for NaN, infinity, no probabilities, or a variance that is not above 0.
        """
        self._check_names(arrays, outputs)
        found = {name: self._shaped(name, arrays[name], outputs) for name in ARRAYS[self.given]}
        draws, rows, _ = (shapes := [array.shape for array in found.values()])[0]
        if len(set(shapes)) > 1:
            raise InputShapeError(
                f"mean has shape {arrays['mean'].shape}, and variance {arrays['variance'].shape}; give both alike",
                "/variance",
            )
        drawn = self._as_outputs(found, outputs).astype(np.float32)
        room = np.concatenate([drawn, np.repeat(drawn[:1], max(1, self.draws) - draws, 0)])
        packed = room.transpose(1, 0, 2).reshape(rows, -1)
        if self.features:
            packed = np.concatenate([packed, self._features(arrays[FEATURES], rows)], 1)
        return packed, draws if self.draws else 0

    def unpack(self, rows: NDArray[np.float32], outputs: OutputSpec) -> dict[str, Float64Array]:
        """Return the arrays that rows ``(B, size)`` were packed from, as they are sent."""
        width, room = self.width(outputs), max(1, self.draws)
        drawn = rows[:, : room * width].reshape(len(rows), room, width).transpose(1, 0, 2).astype(np.float64)
        if self.given == "probabilities":
            parts = [np.exp(drawn)]
        elif self.given == "logits":
            parts = [drawn]
        else:
            size, scale = outputs.size, np.array(outputs.scale)
            parts = [drawn[..., :size] * scale + np.array(outputs.mean)]
            parts += [np.exp(drawn[..., size:]) * scale**2] if width > size else []
        named = {name: part if self.draws else part[0] for name, part in zip(ARRAYS[self.given], parts, strict=True)}
        features = {FEATURES: rows[:, room * width :].astype(np.float64)} if self.features else {}
        return named | features

    def _check_names(self, arrays: Mapping[str, object], outputs: OutputSpec) -> None:
        if set(arrays) == set(self.arrays):
            return
        allowed = " and ".join(f"{name} {shape}" for name, shape in self.describe(outputs).items())
        given = list_names(sorted(arrays), 5) or "nothing"
        raise InputShapeError(f"given is {given}; this calibration takes {allowed}", "")

    def _shaped(self, name: str, given: NDArray[Any], outputs: OutputSpec) -> Float64Array:
        """Return outputs as finite numbers ``(S, B, size)``."""
        array = given[..., None] if outputs.task == "regression" and outputs.size == given.ndim == 1 else given
        allowed = array.ndim == 3 and 2 <= len(array) <= self.draws if self.draws else array.ndim == 2
        if not allowed or array.shape[-1] != outputs.size or not array.size:
            raise InputShapeError(
                f"{name} has shape {given.shape}; allowed is {self.describe(outputs)[name]}, with at least one row",
                f"/{name}",
            )
        check_finite(name, array)
        finite: Float64Array = array.astype(np.float64)
        return finite if self.draws else finite[None]

    def _as_outputs(self, found: Mapping[str, Float64Array], outputs: OutputSpec) -> Float64Array:
        """Return what a likelihood reads, ``(S, B, width)``."""
        if self.given == "logits":
            return found["logits"]
        if self.given == "probabilities":
            return log_probabilities(found["probabilities"])
        mean: Float64Array = (found["mean"] - np.array(outputs.mean)) / np.array(outputs.scale)
        if "variance" not in found:
            return mean
        return np.concatenate([mean, log_variances(found["variance"], outputs)], -1)

    def _features(self, given: NDArray[Any], rows: int) -> NDArray[np.float32]:
        if given.shape != (rows, self.features):
            raise InputShapeError(
                f"features has shape {given.shape}; allowed is ({rows}, {self.features}), one row each", f"/{FEATURES}"
            )
        check_finite(FEATURES, given)
        return given.astype(np.float32)


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Refuse values that are NaN, infinite or absurdly large.

    Raises:
        InputValueError: pointing to the first.
    """
    bad = ~(np.abs(array.astype(np.float64)) <= _LARGEST)
    if bad.any():
        _refuse(name, bad, f"finite numbers from {-_LARGEST:g} to {_LARGEST:g}")


def log_probabilities(probabilities: Float64Array) -> Float64Array:
    """Return the logarithms of probabilities ``(..., C)``, of 0 those of :data:`LEAST_PROBABILITY`.

    Raises:
        InputValueError: for values outside [0, 1], or where a row's do not add up to 1.
    """
    bad = (probabilities < 0) | (probabilities > 1)
    if bad.any():
        _refuse("probabilities", bad, "numbers from 0 to 1")
    sums = probabilities.sum(-1)
    if (off := np.abs(sums - 1) > _SUM_TOLERANCE).any():
        place = tuple(np.argwhere(off)[0])
        at = "/probabilities/" + "/".join(map(str, place[0 if len(probabilities) > 1 else 1 :]))
        raise InputValueError(f"the probabilities at {at} add up to {sums[place]:.4g}; allowed is 1", at)
    logs: Float64Array = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
    return logs


def log_variances(variance: Float64Array, outputs: OutputSpec) -> Float64Array:
    """Return the logarithms of variances ``(..., T)`` in units of the targets' own variance.

    Raises:
        InputValueError: for variances that are not above 0, or out of the range that a likelihood keeps to.
    """
    square = np.array(outputs.scale) ** 2
    least, most = (square * math.exp(bound) for bound in (-MOST_LOG_RATIO, MOST_LOG_RATIO))
    bad = (variance < least) | (variance > most)
    if bad.any():
        target = int(np.argwhere(bad)[0][-1])
        _refuse("variance", bad, f"variances (above 0) from {least[target]:.3g} to {most[target]:.3g} of this target")
    logs: Float64Array = np.log(variance / square)
    return logs


def _refuse(name: str, bad: NDArray[np.bool_], allowed: str) -> None:
    place = np.argwhere(bad)[0]
    if bad.ndim == 3 and len(bad) == 1:
        place = place[1:]
    pointer = f"/{name}/" + "/".join(map(str, place))
    raise InputValueError(f"{bad.sum()} values are not allowed, the first at {pointer}; allowed are {allowed}", pointer)
