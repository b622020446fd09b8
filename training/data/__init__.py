"""Data sets by name or path, as ``--data`` gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.data import sources
from training.data.bundled import curve, dense_curve, diabetes, digits
from training.data.dataset import Dataset, Split, Truth
from training.data.idx import mnist
from training.data.options import Options
from training.data.oscillation import oscillation
from training.data.scenes import scenes
from training.errors import DataError

__all__ = ["BUNDLED", "FROM_FILES", "Dataset", "Options", "Split", "Truth", "is_named", "load"]

BUNDLED = {
    "curve": curve,
    "dense_curve": dense_curve,
    "diabetes": diabetes,
    "digits": digits,
    "oscillation": oscillation,
    "scenes": scenes,
}
FROM_FILES = {"mnist": mnist}

_NO_OPTIONS = Options()


def is_named(name: str) -> bool:
    """Return whether data go by this name, without a path."""
    return name in BUNDLED or name in FROM_FILES


def load(name: str, directory: Path | None = None, options: Options = _NO_OPTIONS) -> Dataset:
    """The data set of this name, or in the file or folder of this path; a name comes before a path.

    What is in a file has a name of its own: ``own_digits`` where the file's name is that of bundled data.

    Args:
        directory: Where the files of a named data set are.
        options: How to read a path.

    Raises:
        DataError: if there is none, or its files are not all right.
    """
    if directory is not None and not directory.is_dir():
        raise DataError(f"{directory} is not a directory")
    if name in FROM_FILES:
        options.check(name, "read from its own files", frozenset())
        return FROM_FILES[name](directory)
    if directory is not None and (name in BUNDLED or Path(name).exists()):
        raise DataError(f"the data set {name!r} is not read from a directory; leave --data-dir out")
    if name in BUNDLED:
        options.check(name, "bundled", frozenset())
        return BUNDLED[name]()
    if Path(name).exists():
        made = sources.read(Path(name), options)
        return replace(made, name=f"own_{made.name}") if made.name in BUNDLED else made
    known = ", ".join(sorted({**BUNDLED, **FROM_FILES}))
    raise DataError(f"there is no data set {name!r}; there are: {known}; and no file or folder of that name")
