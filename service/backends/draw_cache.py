"""Draws that are kept from one request to the next, so that a usual request draws no random number at all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from models.prediction.draws import Draws
from models.prediction.posterior import Posterior


class DrawCache:
    """Blocks of draws of any posterior and seed; the least recently used is dropped first.

    Not locked: only the device's thread changes it.

    Args:
        max_bytes: Limit on the bytes of all blocks together; one block is always kept.

    Attributes:
        bytes: Bytes of the blocks that are kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[Hashable, Draws] = OrderedDict()
        self.bytes = 0

    def draws(self, posterior: Posterior, seed: int, start: int, stop: int, block: int) -> Draws:
        """Return draws ``start .. stop - 1``, which must lie in one block of ``block`` draws."""
        index = start // block
        key = (posterior, seed, index)
        if key in self._blocks:
            self._blocks.move_to_end(key)
        else:
            self._keep(key, posterior.sample(seed, (index + 1) * block, index * block))
        first = index * block
        return {name: tensor[start - first : stop - first] for name, tensor in self._blocks[key].items()}

    def has(self, posterior: Posterior, seed: int, index: int) -> bool:
        """Return ``True`` if a block is kept now; any thread may ask."""
        return (posterior, seed, index) in self._blocks

    def _keep(self, key: Hashable, draws: Draws) -> None:
        self._blocks[key] = draws
        self.bytes += _bytes(draws)
        while self.bytes > self._max_bytes and len(self._blocks) > 1:
            _, oldest = self._blocks.popitem(last=False)
            self.bytes -= _bytes(oldest)


def _bytes(draws: Draws) -> int:
    return sum(tensor.nbytes for tensor in draws.values())
