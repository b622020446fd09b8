"""Small data and models, so that a fit is a matter of milliseconds."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from training import data
from training.data import Dataset


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In place of the user's own: a data set's judge is fitted once in a session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return data.load("digits")


@pytest.fixture(scope="session")
def idx_file() -> Callable[..., None]:
    """Writes an array of bytes as an IDX file."""

    def write(path: Path, array: np.ndarray, packed: bool = True) -> None:
        content = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        path.write_bytes(gzip.compress(content, mtime=0) if packed else content)

    return write


@pytest.fixture(scope="session")
def tiny_mnist(tmp_path_factory: pytest.TempPathFactory, idx_file: Callable[..., None]) -> Path:
    """The four files with 600 and 50 random images."""
    folder = tmp_path_factory.mktemp("mnist")
    random = np.random.default_rng(0)
    for part, rows in (("train", 600), ("t10k", 50)):
        idx_file(folder / f"{part}-images-idx3-ubyte.gz", random.integers(0, 256, (rows, 28, 28), np.uint8))
        idx_file(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(rows).astype(np.uint8) % 10)
    return folder
