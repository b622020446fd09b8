"""How many threads a run is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.data import Dataset

SMALL = 1_000_000
"""Values in a training split, below which a batch's work is too little to be shared out.

Measured on 2 busy cores, digits-convnet-bayes_by_backprop: 5 s with one thread, 100 s with two.
"""


@contextmanager
def threads_for(dataset: Dataset) -> Iterator[None]:
    """One thread for small data, PyTorch's own choice for others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if dataset.train.inputs.numel() < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
