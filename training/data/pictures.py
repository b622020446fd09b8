"""Picture files, read as rows of pixels in one common form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.errors import PictureError
from models.pictures import ENDINGS, WHITE, Picture, PictureSpec, open_picture, parse_colour
from training.data.file_rows import FileRows
from training.data.options import Options
from training.errors import DataError

BYTES_IN_MEMORY = 2**30
"""Bytes of decoded pictures up to which a data set is kept in memory; of more, each picture is read as it is needed."""

_IGNORED = {"Thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class CommonForm:
    """The common form of all pictures of a data set.

    Attributes:
        size: Height and width in pixels.
        grey: True for one channel, where all pictures are grey; else there are three.
        bits: Bits of a channel: 16 where any picture has as many.
        background: Colour that shows where a picture is transparent; ``None`` if such pictures are refused.
        transparent: Files with an alpha channel or a transparent colour.
        notes: Sentences on what was decided, for the user.
    """

    size: tuple[int, int]
    grey: bool
    bits: int
    background: str | None
    transparent: frozenset[Path]
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (1 if self.grey else 3, *self.size)

    @property
    def high(self) -> float:
        """Value of a white pixel."""
        return float(2**self.bits - 1)

    @property
    def spec(self) -> PictureSpec:
        """The way in which the service makes rows of such pictures."""
        return PictureSpec(self.background)


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


def common_form(paths: Sequence[Path], root: Path, options: Options) -> CommonForm:
    """Find the common form of pictures from their headers alone.

    Args:
        paths: The files.
        root: Folder that the user named, for messages.
        options: Size to resize to, and what to do about transparency.

    Raises:
        DataError: if one cannot be read, or if their sizes differ and no size is given.
    """
    if options.background and options.alpha:
        raise DataError("--background and --alpha refuse exclude each other: leave one of them out")
    first, grey, bits, kinds = None, True, Counter[int](), Counter[str]()
    transparent: set[Path] = set()
    for path in paths:
        with opened(path, root) as picture:
            grey, bits[picture.bits] = grey and picture.is_grey, bits[picture.bits] + 1
            first = first or picture.size
            if options.size is None and picture.size != first:
                raise DataError(
                    f"{named(path, root)} is {_text(picture.size)} pixels, {named(paths[0], root)} is {_text(first)}"
                    f" (height x width): all must be of one size, or give --size HxW to resize them"
                )
            kinds["turned"] += picture.orientation != 1
            kinds["inks"] += picture.image.mode == "CMYK"
            if picture.can_be_transparent:
                transparent.add(path)
    assert first is not None  # listed() found at least one
    background = None if options.alpha == "refuse" else options.background or WHITE
    kinds["transparent"], kinds["deep"] = len(transparent), bits[16]
    notes = tuple(_notes(kinds, len(paths), background))
    return CommonForm(options.size or first, grey, max(bits), background, frozenset(transparent), notes)


def read(paths: Sequence[Path], root: Path, form: CommonForm) -> Tensor:
    """Return pictures as levels ``(N, channels, height, width)``, uint8 or uint16, that the service makes of them too.

    They stay in their files where they would take more than :data:`BYTES_IN_MEMORY`.

    Raises:
        DataError: if one is damaged, or transparent and such pictures are refused.
    """
    dtype = torch.uint8 if form.bits == 8 else torch.uint16
    reader = partial(_levels, root=root, form=form)
    size = int(np.prod(form.shape)) * dtype.itemsize * len(paths)
    if size > BYTES_IN_MEMORY:
        return FileRows(paths, reader, form.shape, dtype)
    rows = torch.empty((len(paths), *form.shape), dtype=dtype)
    for row, path in zip(rows, paths, strict=True):
        row.copy_(reader(path))
    return rows


def check_visible(paths: Sequence[Path], rows: Tensor, root: Path, form: CommonForm) -> tuple[str, ...]:
    """Return a note on transparent pictures that show nothing on their background.

    Args:
        paths: The files.
        rows: Their levels, in the same order.
        root: Folder that the user named, for messages.
        form: Common form that they were read in.

    Raises:
        DataError: if none shows anything: what is drawn has the colour of the background.
    """
    places = [place for place, path in enumerate(paths) if path in form.transparent]
    blank = [place for place in places if _is_of_one_colour(rows[place])]
    if not blank:
        return ()
    count = f"{len(blank)} of {len(places)} transparent pictures, such as {named(paths[blank[0]], root)},"
    said = f"{count} are of one colour on the background {form.background}"
    if len(blank) == len(places):
        raise DataError(f"{said}: what they show has that colour; give another --background, such as black")
    return (f"{said}.",)


def named(path: Path, root: Path) -> str:
    """Return a path as messages show it: relative to the folder that the user named."""
    return path.relative_to(root.parent).as_posix()


def opened(path: Path, root: Path) -> Picture:
    """Open a picture and read its header.

    Raises:
        DataError: if it is no picture that can be read.
    """
    try:
        return open_picture(path, Image.MAX_IMAGE_PIXELS or 2**31)
    except PictureError as error:
        raise DataError(f"{named(path, root)} {error}") from error


def folders(folder: Path) -> Iterator[Path]:
    """Iterate over the folders in a folder by name, without hidden ones."""
    return (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))


def background_of(text: str) -> str:
    """Return a colour of the command line as ``#rrggbb``.

    Raises:
        DataError: if there is no such colour.
    """
    try:
        return "#{:02x}{:02x}{:02x}".format(*parse_colour(text))
    except PictureError as error:
        raise DataError(f"--background {error}") from error


def _levels(path: Path, root: Path, form: CommonForm) -> Tensor:
    with opened(path, root) as picture:
        try:
            levels = picture.read(form.shape[0], form.size, form.background)
        except PictureError as error:
            raise DataError(f"{named(path, root)} {error}") from error
    if form.bits == 16 and levels.dtype == np.uint8:
        return torch.from_numpy(levels.astype(np.uint16) * np.uint16(257))
    return torch.from_numpy(levels)


def _is_of_one_colour(row: Tensor) -> bool:
    colours = row.flatten(1).int()
    return bool((colours == colours[:, :1]).all())


def _notes(kinds: Counter[str], total: int, background: str | None) -> Iterator[str]:
    """Return sentences on the pictures that are not read as they lie in their files."""
    if kinds["transparent"]:
        treated = "refused where they are transparent" if background is None else f"composited on {background}"
        yield f"{kinds['transparent']} of {total} pictures have an alpha channel or a transparent colour: {treated}."
    if kinds["turned"]:
        yield f"{kinds['turned']} of {total} pictures were turned upright, as their EXIF orientation says."
    if kinds["deep"]:
        rest = " Values of the others are multiplied by 257." if kinds["deep"] < total else ""
        yield f"{kinds['deep']} of {total} pictures have 16 bits a channel: values are 0 to 65535.{rest}"
    if kinds["inks"]:
        yield f"{kinds['inks']} of {total} pictures are in inks (CMYK): converted to red, green and blue."


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
