"""Picture files of every kind that people have, each with a picture of 4 x 6 pixels that all differ."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 4, 6
GREY = (np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) * 10 + 3).astype(np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], -1)
ALPHA = np.where(np.arange(WIDTH) < 3, 255, np.arange(WIDTH) * 20).astype(np.uint8) * np.ones((HEIGHT, 1), np.uint8)
DEEP = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 2711 + 5
DEEP_COLOUR = np.stack([DEEP, 65535 - DEEP, DEEP // 2], -1)
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257
ORIENTATION = 0x0112


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(bits: int, colours: int, lines: list[bytes], *between: bytes, width: int = WIDTH) -> bytes:
    """A PNG by its parts; ``colours`` is 0 for grey, 2 for RGB, 3 for a palette, 4 and 6 with an alpha channel."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, len(lines), bits, colours, 0, 0, 0)
    parts = header, *between, b"IDAT" + zlib.compress(b"".join(b"\0" + line for line in lines)), b"IEND"
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_png(colours: int, levels: np.ndarray, *between: bytes) -> bytes:
    return png(16, colours, [line.astype(">u2").tobytes() for line in levels], *between)


def deep_tiff(levels: np.ndarray, order: str = "<") -> bytes:
    """A TIFF of 16 bits a colour, which Pillow reads but does not write."""
    data, channels = levels.astype(f"{order}u2").tobytes(), levels.shape[-1]
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    entries = [
        (256, 3, 1, WIDTH),
        (257, 3, 1, HEIGHT),
        (258, 3, channels, 8 + len(data)),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 3, 1, HEIGHT),
        (279, 4, 1, len(data)),
        *([(338, 3, 1, 2)] if channels == 4 else []),
    ]
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        packed = struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        directory += struct.pack(f"{order}HHI", tag, kind, count) + packed
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 8 + len(data) + len(bits)) + data + bits + directory + bytes(4)


def oriented(image: Image.Image, orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(image, kind, exif=exif)


def low_bits(bits: int, *between: bytes) -> bytes:
    """A grey PNG of 1, 2 or 4 bits a pixel, whose levels count up from 0 and begin again."""
    values = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) % 2**bits
    binary = (values[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8).reshape(HEIGHT, -1)
    return png(bits, 0, [np.packbits(line).tobytes() for line in binary], *between)


def palette() -> Image.Image:
    return Image.fromarray(COLOUR).quantize(24)


FILES: dict[str, bytes] = {
    "grey PNG": saved(Image.fromarray(GREY), "PNG"),
    "colour PNG": saved(Image.fromarray(COLOUR), "PNG"),
    "palette PNG": saved(palette(), "PNG"),
    "palette PNG, transparent": saved(palette(), "PNG", transparency=3),
    "1 bit PNG": low_bits(1),
    "2 bit PNG": low_bits(2),
    "2 bit PNG, transparent": low_bits(2, b"tRNS" + struct.pack(">H", 2)),
    "4 bit PNG, transparent": low_bits(4, b"tRNS" + struct.pack(">H", 9)),
    "grey PNG, transparent colour": saved(Image.fromarray(GREY), "PNG", transparency=13),
    "colour PNG, transparent colour": saved(Image.fromarray(COLOUR), "PNG", transparency=tuple(COLOUR[0, 1].tolist())),
    "grey and alpha PNG": saved(Image.fromarray(np.dstack([GREY, ALPHA])), "PNG"),
    "colour and alpha PNG": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "PNG"),
    "16 bit grey PNG": deep_png(0, DEEP),
    "16 bit grey PNG, transparent colour": deep_png(0, DEEP, b"tRNS" + struct.pack(">H", DEEP[0, 1])),
    "16 bit colour PNG": deep_png(2, DEEP_COLOUR),
    "16 bit colour PNG, transparent colour": deep_png(
        2, DEEP_COLOUR, b"tRNS" + struct.pack(">HHH", *DEEP_COLOUR[0, 1].tolist())
    ),
    "16 bit grey and alpha PNG": deep_png(4, np.dstack([DEEP, DEEP_ALPHA])),
    "16 bit colour and alpha PNG": deep_png(6, np.dstack([DEEP_COLOUR, DEEP_ALPHA])),
    "grey JPEG": saved(Image.fromarray(GREY), "JPEG"),
    "colour JPEG": saved(Image.fromarray(COLOUR), "JPEG"),
    "CMYK JPEG": saved(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "JPEG on its side": oriented(Image.fromarray(COLOUR), 6, "JPEG"),
    "MPO JPEG": saved(Image.fromarray(COLOUR), "MPO", save_all=True, append_images=[Image.fromarray(COLOUR[:2])]),
    "WebP": saved(Image.fromarray(COLOUR), "WEBP"),
    "WebP, alpha": saved(Image.fromarray(np.dstack([COLOUR, ALPHA])), "WEBP", lossless=True),
    "BMP": saved(Image.fromarray(COLOUR), "BMP"),
    "GIF": saved(palette(), "GIF"),
    "TIFF": saved(Image.fromarray(COLOUR), "TIFF", compression="tiff_lzw"),
    "CMYK TIFF": saved(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
    "TIFF on its side": oriented(Image.fromarray(GREY), 8, "TIFF"),
    "16 bit grey TIFF": saved(Image.fromarray(DEEP), "TIFF"),
    "16 bit colour TIFF": deep_tiff(DEEP_COLOUR),
    "16 bit colour TIFF, highest byte first": deep_tiff(DEEP_COLOUR, ">"),
    "16 bit colour TIFF, alpha": deep_tiff(np.dstack([DEEP_COLOUR, DEEP_ALPHA])),
    "16 bit grey on its side": oriented(Image.fromarray(DEEP), 6),
}
"""Whole files by what they are."""
