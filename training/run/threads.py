"""The number of threads of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from training.data import Dataset

SMALL = 1_000_000
"""Number of values in a training split, below which the work of a batch is too little to be shared.

Measured on 2 busy cores, digits-convnet-bayes_by_backprop: 5 s with one thread, 100 s with two.
"""


@contextmanager
def threads_for(dataset: Dataset) -> Iterator[None]:
    """Use one thread for small data, and PyTorch's own choice for others, inside a ``with`` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if dataset.train.inputs.numel() < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
