"""Data sets by name or path, as ``--data`` gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.errors import did_you_mean
from training.data import sources
from training.data.bundled import curve, dense_curve, diabetes, digits
from training.data.dataset import Dataset, Split, Truth
from training.data.idx import mnist
from training.data.options import Options
from training.data.oscillation import oscillation
from training.data.scenes import scenes
from training.errors import DataError

__all__ = ["BUNDLED", "FROM_FILES", "Dataset", "Options", "Split", "Truth", "is_named", "load", "name_of"]

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
    """Load the data set of this name, or else that in the file or folder of this path.

    The data of a file have a name of their own: ``own_digits`` where the file's name is that of bundled data.

    Args:
        name: Name of a data set, or a path.
        directory: Folder with the files of a named data set.
        options: Options on how to read a path.

    Raises:
        DataError: if there is no such data set, or if its files are damaged.
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
        return replace(sources.read(Path(name), options), name=name_of(Path(name)))
    known = sorted({**BUNDLED, **FROM_FILES})
    beside = Path(name).parent
    files = [str(beside / path.name) for path in beside.iterdir()] if beside.is_dir() else []
    nearest = did_you_mean(name, [*known, *files])
    listed = f"there are: {', '.join(known)}; and no file or folder of that name{nearest}"
    raise DataError(f"there is no data set {name!r}; {listed}")


def name_of(path: Path) -> str:
    """Return the name of the data in a file or folder: ``own_digits`` where its own is that of bundled data."""
    name = sources.name_of(path)
    return f"own_{name}" if name in BUNDLED else name
