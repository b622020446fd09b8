"""Files and folders that a user names, read by the layout that they have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from training.data import idx, image_folders, npz, reading, tables
from training.data.dataset import Dataset
from training.data.fingerprint import fingerprint
from training.data.options import Options
from training.errors import DataError

_TABLE = frozenset(
    {"target", "task", "categorical", "numeric", "date_format", "keep", "drop", "missing", "na_values"}
    | {"encoding", "delimiter", "decimal", "thousands"}
)
_PICTURES = frozenset({"size", "background", "alpha"})
_ARRAYS = ".npz"
_LONGEST_NAME = 32


@dataclass(frozen=True)
class Layout:
    """One layout of data on a disk.

    Attributes:
        kind: Name of the kind with its article, for messages.
        recognises: Function that tells whether a path has this layout.
        read: Function of a path, a name for the data set and options that reads it.
        takes: Names of the options that apply.
    """

    kind: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, str, Options], Dataset]
    takes: frozenset[str]


LAYOUTS = (
    Layout("a table", reading.is_table, tables.from_file, _TABLE | {"id", "time", "steps"}),
    Layout("an NPZ file", lambda p: _ends(p, _ARRAYS), npz.from_npz, frozenset({"target", "task", "ignore"})),
    Layout(
        "a folder with data.csv and splits.json",
        lambda p: reading.find_table(p, "data") is not None and (p / "splits.json").is_file(),
        tables.from_uci,
        _TABLE | {"split"},
    ),
    Layout("a folder with train.csv", lambda p: reading.find_table(p, "train") is not None, tables.from_folder, _TABLE),
    Layout(
        "a folder of IDX files",
        idx.is_folder,
        lambda p, name, _: idx.from_folder(p, name, image_folders.class_names(p)),
        frozenset(),
    ),
    Layout(
        "a folder of images with masks",
        image_folders.has_masks,
        image_folders.with_masks,
        _PICTURES | {"classes", "ignore"},
    ),
    Layout("a folder of images by class", image_folders.has_classes, image_folders.by_class, _PICTURES),
    Layout("a folder of images", image_folders.has_pictures, image_folders.without_classes, _PICTURES),
)
"""Layouts; the first that recognises a path reads it."""


def read(path: Path, options: Options) -> Dataset:
    """Read the data set in a file or folder, and name it after the path.

    Raises:
        DataError: if its layout is unknown, or if something in it cannot be used.
    """
    for layout in LAYOUTS:
        if layout.recognises(path):
            options.check(path.name, layout.kind, layout.takes)
            dataset = layout.read(path, name_of(path), options)
            shown = path.name if path.is_absolute() else str(path)  # cards are served to everybody
            reading = options.arguments()
            return replace(
                dataset, arguments=f"{quote(shown)}{reading}", fingerprint=fingerprint(path), reading=reading
            )
    if path.is_file():
        raise DataError(f"{path} is not a file that can be read; .csv, .parquet, .feather and .npz can")
    known = "; ".join(layout.kind for layout in LAYOUTS)
    raise DataError(f"{path} is a folder of no known layout; known are: {known}")


def name_of(path: Path) -> str:
    """Return the first part of a model's name: that of the file or folder in small letters, digits and ``_``.

    >>> name_of(Path("data/My Wine (red).csv"))
    'my_wine_red'
    >>> name_of(Path("shop.csv.gz"))
    'shop'
    """
    whole = path.resolve()
    endings = sorted((*reading.ENDINGS, _ARRAYS), key=len, reverse=True)
    stem = next((whole.name[: -len(end)] for end in endings if whole.name.lower().endswith(end)), whole.name)
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:_LONGEST_NAME].strip("_")
    return name or "data"


def _ends(path: Path, *endings: str) -> bool:
    return path.is_file() and path.suffix.lower() in endings
