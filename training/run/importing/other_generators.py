"""Random numbers of Python and NumPy, which a trace would freeze."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from training.errors import ImportModelError
from training.run.importing.following import Place, following
from training.run.importing.lines import quote
from training.run.importing.run_rows import try_rows

DROPOUT_REMEDY = (
    "use nn.Dropout, or for whole layers, if self.training,"
    " x * x.new_empty(x.shape[0], *[1] * (x.dim() - 1)).bernoulli_(keep) / keep"
)
"""Dropout that masks can stand in for."""
_ENTROPY = (random.SystemRandom.getrandbits.__code__, random.SystemRandom.random.__code__)
"""Code that reads random numbers of the machine, as NumPy does to seed a new generator."""


def run_without_generators(network: nn.Module, rows: Tensor) -> Any:
    """Return what a network does of some rows; refuse one that draws random numbers of Python or NumPy.

    The states of their generators tell after each line.

    Args:
        network: The network in the mode that is traced.
        rows: Some rows ``(B, *input_shape)``.

    Raises:
        ImportModelError: naming the line that draws, or if the network does not take the rows.
    """
    states = dict(_states(network))
    known = {key: read() for key, read in states.items()}
    last: Place = ("", 0)
    found: list[tuple[Place, str]] = []

    def visit(frame: FrameType, event: str) -> None:
        nonlocal last
        if frame.f_code in _ENTROPY:
            found.append((last, "Python or NumPy"))
        elif event != "call" and not found:
            found.extend((last, key[0]) for key, read in states.items() if read() != known[key])
            last = (frame.f_code.co_filename, frame.f_lineno)

    with following(visit):
        returned = try_rows(network, rows)
    if found:
        place, whose = found[0]
        raise ImportModelError(
            f"{quote(place)}random numbers of {whose} are drawn, which a graph would freeze: {DROPOUT_REMEDY}"
        )
    return returned


def _states(network: nn.Module) -> Iterator[tuple[tuple[str, int], Callable[[], Any]]]:
    """Yield whose generator it is, and what reads its state: those that all code shares, and the network's own."""
    yield ("Python", 0), random.getstate
    yield ("NumPy", 0), lambda: _values(np.random.get_state())
    modules = list(network.modules())
    globals_ = [vars(sys.modules[name]) for name in {type(one).__module__ for one in modules} if name in sys.modules]
    for value in [value for names in (*map(vars, modules), *globals_) for value in list(names.values())]:
        if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):
            yield ("Python", id(value)), value.getstate
        elif isinstance(value, np.random.RandomState):
            yield ("NumPy", id(value)), lambda value=value: _values(value.get_state())  # type: ignore[misc]
        elif isinstance(value, np.random.Generator):
            yield ("NumPy", id(value)), lambda value=value: _values(value.bit_generator.state)  # type: ignore[misc]


def _values(state: Any) -> list[Any]:
    """Return a state of NumPy in a form that can be compared."""
    return [one.tobytes() if isinstance(one, np.ndarray) else one for one in pytree.tree_leaves(state)]
