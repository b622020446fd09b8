"""One seed for a run, and a stream of its own for each purpose.

A run's noise must not be the noise that a prediction with the same seed draws, or a model would be judged on the
very draws that it was fitted to.
"""

from __future__ import annotations

import hashlib

import torch

from models.checkpoint import GeneratorSpec, PredictorSpec
from models.generator import Generator
from models.predictor import Predictor


def derive(seed: int, purpose: str) -> int:
    """A 64-bit seed that belongs to this purpose of this run."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")


def initialised(spec: PredictorSpec | GeneratorSpec, seed: int) -> Predictor | Generator:
    """A new model whose initial weights depend on the seed alone.

    PyTorch's layers fill themselves from the process-wide generator: it is lent for the time, and given back as it
    was. It takes 32 bits of a seed, so all 64 are mixed into them first.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, "weights") & 0xFFFFFFFF)
        return spec.build()
