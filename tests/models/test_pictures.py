"""Picture files and the levels that they hold: known ones, whatever the file packs them in."""

from __future__ import annotations

import io

import numpy as np
import pytest
from picture_files import (
    ALPHA,
    COLOUR,
    DEEP,
    DEEP_ALPHA,
    DEEP_COLOUR,
    FILES,
    GREY,
    ORIENTATION,
    deep_png,
    low_bits,
    oriented,
    palette,
    saved,
)
from PIL import Image, ImageOps

from models.errors import PictureError
from models.pictures import Picture, open_picture, parse_colour, to_values


def opened(content: bytes) -> Picture:
    return open_picture(content, 10_000)


def levels(content: bytes, background: str | None = None, channels: int | None = None) -> np.ndarray:
    picture = opened(content)
    return picture.read(channels or (1 if picture.is_grey else 3), picture.size, background)


def behind(colours: np.ndarray, alpha: np.ndarray, background: list[int]) -> np.ndarray:
    """The colours of a transparent picture on a background, ``(channels, height, width)``, as real numbers."""
    share = alpha[..., None] / (255 if alpha.dtype == np.uint8 else 65535)
    return np.moveaxis(share * colours + (1 - share) * np.array(background), -1, 0)


STEP = np.arange(24).reshape(4, 6)
KNOWN = {
    "grey PNG": GREY[None],
    "colour PNG": np.moveaxis(COLOUR, -1, 0),
    "palette PNG": np.moveaxis(np.asarray(palette().convert("RGB")), -1, 0),
    "1 bit PNG": STEP[None] % 2 * 255,
    "2 bit PNG": STEP[None] % 4 * 85,
    "16 bit grey PNG": DEEP[None],
    "16 bit colour PNG": np.moveaxis(DEEP_COLOUR, -1, 0),
    "16 bit grey TIFF": DEEP[None],
    "16 bit colour TIFF": np.moveaxis(DEEP_COLOUR, -1, 0),
    "16 bit colour TIFF, highest byte first": np.moveaxis(DEEP_COLOUR, -1, 0),
    "16 bit grey on its side": np.rot90(DEEP, -1)[None],
    "TIFF on its side": np.rot90(GREY)[None],
    "BMP": np.moveaxis(COLOUR, -1, 0),
    "TIFF": np.moveaxis(COLOUR, -1, 0),
    "GIF": np.moveaxis(np.asarray(palette().convert("RGB")), -1, 0),
}
TRANSPARENT = {
    "2 bit PNG, transparent": np.where(STEP % 4 == 2, 255, STEP % 4 * 85)[None],
    "4 bit PNG, transparent": np.where(STEP % 16 == 9, 255, STEP % 16 * 17)[None],
    "grey PNG, transparent colour": np.where(GREY == 13, 255, GREY)[None],
    "colour PNG, transparent colour": np.moveaxis(np.where(GREY[..., None] == 13, 255, COLOUR), -1, 0),
    "grey and alpha PNG": behind(GREY[..., None], ALPHA, [255]),
    "colour and alpha PNG": behind(COLOUR, ALPHA, [255] * 3),
    "WebP, alpha": behind(COLOUR, ALPHA, [255] * 3),
    "16 bit grey PNG, transparent colour": np.where(DEEP[0, 1] == DEEP, 65535, DEEP)[None],
    "16 bit colour PNG, transparent colour": np.moveaxis(
        np.where((DEEP[0, 1] == DEEP)[..., None], 65535, DEEP_COLOUR), -1, 0
    ),
    "16 bit grey and alpha PNG": behind(DEEP[..., None], DEEP_ALPHA, [65535]),
    "16 bit colour and alpha PNG": behind(DEEP_COLOUR, DEEP_ALPHA, [65535] * 3),
    "16 bit colour TIFF, alpha": behind(DEEP_COLOUR, DEEP_ALPHA, [65535] * 3),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_levels_are_those_that_the_file_holds(kind: str) -> None:
    read = levels(FILES[kind])
    assert read.dtype == (np.uint16 if "16" in kind else np.uint8)
    np.testing.assert_array_equal(read, KNOWN[kind])


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_transparent_parts_show_the_background_or_are_refused(kind: str) -> None:
    read = levels(FILES[kind], "#ffffff")
    assert np.abs(read - TRANSPARENT[kind]).max() <= 1  # Pillow rounds alpha a level apart
    assert not np.array_equal(levels(FILES[kind], "#000000"), read)
    with pytest.raises(PictureError, match=r"^is transparent in places; allowed are opaque ones$"):
        levels(FILES[kind])


def test_a_coloured_background_shows_in_colour() -> None:
    read = levels(FILES["16 bit colour and alpha PNG"], "#804020")
    assert np.abs(read - behind(DEEP_COLOUR, DEEP_ALPHA, [0x80 * 257, 0x40 * 257, 0x20 * 257])).max() <= 1
    assert parse_colour("black") == (0, 0, 0)
    for wrong in ("no colour", "#12345", "#11223344"):
        with pytest.raises(PictureError, match="allowed are white, black"):
            parse_colour(wrong)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_the_orientation_that_a_camera_noted_is_applied(orientation: int, kind: str) -> None:
    plain = Image.open(io.BytesIO(saved(Image.fromarray(COLOUR), kind)))
    plain.load()
    plain.getexif()[ORIENTATION] = orientation
    upright = ImageOps.exif_transpose(plain)
    picture = opened(oriented(Image.fromarray(COLOUR), orientation, kind))
    assert picture.size == (upright.height, upright.width)
    np.testing.assert_array_equal(picture.read(3, picture.size, None), np.moveaxis(np.asarray(upright), -1, 0))


def test_inks_become_the_colours_that_they_print() -> None:
    inks = Image.fromarray(COLOUR).convert("CMYK")
    for content in (saved(inks, "JPEG", quality=100), saved(inks, "TIFF")):
        assert np.abs(levels(content).astype(int) - np.moveaxis(COLOUR, -1, 0)).max() < 12


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_phones_second_picture_is_left_out_and_broken_notes_do_not_matter() -> None:
    assert opened(FILES["MPO JPEG"]).size == (4, 6)
    broken = saved(Image.fromarray(GREY), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(levels(broken), GREY[None])


def test_deep_pictures_become_grey_and_smaller_without_losing_bits() -> None:
    grey = levels(FILES["16 bit colour PNG"], channels=1)[0]
    assert np.abs(grey - DEEP_COLOUR @ np.array([0.299, 0.587, 0.114])).max() < 2
    picture = opened(FILES["16 bit grey PNG"])
    small = picture.read(3, (2, 3), None)
    assert small.shape == (3, 2, 3)
    assert (small[0] == small[2]).all()
    assert (small % 257 != 0).any()  # of 8 bits, all would be multiples
    flat = opened(deep_png(0, np.full((4, 6), 40_001)))
    assert (flat.read(1, (2, 3), None) == 40_001).all()


def test_values_have_the_models_range_whatever_the_bits() -> None:
    eight, sixteen = np.array([0, 100, 255], np.uint8), np.array([0, 25_700, 65_535], np.uint16)
    for low, high in ((0.0, 255.0), (0.0, 65_535.0), (-1.0, 1.0)):
        np.testing.assert_array_equal(to_values(eight, low, high), to_values(sixteen, low, high))
    assert to_values(np.arange(256, dtype=np.uint8), 0, 255).tolist() == list(range(256))
    assert to_values(np.arange(65_536, dtype=np.uint16), 0, 65_535).tolist() == list(range(65_536))


REFUSED = {
    "no picture": (b"no", "is not a whole PNG, JPEG, WebP, BMP, GIF or TIFF picture"),
    "real numbers": (saved(Image.new("F", (6, 4)), "TIFF"), "has pixels of a kind that is not read (F, F;32F)"),
    "32 bits": (saved(Image.new("I", (6, 4)), "TIFF"), "has pixels of a kind that is not read (I, I;32"),
    "Lab": (saved(Image.new("LAB", (6, 4)), "TIFF"), "has pixels of a kind that is not read (LAB"),
    **{
        f"frames of {kind}": (
            saved(palette(), kind, save_all=True, append_images=[Image.fromarray(GREY)]),
            "has several frames; allowed is one",
        )
        for kind in ("GIF", "PNG", "TIFF", "WEBP")
    },
    "too many pixels": (saved(Image.new("L", (200, 200)), "PNG"), "has more than 10000 pixels; make it smaller"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_soundly_is_refused(case: str) -> None:
    content, said = REFUSED[case]
    with pytest.raises(PictureError) as caught:
        opened(content)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("kind", ["colour PNG", "colour JPEG", "16 bit colour PNG", "TIFF", "WebP"])
def test_a_file_that_is_cut_off_is_refused(kind: str) -> None:
    large = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    content = FILES[kind] if "16" in kind else saved(large, kind.split()[-1].upper())
    with pytest.raises(PictureError, match=r"(is damaged: it )?is not a whole"):
        levels(content[: len(content) * 2 // 3])


@pytest.mark.parametrize("kind", ["grey PNG", "palette PNG", "16 bit colour PNG"])
def test_a_png_with_a_flipped_bit_is_never_read_as_other_pixels(kind: str) -> None:
    content, refused = FILES[kind], 0
    whole = levels(content)
    for place in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        try:
            np.testing.assert_array_equal(levels(bytes(flipped)), whole)
        except PictureError:
            refused += 1
    assert refused > 0.8 * len(content) * 8


def test_masks_of_few_bits_tell_the_step_between_their_greys() -> None:
    assert [opened(low_bits(bits)).grey_step for bits in (1, 2, 4)] == [1, 85, 17]
