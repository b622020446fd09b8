"""Data sets by name, as ``--data`` gives them."""

from __future__ import annotations

from pathlib import Path

from training.data.bundled import curve, diabetes, digits
from training.data.dataset import Dataset, Split, Truth
from training.data.idx import mnist
from training.errors import DataError

__all__ = ["BUNDLED", "FROM_FILES", "Dataset", "Split", "Truth", "load"]

BUNDLED = {"curve": curve, "diabetes": diabetes, "digits": digits}
FROM_FILES = {"mnist": mnist}


def load(name: str, directory: Path | None = None) -> Dataset:
    """The data set of this name, from ``directory`` where it is read from files.

    Raises:
        DataError: if there is none of that name, or its files are not all right.
    """
    if directory is not None and not directory.is_dir():
        raise DataError(f"{directory} is not a directory")
    if name in FROM_FILES:
        return FROM_FILES[name](directory)
    if name not in BUNDLED:
        raise DataError(f"there is no data set {name!r}; there are: {', '.join(sorted({**BUNDLED, **FROM_FILES}))}")
    if directory is not None:
        raise DataError(f"the data set {name!r} is not read from a directory; leave --data-dir out")
    return BUNDLED[name]()
