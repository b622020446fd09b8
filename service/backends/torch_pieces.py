"""Large batches in pieces: between them others have their turn, and one that does not fit in memory is halved."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.prediction.draws import CHUNK_BYTES, Draws, count
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Conditionals
from service.backends.torch_faults import free_memory, is_out_of_memory
from service.scheduling.terms import CheckCancelled

log = logging.getLogger(__name__)

_CPU_BYTES = 4 * 2**20
"""Activations of a piece on a CPU, in bytes: milliseconds of work, and as caches are small more is no faster."""


@dataclass(frozen=True)
class PieceSize:
    """The most rows and draws of a piece.

    It depends on the model and the kind of device alone, not on measured times: so an answer repeats to the bit.
    """

    rows: int
    draws: int


@dataclass(frozen=True)
class RowBytes:
    """The memory that a row takes, in bytes.

    Attributes:
        shared: Activations that all draws have together.
        draw: Activations that each draw has its own of, with what a likelihood samples.
        block: Number of draws that are made at a time.
        piece: Most activations of a piece.
    """

    shared: int
    draw: int
    block: int
    piece: int


def row_bytes(model: Predictor, device: torch.device) -> RowBytes:
    """Return what a row of a model takes."""
    piece = _CPU_BYTES if device.type == "cpu" else CHUNK_BYTES
    return RowBytes(max(0, model.row_bytes - model.draw_bytes), max(1, model.draw_bytes), model.draw_block, piece)


@lru_cache(4096)
def piece_size(one: RowBytes, rows: int, noise_bytes: int = 0) -> PieceSize:
    """Return the size of the pieces of a batch of so many rows.

    Where all layers are drawn, a piece has many rows of few draws, which is fastest. Where some are not, they run once
    for all draws of a piece, so it has few rows of a whole block of draws.

    Args:
        one: Memory that a row takes.
        rows: Number of rows.
        noise_bytes: Bytes of what a likelihood samples for one draw of one row.
    """
    draw = one.draw + noise_bytes
    fitting = one.piece // (one.shared + one.block * draw) if one.shared else one.piece // draw
    parts = -(-rows // max(1, fitting))  # of equal sizes
    size = -(-rows // parts)
    return PieceSize(size, max(1, one.piece // (size * draw)))


@dataclass(frozen=True)
class Pieces:
    """A model whose draws are evaluated in pieces; it stands in for the model itself.

    Attributes:
        model: The model.
        check_cancelled: Called before each piece.
        size: Largest piece.
        on_halved: Called when memory has ended and a piece is halved.
    """

    model: Predictor
    check_cancelled: CheckCancelled
    size: PieceSize
    on_halved: Callable[[], None]

    def conditionals(
        self, rows: Tensor, draws: Draws, *, vectorise: bool = True, aleatoric_samples: int | None = None
    ) -> Iterator[Conditionals]:
        """Yield what :meth:`Predictor.conditionals` does."""
        for start in range(0, max(1, count(draws)), self.size.draws):
            chunk = {name: tensor[start : start + self.size.draws] for name, tensor in draws.items()}
            parts = torch.split(rows, self.size.rows)
            yield _join([self._evaluate(part, chunk, vectorise, aleatoric_samples) for part in parts], 1)

    def conditionals_and_evidence(
        self, rows: Tensor, draws: Draws, aleatoric_samples: int | None = None, *, vectorise: bool = True
    ) -> tuple[Iterator[Conditionals], dict[str, Tensor]]:
        """Return what :meth:`Predictor.conditionals_and_evidence` does."""
        observed = [self._observe(part) for part in torch.split(rows, self.size.rows)]
        evidence = {name: torch.cat([one[name] for one in observed]) for name in observed[0]}
        return self.conditionals(rows, draws, vectorise=vectorise, aleatoric_samples=aleatoric_samples), evidence

    def _observe(self, rows: Tensor) -> dict[str, Tensor]:
        self.check_cancelled()
        return self.model.observed_evidence(rows)

    def _evaluate(self, rows: Tensor, draws: Draws, vectorise: bool, noise: int | None) -> Conditionals:
        self.check_cancelled()
        try:
            parts = list(self.model.conditionals(rows, draws, vectorise=vectorise, aleatoric_samples=noise))
            if rows.is_cuda:  # what was started has to end before others have their turn
                torch.cuda.synchronize(rows.device)
            return _join(parts, 0)
        except Exception as error:
            if not is_out_of_memory(error) or (len(rows) == 1 and count(draws) <= 1):
                raise
        self.on_halved()
        free_memory()
        log.warning("memory ended at %d rows x %d draws, which are halved", len(rows), count(draws))
        if count(draws) > 1:
            middle = count(draws) // 2
            halves = [{name: tensor[part] for name, tensor in draws.items()} for part in _halves(middle)]
            return _join([self._evaluate(rows, half, vectorise, noise) for half in halves], 0)
        halved = [rows[part] for part in _halves(len(rows) // 2)]
        return _join([self._evaluate(half, draws, vectorise, noise) for half in halved], 1)


def _halves(middle: int) -> tuple[slice, slice]:
    return slice(None, middle), slice(middle, None)


def _join(parts: Sequence[Conditionals], axis: int) -> Conditionals:
    """Return parts as one, along the draws (axis 0) or the rows (axis 1)."""
    if len(parts) == 1:
        return parts[0]
    named = [{name: tensor for name, tensor in vars(part).items() if tensor is not None} for part in parts]
    return Conditionals(**{name: torch.cat([one[name] for one in named], axis) for name in named[0]})
