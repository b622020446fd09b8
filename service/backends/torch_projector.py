"""Searches with torch, in slices, so that requests come between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from models.errors import NonFiniteOutputError
from models.generation.style import Projection
from service.backends.torch_generator import TorchGenerator

_SLICE_SECONDS = 0.05
"""After which a slice ends, at the next chance that the model gives."""


class Slice(NamedTuple):
    """Where a search stands after a slice, and whether that is its end."""

    found: Projection | None
    ended: bool


@dataclass(eq=False)
class Search:
    """One search for the code of an image, which keeps where it stands; only the device's thread goes on with it.

    Attributes:
        begin: The search from its start.
    """

    begin: Callable[[], Iterator[Projection]]
    images: ClassVar[int] = 1
    _steps: Iterator[Projection] | None = field(default=None, init=False)

    def advance(self) -> Slice:
        """Go on for a while.

        Raises:
            NonFiniteOutputError: if the search ran away.
        """
        if self._steps is None:
            self._steps = self.begin()
        end, found = time.monotonic() + _SLICE_SECONDS, None
        for found in self._steps:
            if not math.isfinite(found.loss):
                raise NonFiniteOutputError("the search went beyond all bounds")
            if time.monotonic() >= end:
                return Slice(found, ended=False)
        return Slice(found, ended=True)


def advance(_engine: TorchGenerator, searches: Sequence[Search], check_cancelled: Callable[[], None]) -> list[Slice]:
    """One slice of each search."""
    check_cancelled()
    return [search.advance() for search in searches]
