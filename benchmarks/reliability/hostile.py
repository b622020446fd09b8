"""Bodies that take long to read unless that is bounded: each is small to send and was, somewhere, large to read."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator

from reliability.corpus import CSV, JSON, NPY, NPZ, Hostile, npy, png, progressive_jpeg

_PACKED = {"Content-Encoding": "gzip"}
_ROWS = b'{"inputs": [' + (b"[" + b"0," * 63 + b"0],") * 15_000


def heavy() -> Iterator[Hostile]:
    """Yield the bodies, with names of their own."""
    yield Hostile("2 MB of numbers, the last of them none", JSON, _ROWS + b"[null]]}")
    yield Hostile("99 000 small objects", JSON, b'{"inputs": [' + b",".join([b'{"a":1}'] * 99_000) + b"]}")
    yield Hostile("99 000 small lists", JSON, b'{"inputs": [' + b",".join([b"[1.5]"] * 99_000) + b"]}")
    yield Hostile("100 000 keys", JSON, b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}")
    yield Hostile("900 000 quotes", JSON, b'"' + rb"\"" * 900_000)
    yield Hostile("nesting of 100 000", JSON, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield Hostile("1.9 MB of CSV, the last cell a word", CSV, b"a,b\n" + b"1,2\n" * 475_000 + b"1,x\n")
    yield Hostile("CSV of 900 000 columns", CSV, b"a," * 900_000 + b"a\n")
    yield Hostile("a .npy header of 60 000 brackets", NPY, npy("(" * 30_000 + ")" * 30_000))
    yield Hostile("an archive of 60 000 members", NPZ, _archive(60_000))
    yield Hostile("31 MB of spaces, packed", JSON, gzip.compress(b" " * 31_000_000), _PACKED)
    yield Hostile("a progressive JPEG of 4000 scans", "image/jpeg", progressive_jpeg(1000, 4000))
    yield Hostile("a PNG of 16 million pixels", "image/png", png(4000, 4000, bytes(4001 * 4000)))


def _archive(members: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(members):
            archive.writestr(f"{i}.npy", b"")
    return file.getvalue()
