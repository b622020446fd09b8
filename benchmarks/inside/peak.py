"""The most that this machine does: a float32 product of square matrices, and a copy of memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from inside.turns import milliseconds

_SIDE = 1024
_NUMBERS = 32 * 2**20
"""Numbers that are copied: 128 MB, far beyond any cache."""


@dataclass(frozen=True)
class Peak:
    """Rates of this machine, with as many threads as torch has.

    Attributes:
        operations: Multiplications and additions in float32, per second.
        bytes: Bytes read and written, per second.
    """

    operations: float
    bytes: float

    def share(self, operations: float, bytes_moved: float, took: float) -> str:
        """Return what parts of both peaks something used, in per cent.

        Args:
            operations: Multiplications and additions that it computed.
            bytes_moved: Bytes that it read and wrote.
            took: Milliseconds that it took.
        """
        seconds = took / 1000
        return f"{operations / seconds / self.operations:.0%}, {bytes_moved / seconds / self.bytes:.0%}"


def measure_peak(turns: int) -> Peak:
    """Measure both peaks in turn."""
    square, long = torch.rand(_SIDE, _SIDE), torch.rand(_NUMBERS)
    out, copy = torch.empty_like(square), torch.empty_like(long)
    took = milliseconds(
        {"product": lambda: torch.mm(square, square, out=out), "copy": lambda: copy.copy_(long)},
        turns,
    )
    return Peak(2 * _SIDE**3 / took["product"] * 1000, 2 * long.nbytes / took["copy"] * 1000)
