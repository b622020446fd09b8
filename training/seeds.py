"""Seeds: one for a run, and a stream of its own for each purpose.

A run's noise must not be the noise that a prediction with the same seed draws, or a model would be judged on the
very draws that it was fitted to.
"""

from __future__ import annotations

import hashlib

import torch

from models.checkpoints.checkpoint import GeneratorSpec, Model, PredictorSpec
from models.noise import SEED_LIMIT


def derive(seed: int, purpose: str) -> int:
    """Derive a 64-bit seed that belongs to this purpose of this run."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")


def seeds_from(first: int, count: int) -> list[int]:
    """Return consecutive seeds; the largest is followed by 0.

    >>> seeds_from(2**64 - 1, 2)
    [18446744073709551615, 0]
    """
    return [(first + i) % SEED_LIMIT for i in range(count)]


def initialised(spec: PredictorSpec | GeneratorSpec, seed: int) -> Model:
    """Build a new model whose initial weights depend on the seed alone.

    PyTorch's layers draw their weights from the process-wide generator, whose state is restored afterwards. It takes
    32 bits of a seed, so all 64 are mixed into them first.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, "weights") & 0xFFFFFFFF)
        return spec.build()
