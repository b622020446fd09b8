r"""Noise sites and their draws: the only file that makes random numbers.

Everything random in a model is named here as a *site* and drawn outside the network, from a seed. Each
``(seed, site name, index)`` owns a stream of its own, a Philox counter generator (Salmon et al., 2011) keyed by the
first two and started at the third. Hence

* draw ``t`` is the same whether 10 or 1000 are asked for, alone or in a batch, on a CPU or a GPU;
* all 64 bits of a seed count, and no two streams overlap.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SEED_LIMIT = 2**64


Streams = Iterable[np.random.Generator]
"""Streams of random bits, one for each draw; a stream is used up before the next one is asked for."""


class BaseDistribution(Protocol):
    """A distribution that makes one draw from each of some streams, an array ``(number, *shape)``."""

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Normal:
    """The standard normal distribution."""

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        values, rows = _empty(number, shape)
        for stream, row in zip(streams, rows, strict=True):
            stream.standard_normal(dtype=np.float32, out=row)
        return values


@dataclass(frozen=True)
class Uniform:
    """The uniform distribution on ``[low, high)``."""

    low: float
    high: float

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return self.low + (self.high - self.low) * _unit_uniform(streams, number, shape)


@dataclass(frozen=True)
class ScaledBernoulli:
    """The distribution of dropout masks: ``1 / keep`` with probability ``keep``, else 0, so that the mean stays."""

    keep: float

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
        kept = _unit_uniform(streams, number, shape) < self.keep
        return kept.astype(np.float32) / np.float32(self.keep)


@dataclass(frozen=True)
class Categorical:
    """The uniform distribution of an index from 0 to ``values - 1``."""

    values: int

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        return np.stack([stream.integers(self.values, size=shape) for stream in streams])


@dataclass(frozen=True)
class Permutation:
    """The uniform distribution of an order of ``0 .. n - 1``; its site has the shape ``(n,)``."""

    def sample(self, streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        return np.stack([stream.permutation(*shape) for stream in streams])


def _unit_uniform(streams: Streams, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values, rows = _empty(number, shape)
    for stream, row in zip(streams, rows, strict=True):
        stream.random(dtype=np.float32, out=row)
    return values


def _empty(number: int, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return an array for draws ``(number, *shape)``, and the same memory with a flat row for each draw."""
    values = np.empty((number, *shape), np.float32)
    return values, values.reshape(number, math.prod(shape))


@dataclass(frozen=True)
class Site:
    """A place in a model where randomness enters: its name, the shape of one draw of it and its distribution."""

    name: str
    shape: tuple[int, ...]
    distribution: BaseDistribution


def draw_noise(sites: Iterable[Site], seed: int, stop: int, start: int = 0) -> dict[str, Tensor]:
    """Return draws ``start .. stop - 1`` of every site.

    What an index counts is up to the caller: functions of a posterior, or steps of a training run.

    Args:
        sites: Places that noise goes to.
        seed: Seed, ``0 .. 2**64 - 1``.
        stop: Index after the last draw.
        start: Index of the first draw.

    Returns:
        A tensor for each site's name, of shape ``(stop - start, *site.shape)`` on the CPU.

    >>> site = Site("z", (2,), Normal())
    >>> bool((draw_noise([site], 7, 10)["z"][3:5] == draw_noise([site], 7, start=3, stop=5)["z"]).all())
    True
    """
    indices = range(start, stop)
    return {
        site.name: torch.from_numpy(
            site.distribution.sample(_streams(site.name, seed, indices), len(indices), site.shape)
        )
        for site in sites
    }


def draw_noise_per_row(sites: Sequence[Site], seeds: Sequence[int]) -> dict[str, Tensor]:
    """Return one draw per row, each from a seed of its own: row ``i`` depends on ``seeds[i]`` and on nothing else.

    Returns:
        A tensor for each site's name, of shape ``(len(seeds), *site.shape)`` on the CPU.
    """
    rows = [draw_noise(sites, seed, 1) for seed in seeds]
    return {site.name: torch.cat([row[site.name] for row in rows]) for site in sites}


def _streams(name: str, seed: int, indices: Iterable[int]) -> Iterator[np.random.Generator]:
    """Yield the stream of each index: one generator, set to its start, as opening another takes five times as long."""
    if not 0 <= seed < SEED_LIMIT:
        raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1, not {seed}")
    key = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    philox = np.random.Philox(key=int.from_bytes(key, "little"))
    stream, beginning = np.random.Generator(philox), philox.state
    for index in indices:
        # The index sits in the highest of the counter's four words, so each stream has 2**192 blocks to itself.
        beginning["state"]["counter"][3] = index
        philox.state = beginning
        yield stream
