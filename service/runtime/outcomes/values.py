"""Outcomes as clients report them, read as arrays: names of classes, numbers, names of labels; lists of steps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import did_you_mean, list_names
from models.specs import VOID, OutputSpec
from service.errors import InvalidRequestError

_MOST_NAMES = 20
_LARGEST = 1e30
"""Largest size of an outcome that is a number: squares of errors stay finite."""
_UNIT = re.compile(r"\s*\[[^\]]*\]$")


def read_outcome(outputs: OutputSpec, positions: Sequence[int], given: Any, at: str) -> NDArray[Any]:
    """Return an outcome as :func:`service.runtime.outcomes.judging.judge` takes it.

    Args:
        outputs: Outputs of the model.
        positions: Shape of a row's outcomes: ``()`` if there is one, ``(steps,)`` or ``(height, width)``.
        given: Outcome in a request; of steps and pixels nested lists, in which null is one that nobody knows.
        at: JSON pointer to it.

    Raises:
        InvalidRequestError: pointing to what the model cannot have predicted, with what it can.
    """
    read, blank = _READERS[outputs.outcome]
    if not positions:
        one: NDArray[Any] = read(outputs, given, at)
        return one
    whole = np.full((*positions, *np.shape(blank(outputs))), blank(outputs))
    for place, item, pointer in _items(positions, given, at):
        if item is not None:
            whole[place] = read(outputs, item, pointer)
    return whole


def _items(positions: Sequence[int], given: Any, at: str) -> Iterator[tuple[tuple[int, ...], Any, str]]:
    """Yield each part of an outcome with its place and its pointer; a sequence may be shorter than the longest."""
    if not positions:
        yield (), given, at
        return
    size, shorter = positions[0], len(positions) == 1
    if not isinstance(given, list) or len(given) > size or (len(given) < size and not shorter):
        count = f"a list of {len(given)}" if isinstance(given, list) else "no list"
        allowed = f"up to {size}, one for each step" if shorter else f"{size}, with null for what is not known"
        raise InvalidRequestError(f"the outcome is {count}; allowed is a list of {allowed}", at)
    for i, part in enumerate(given):
        for place, item, pointer in _items(positions[1:], part, f"{at}/{i}"):
            yield (i, *place), item, pointer


def _read_class(outputs: OutputSpec, given: Any, at: str) -> NDArray[Any]:
    name = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(name, str) or name not in outputs.names:
        nearest = did_you_mean(name, outputs.names) if isinstance(name, str) else ""
        classes = list_names(outputs.names, _MOST_NAMES)
        raise InvalidRequestError(f"the outcome is no class of this model; allowed are: {classes}{nearest}", at)
    return np.array(outputs.names.index(name))


def _read_numbers(outputs: OutputSpec, given: Any, at: str) -> NDArray[Any]:
    if isinstance(given, Mapping):
        return np.array(_by_name(outputs, given, at))
    values = given if isinstance(given, list) else [given]
    if len(values) != outputs.size:
        raise InvalidRequestError(f"the outcome has {len(values)} numbers; allowed is {_allowed_numbers(outputs)}", at)
    places = [f"{at}/{i}" if isinstance(given, list) else at for i in range(len(values))]
    return np.array([_number(outputs, value, place) for value, place in zip(values, places, strict=True)])


def _by_name(outputs: OutputSpec, given: Mapping[str, Any], at: str) -> list[float]:
    """Return the number of each target, NaN for one that is not given; units may be left out of the names."""
    short = {_UNIT.sub("", name): name for name in outputs.names}
    known = {short.get(name, name): value for name, value in given.items()}
    if not known or not set(known) <= set(outputs.names):
        raise InvalidRequestError(
            f"the outcome names no target of this model; allowed is {_allowed_numbers(outputs)}", at
        )
    return [_number(outputs, known[name], at) if name in known else math.nan for name in outputs.names]


def _number(outputs: OutputSpec, value: Any, at: str) -> float:
    if value is None and outputs.size > 1:
        return math.nan
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not -_LARGEST <= value <= _LARGEST:
        raise InvalidRequestError(f"the outcome is no number; allowed is {_allowed_numbers(outputs)}", at)
    if outputs.support == "positive" and value <= 0:
        raise InvalidRequestError("the outcome is not above 0, as every outcome of this model is", at)
    if outputs.support == "count" and (value < 0 or value != int(value)):
        raise InvalidRequestError("the outcome is no count; allowed are whole numbers from 0", at)
    return float(value)


def _allowed_numbers(outputs: OutputSpec) -> str:
    if outputs.size == 1:
        return f"one finite number, {outputs.names[0]}"
    return f"a finite number for each of {list_names(outputs.names, _MOST_NAMES)}, as a list or by name"


def _read_labels(outputs: OutputSpec, given: Any, at: str) -> NDArray[Any]:
    if not isinstance(given, list) or not all(isinstance(name, str) and name in outputs.names for name in given):
        labels = list_names(outputs.names, _MOST_NAMES)
        raise InvalidRequestError(f"the outcome is no list of this model's labels; allowed are: {labels}", at)
    return np.isin(outputs.names, given)


_READERS: dict[str, Any] = {
    "classification": (_read_class, lambda outputs: VOID),
    "regression": (_read_numbers, lambda outputs: np.full(outputs.size, math.nan)),
    "multilabel": (_read_labels, lambda outputs: np.zeros(outputs.size, bool)),
}
"""The reader of one outcome, and what stands for one that is not known."""
