"""Image files, read as bytes ``(N, channels, height, width)``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.errors import DataError

ENDINGS = (".png", ".jpg", ".jpeg")
_GREY = {"1", "L", "LA"}
_WIDE = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_IGNORED = {"Thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Look:
    """The common form of all pictures of a data set.

    Attributes:
        size: Height and width in pixels.
        grey: True for one channel, where all pictures are grey; else there are three.
    """

    size: tuple[int, int]
    grey: bool


def listed(folder: Path, root: Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """List all pictures in a folder by name; hidden files do not count.

    Args:
        folder: The folder.
        root: Folder that the user named, for messages.
        endings: Endings of the files that are allowed.

    Raises:
        DataError: if there is no picture, or if there is another file.
    """
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in _IGNORED)
    allowed = ", ".join(endings)
    for path in files:
        if not path.is_file() or path.suffix.lower() not in endings:
            raise DataError(
                f"{named(path, root)} is not a picture; in {named(folder, root)} only {allowed} are allowed"
            )
    if not files:
        raise DataError(f"{named(folder, root)} has no picture; {allowed} are read")
    return files


def common_look(paths: Sequence[Path], root: Path, size: tuple[int, int] | None) -> Look:
    """Find the common form of pictures from their headers alone.

    Args:
        paths: The files.
        root: Folder that the user named, for messages.
        size: Height and width to resize to; without it all pictures must have the same.

    Raises:
        DataError: if one cannot be read, or if their sizes differ and ``size`` is ``None``.
    """
    first, grey = None, True
    for path in paths:
        with opened(path, root) as image:
            if image.mode in _WIDE:
                raise DataError(f"{named(path, root)} has more than 8 bits a channel ({image.mode}); 8 are allowed")
            grey = grey and image.mode in _GREY
            here = image.height, image.width
        first = first or here
        if size is None and here != first:
            raise DataError(
                f"{named(path, root)} is {_text(here)} pixels, {named(paths[0], root)} is {_text(first)} (height x"
                f" width): all must be of one size, or give --size HxW to resize them"
            )
    assert first is not None  # listed() found at least one
    return Look(size or first, grey)


def read(paths: Sequence[Path], root: Path, look: Look) -> Tensor:
    """Read pictures as bytes ``(N, channels, height, width)``, resized bilinearly as the service resizes."""
    height, width = look.size
    pixels = np.empty((len(paths), height, width, 1 if look.grey else 3), np.uint8)
    for place, path in zip(pixels, paths, strict=True):
        with opened(path, root) as image:
            picture = decoded(image, path, root).convert("L" if look.grey else "RGB")
            place[:] = np.asarray(_resized(picture, look.size, Image.Resampling.BILINEAR)).reshape(place.shape)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def read_labels(path: Path, root: Path, size: tuple[int, int], picture: Path) -> NDArray[np.uint8]:
    """Read the class number of every pixel, resized by taking the nearest, as numbers of classes have no mean.

    Args:
        path: File of the mask.
        root: Folder that the user named, for messages.
        size: Height and width of the result.
        picture: File of the picture that the mask belongs to.

    Returns:
        Class numbers ``(height, width)``.

    Raises:
        DataError: if the mask is unreadable, coloured, or not of the picture's size.
    """
    with opened(path, root) as mask, opened(picture, root) as image:
        if mask.mode not in {"L", "P"}:
            raise DataError(f"{named(path, root)} is {mask.mode}; a mask has one channel of 8 bits, each pixel's class")
        if mask.size != image.size:
            raise DataError(
                f"{named(path, root)} is {_text((mask.height, mask.width))} pixels, its picture {named(picture, root)}"
                f" {_text((image.height, image.width))} (height x width)"
            )
        return np.asarray(_resized(decoded(mask, path, root), size, Image.Resampling.NEAREST))


def named(path: Path, root: Path) -> str:
    """Return a path as messages show it: relative to the folder that the user named."""
    return path.relative_to(root.parent).as_posix()


def opened(path: Path, root: Path) -> Image.Image:
    """Open a picture and read its header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path, formats=["PNG", "JPEG"])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{named(path, root)} has more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{named(path, root)} cannot be read as a PNG or JPEG picture") from error


def decoded(image: Image.Image, path: Path, root: Path) -> Image.Image:
    """Read the pixels of an opened picture."""
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{named(path, root)} is damaged: {error}") from error
    return image


def _resized(image: Image.Image, size: tuple[int, int], by: Image.Resampling) -> Image.Image:
    height, width = size
    return image if image.size == (width, height) else image.resize((width, height), by)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def folders(folder: Path) -> Iterator[Path]:
    """Iterate over the folders in a folder by name, without hidden ones."""
    return (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
