"""A PNG whose pixels end before its rows do is not whole, however its rows are packed and ordered."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.errors import PictureError
from models.pictures import open_picture
from models.png import has_all_rows

PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
"""Of interlaced pixels: the first row and column of each pass, and the steps down and along."""
SIZES = [(1, 1), (2, 3), (5, 7), (8, 8), (33, 17)]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def written(grey: NDArray[np.uint8], *, interlaced: bool, rows: int | None = None, chunks: int = 1) -> bytes:
    """A PNG of greys, of which only the first so many rows are there."""
    height, width = grey.shape
    parts = [grey[top::down, left::along] for top, left, down, along in PASSES] if interlaced else [grey]
    lines = [b"\0" + line.tobytes() for part in parts if part.size for line in part][:rows]
    packed = zlib.compress(b"".join(lines))
    cuts = [len(packed) * i // chunks for i in range(chunks + 1)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced))
    data = b"".join(chunk(b"IDAT", packed[a:b]) for a, b in pairwise(cuts))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_row_that_is_missing_is_noticed(height: int, width: int, interlaced: bool) -> None:
    grey = np.random.default_rng(0).integers(1, 256, (height, width), np.uint8)
    whole = written(grey, interlaced=interlaced, chunks=3)
    with open_picture(whole, 10_000) as picture:
        assert (picture.read(1, (height, width), None)[0] == grey).all()
    with pytest.raises(PictureError, match="is damaged"):
        open_picture(written(grey, interlaced=interlaced, rows=-1), 10_000)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_pixels_of_every_kind_are_counted(mode: str, height: int, width: int) -> None:
    image = Image.new(mode, (width, height))
    for bits in (1, 2, 4, 8) if mode == "P" else (8,):
        content = io.BytesIO()
        image.save(content, "PNG", **({"bits": bits} if mode == "P" else {}))
        assert has_all_rows(content.getvalue())
