"""The value that every loss returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

Report = dict[str, Tensor]
"""Scalars by name, without their graph: what a step says of itself."""


@dataclass(frozen=True)
class Loss:
    """A scalar to minimise, and what is worth watching beside it.

    Attributes:
        name: Name that the minimised scalar is reported under, such as ``generator_loss``.
        minimised: The scalar whose gradient is followed.
        diagnostics: Scalars by name that are reported and not minimised, such as ``discriminator_accuracy``.
    """

    name: str
    minimised: Tensor
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)

    def report(self) -> Report:
        """Return all scalars by name, the minimised one first, without their graph."""
        return {name: value.detach() for name, value in {self.name: self.minimised, **self.diagnostics}.items()}
