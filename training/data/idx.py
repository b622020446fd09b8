"""MNIST and data sets like it, from four IDX files in a folder, or downloaded and checked."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.specs import OutputSpec
from training.data.bundled import DIGITS
from training.data.dataset import Dataset, Split, image_spec
from training.errors import DataError

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Checksums of the unpacked files, so that it does not matter how a mirror packed them."""

_HELD_OUT_ROWS = 10_000
"""Number of last rows of the training files that are held out: half of them validate, half calibrate."""

_TIMEOUT_SECONDS = 30


def mnist(directory: Path | None = None) -> Dataset:
    """Load 70 000 handwritten digits of 28 x 28 pixels from 0 to 255: 50 000 to train, 10 000 held out, 10 000 to test.

    Args:
        directory: Folder with the four files, packed or not; by default they are downloaded once into the user's
            cache.

    Raises:
        DataError: if a file is missing, damaged or cannot be downloaded.
    """
    return _dataset(directory or _downloaded(), "mnist", DIGITS)


def from_folder(folder: Path, name: str, classes: tuple[str, ...] | None) -> Dataset:
    """Load any data set that has the form of MNIST's four files.

    Args:
        folder: Folder with the files.
        name: Name of the data set.
        classes: Names by label; without them the labels themselves, from 0 to the largest in the training rows.
    """
    return _dataset(folder, name, classes)


def is_folder(folder: Path) -> bool:
    """Return whether training images under the name of MNIST's are in this folder."""
    return any(folder.glob("train-images[-.]idx3-ubyte*"))


def _dataset(folder: Path, name: str, classes: tuple[str, ...] | None) -> Dataset:
    parts = {part: _pair(folder, part) for part in ("train", "t10k")}
    names = classes or tuple(str(label) for label in range(int(parts["train"].targets.max()) + 1))
    train, test = parts.values()
    _check_labels(train, test, names, folder)
    if train.inputs.shape[1:] != test.inputs.shape[1:]:
        shapes = (tuple(part.inputs.shape[2:]) for part in (train, test))
        raise DataError(f"{folder}: training images are {next(shapes)} pixels, test images {next(shapes)}")
    held_out = min(_HELD_OUT_ROWS, len(train.inputs) // 6)
    if held_out < 2:
        raise DataError(f"{folder}: {len(train.inputs)} training images are too few to hold some out; 12 are enough")
    start, middle = len(train.inputs) - held_out, len(train.inputs) - held_out // 2
    train, validation, calibration = (
        train.rows(slice(*ends)) for ends in ((0, start), (start, middle), (middle, None))
    )
    outputs = OutputSpec("classification", names)
    return Dataset(name, image_spec(train.inputs, 0.0, 255.0), outputs, train, validation, calibration, test)


def _check_labels(train: Split, test: Split, names: Sequence[str], folder: Path) -> None:
    trained = set(train.targets.tolist())
    if len(trained) < 2:
        raise DataError(f"{folder}: its training labels are all {trained.pop()}; at least two classes are needed")
    if max(trained) >= len(names):
        raise DataError(f"{folder}: a label of train is {max(trained)}; labels are 0 to {len(names) - 1}")
    if unknown := sorted(set(test.targets.tolist()) - trained):
        raise DataError(f"{folder}: the label {unknown[0]} of t10k is in no training row")


def read(path: Path) -> Tensor:
    """Read the array of an IDX file of bytes, packed by gzip or not: uint8, in the shape that the file states.

    Raises:
        DataError: if it is no such file, or if its length does not match its header.
    """
    content = _unpacked(path)
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise DataError(f"{path} is not an IDX file of bytes: it does not begin with 00 00 08")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise DataError(f"{path} is cut off: {len(content)} bytes do not hold its header")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    if len(content) != header + math.prod(shape):
        raise DataError(f"{path} has {len(content)} bytes; its header promises {header + math.prod(shape)}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy())


def _unpacked(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _pair(directory: Path, part: str) -> Split:
    images, labels = (
        read(_find(directory, f"{part}-images-idx3-ubyte")),
        read(_find(directory, f"{part}-labels-idx1-ubyte")),
    )
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not len(images):
        raise DataError(f"{directory}: images {tuple(images.shape)} and labels {tuple(labels.shape)} do not belong")
    return Split(images.float().unsqueeze(1), labels.long())


def _find(directory: Path, name: str) -> Path:
    names = [name, name.replace("-idx", ".idx")]
    for path in (directory / f"{stem}{ending}" for stem in names for ending in ("", ".gz")):
        if path.is_file():
            return path
    raise DataError(f"{directory} has no file {name} (nor {names[1]}, nor either with .gz)")


def _downloaded() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "credence" / "mnist"
    for name, expected in SHA256.items():
        if not (folder / name).is_file():
            _download(name, expected, folder)
    return folder


def _download(name: str, expected: str, folder: Path) -> None:
    address = f"{MIRROR}{name}.gz"
    try:
        # The address is always https.
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310  # nosec B310
            content = gzip.decompress(answer.read())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"MNIST cannot be downloaded from {MIRROR} ({error}): give the directory of its four files, --data-dir DIR"
        ) from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataError(f"{address} does not have the SHA-256 that it should have")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{name}.{os.getpid()}.part"
    temporary.write_bytes(content)
    temporary.replace(folder / name)
