"""Whether a PNG has all rows of its pixels: those that are missing would be read as black, without a word.

References:
    PNG specification (third edition, W3C, 2025), sections 7 (rows and passes), 8.2 (interlacing), 11.2 (chunks).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Numbers of a pixel, by the type of colour."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass the first column and row, and the steps to the next ones."""
_PIECE = 2**16


def has_all_rows(content: bytes) -> bool:
    """Return whether the packed data of a file are as long as its header says; no more than that is unpacked.

    Args:
        content: The file, whose header is one that Pillow has read.
    """
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    missing = 0
    for left, top, across, down in _ADAM7 if interlaced else _WHOLE:
        columns, rows = math.ceil((width - left) / across), math.ceil((height - top) / down)
        if columns > 0:
            missing += max(0, rows) * (1 + math.ceil(columns * bits * _CHANNELS[colour] / 8))  # 1: a row's filter
    unpacker = zlib.decompressobj()
    for packed in _packed(content):
        while packed and missing > 0:
            try:
                missing -= len(unpacker.decompress(packed, _PIECE))
            except zlib.error:
                return False
            packed = unpacker.unconsumed_tail
    return bool(missing <= 0)


def _packed(content: bytes) -> Iterator[bytes]:
    """Yield the data of the chunks that hold pixels."""
    place = 8
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] == b"IDAT":
            yield content[place + 8 : place + 8 + length]
        place += 12 + length
