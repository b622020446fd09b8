"""The chunks of a PNG, and whether all rows are in them: those that are missing would be read as black, without a word.

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
    for name, packed in chunks(content):
        while name == b"IDAT" and packed and missing > 0:
            try:
                missing -= len(unpacker.decompress(packed, _PIECE))
            except zlib.error:
                return False
            packed = unpacker.unconsumed_tail
    return bool(missing <= 0)


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of each chunk, in their order, be the last one whole or not."""
    place = 8
    while place < len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place + 8 : end]
        place = end + 4  # behind its checksum
