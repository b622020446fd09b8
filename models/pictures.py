"""Picture files decoded to levels of pixels: one way for training and for requests, so that both see the same values.

What is decided on the way: the orientation that a camera noted in the file is applied, transparent parts show a stated
background, palettes and inks become colours, and 16 bits a channel stay 16 bits.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageFile, ImageOps

from models.errors import PictureError
from models.png import has_all_rows

Levels = NDArray[np.uint8] | NDArray[np.uint16]
"""Levels of pixels, ``(channels, height, width)``, from 0 to the highest of their type."""

MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
}
"""Formats that are read, by Pillow's names."""
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Endings of their files."""
NAMES = "PNG, JPEG, WebP, BMP, GIF or TIFF"
WHITE = "#ffffff"

_GREY = {"1", "L", "LA"}
_GREY_16 = {"I;16", "I;16B", "I;16L", "I;16N"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"}
_OTHER_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA", "RGBX")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B"))  # N: as this processor keeps numbers, lowest byte first
}
"""Pillow's packings of 16 bits a colour, of which it keeps one byte each, and those that keep the other byte."""
_GREY_ALPHA_16 = "LA;16B"
_LUMA = np.array([19595, 38470, 7471], np.int64)
"""Weights of red, green and blue in a grey, of 65536: ITU-R 601-2, as Pillow has them."""
_TURNED_SIDEWAYS = (5, 6, 7, 8)
_ORIENTATION = 0x0112
_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Levels between two greys of files with 2 and 4 bits a pixel."""
_DAMAGED = (OSError, EOFError, ValueError, SyntaxError, TypeError, LookupError, OverflowError, struct.error)
"""Exceptions of Pillow for damaged pictures."""


class PictureSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The specification of how picture files become rows of a model.

    Attributes:
        background: Colour ``#rrggbb`` that shows where a picture is transparent; ``None`` if such pictures are refused.
        bits: Bits of a channel that files must have, 8 or 16; ``None`` if both are taken, black as the smallest value
            of a row and white as the largest.
    """

    background: str | None = WHITE
    bits: int | None = None


def parse_colour(text: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour by name or as ``#rrggbb``.

    Raises:
        PictureError: if there is no such opaque colour.

    >>> parse_colour("#804080")
    (128, 64, 128)
    """
    try:
        channels = ImageColor.getrgb(text)
    except ValueError as error:
        raise PictureError(f"is no colour: {text!r}; allowed are white, black, ... or #rrggbb") from error
    if len(channels) != 3:
        raise PictureError(f"is no opaque colour: {text!r}; allowed are white, black, ... or #rrggbb")
    return channels


@dataclass(frozen=True)
class Picture:
    """An opened picture file, of which no more than the header is read.

    Attributes:
        image: The picture as Pillow opens it.
        is_grey: Whether one channel holds all colours.
        can_be_transparent: Whether the file holds an alpha channel or a transparent colour, whether used or not.
        orientation: The orientation that a camera noted, 1 (as it is) to 8.
        grey_step: Levels between two neighbouring greys: more than 1 where the file has 2 or 4 bits a pixel.
        other_bytes: Second view of the file, for the other byte of 16-bit colours; ``None`` for other pictures.
    """

    image: Image.Image
    is_grey: bool
    can_be_transparent: bool
    orientation: int
    grey_step: int = 1
    other_bytes: Image.Image | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for image in (self.image, self.other_bytes):
            if image is not None:
                image.close()

    @property
    def upright(self) -> Image.Image:
        """The picture as Pillow decodes it, the right way up."""
        return _upright(self.image, self.orientation)

    @property
    def bits(self) -> int:
        """Bits of a channel as they are kept: 8 or 16."""
        return 16 if self.image.mode in _GREY_16 or self.other_bytes is not None else 8

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, the right way up."""
        width, height = self.image.size
        return (width, height) if self.orientation in _TURNED_SIDEWAYS else (height, width)

    def read(self, channels: int, size: tuple[int, int], background: str | None) -> Levels:
        """Read the pixels, the right way up.

        Args:
            channels: 1 for grey, 3 for red, green and blue.
            size: Height and width, to which it is resized bilinearly.
            background: Colour that shows where the picture is transparent; ``None`` refuses transparent pictures.

        Returns:
            Levels ``(channels, height, width)`` from 0 to 255, or to 65535 for a picture of 16 bits a channel.

        Raises:
            PictureError: if the file is damaged, or transparent in places and no background is given.
        """
        try:
            if self.bits == 8:
                return np.array(_read_8(self, channels, size, background).transpose(2, 0, 1), order="C")
            return np.array(_read_16(self, channels, size, background).transpose(2, 0, 1), order="C")
        except _DAMAGED as error:
            raise PictureError(f"is damaged: it is not a whole {NAMES} picture") from error


def open_picture(source: Path | bytes, max_pixels: int) -> Picture:
    """Open a picture and read no more than its header.

    Args:
        source: The file, or its content.
        max_pixels: Largest number of pixels allowed.

    Raises:
        PictureError: if it is no picture of the formats that are read, has too many pixels, more than one frame or
            pixels of another kind than levels of 8 or 16 bits.
    """
    image = _opened(source, max_pixels)
    try:
        _check_kind(image)
        packing, can_be_transparent = _packing(image), _can_be_transparent(image)
    except PictureError:
        image.close()
        raise
    grey_step = _GREY_STEPS.get(packing, 1)
    if isinstance(image.info.get("transparency"), int):
        image.info["transparency"] *= grey_step  # Pillow leaves it as the file counts levels
    other = None
    if image.mode not in _GREY_16 and "16" in packing:
        other = _read_header(source)  # it was looked at when it was opened first
        _repack(other, _OTHER_BYTE.get(packing, "RGBA"))  # the four bytes of a grey and its alpha
    is_grey = image.mode in _GREY | _GREY_16 or packing == _GREY_ALPHA_16
    return Picture(image, is_grey, can_be_transparent, _orientation(image), grey_step, other)


def to_values(levels: Levels, low: float, high: float) -> NDArray[np.float32]:
    """Return raw values of pixels: ``low`` for black, ``high`` for white, whatever the bits of the picture."""
    return (low + levels.astype(np.float64) * (high - low) / np.iinfo(levels.dtype).max).astype(np.float32)


def _read_header(source: Path | bytes) -> ImageFile.ImageFile:
    image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=list(MEDIA_TYPES))
    image.filename = ""  # else Pillow maps the file into memory, and reads a TIFF on its side wrongly
    return image


def _opened(source: Path | bytes, max_pixels: int) -> ImageFile.ImageFile:
    try:
        image = _read_header(source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"has more than {max_pixels} pixels; make it smaller") from error
    except _DAMAGED as error:
        raise PictureError(f"is not a whole {NAMES} picture") from error
    if image.width * image.height > max_pixels:
        image.close()
        raise PictureError(f"has more than {max_pixels} pixels; make it smaller")
    if image.format == "PNG":
        image = _verified(image, source)
    return image


def _verified(image: ImageFile.ImageFile, source: Path | bytes) -> ImageFile.ImageFile:
    """Return a PNG anew whose checksums are right and whose rows are all there; decoding looks at neither."""
    try:
        image.verify()  # nothing more can be read from this one
        is_whole = has_all_rows(source if isinstance(source, bytes) else source.read_bytes())
    except _DAMAGED:
        is_whole = False
    if not is_whole:
        image.close()
        raise PictureError(f"is damaged: it is not a whole {NAMES} picture")
    return _read_header(source)


def _check_kind(image: ImageFile.ImageFile) -> None:
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a phone's second, smaller picture
        raise PictureError("has several frames; allowed is one: save the frame that counts as a picture of its own")
    packing = _packing(image)
    cut = "12" in packing or ("16" in packing and image.mode not in _GREY_16)
    if image.mode not in _GREY | _GREY_16 | _COLOUR or (cut and packing not in {*_OTHER_BYTE, _GREY_ALPHA_16}):
        raise PictureError(
            f"has pixels of a kind that is not read ({image.mode}, {packing}); allowed are grey and colour of 8 or 16"
            " bits a channel: save it as a PNG"
        )


def _can_be_transparent(image: Image.Image) -> bool:
    try:
        return image.has_transparency_data
    except AssertionError as error:
        raise PictureError(f"is not a whole {NAMES} picture: it has no palette") from error


def _orientation(image: Image.Image) -> int:
    try:  # Pillow applies that of a TIFF by itself
        return 1 if image.format == "TIFF" else int(image.getexif().get(_ORIENTATION, 1))
    except _DAMAGED:  # of the notes, not of the picture
        return 1


def _packing(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of how the file packs pixels, such as ``RGB;16B``."""
    args = image.tile[0].args if image.tile else ""
    packing = args[0] if isinstance(args, tuple) and args else args
    return packing if isinstance(packing, str) else ""


def _repack(image: ImageFile.ImageFile, packing: str) -> None:
    image.tile = [
        tile._replace(args=(packing, *tile.args[1:]) if isinstance(tile.args, tuple) else packing)
        for tile in image.tile
    ]


def _read_8(picture: Picture, channels: int, size: tuple[int, int], background: str | None) -> NDArray[np.uint8]:
    image = picture.upright
    if picture.can_be_transparent:
        image = _on_background(image.convert("RGBA"), background)
    image = image.convert("L" if channels == 1 else "RGB")
    return np.asarray(_resized(image, size), np.uint8).reshape(*size, channels)


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    image.load()
    return image if orientation == 1 else ImageOps.exif_transpose(image)


def _on_background(image: Image.Image, background: str | None) -> Image.Image:
    if image.getchannel("A").getextrema() == (255, 255):
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, parse_colour(_required(background))), image)


def _required(background: str | None) -> str:
    if background is None:
        raise PictureError("is transparent in places; allowed are opaque ones")
    return background


def _read_16(picture: Picture, channels: int, size: tuple[int, int], background: str | None) -> NDArray[np.uint16]:
    colours, alpha = _levels_16(picture)
    if alpha is not None and (alpha < 65535).any():
        behind = np.array(parse_colour(_required(background)), np.int64) * 257
        seen = colours * alpha + behind * (65535 - alpha)
        colours = (seen + 32767) // 65535
    if channels == 1 and colours.shape[-1] == 3:
        colours = (colours @ _LUMA + 32768)[..., None] >> 16
    planes = [_resized(Image.fromarray(plane.astype(np.float32)), size) for plane in np.moveaxis(colours, -1, 0)]
    levels = np.stack([np.rint(np.asarray(plane)).astype(np.uint16) for plane in planes], -1)
    return np.broadcast_to(levels, (*size, channels))


def _levels_16(picture: Picture) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Return levels ``(height, width, channels)`` and alphas ``(height, width, 1)``, both from 0 to 65535."""
    image = picture.upright
    levels = np.asarray(image).astype(np.int64)
    if picture.other_bytes is None:
        levels = levels[..., None]
    else:
        low = np.asarray(_upright(picture.other_bytes, picture.orientation)).astype(np.int64)
        levels = low[..., ::2] * 256 + low[..., 1::2] if picture.is_grey else levels * 256 + low
    if image.mode == "RGBA":
        return levels[..., :-1], levels[..., -1:]
    transparent = image.info.get("transparency")
    if transparent is None:
        return levels, None
    return levels, np.where((levels == transparent).all(-1, keepdims=True), 0, 65535)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)
