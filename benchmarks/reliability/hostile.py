"""Bodies that are meant to break a service: each is small to send and was, somewhere, large to read."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from reliability.corpus import all_hostile

JSON, CSV, NPY, NPZ, PNG, JPEG = (
    "application/json",
    "text/csv",
    "application/x-npy",
    "application/x-npz",
    "image/png",
    "image/jpeg",
)
_KEYS = ("inputs", "rows", "codes", "seeds", "n", "z", "pool", "outputs", "from", "model", "samples", "instances", "id")
_VALUES = {
    "NaN": "NaN",
    "minus infinity": "-Infinity",
    "1e999": "1e999",
    "minus zero": "-0",
    "2^63": str(2**63),
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "half a character": r'"\ud800"',
    "a NUL": r'"\u0000"',
    "null": "null",
    "a boolean": "true",
    "an empty list": "[]",
    "an empty object": "{}",
    "a list of NaN": "[[NaN]]",
    "a list of 1e308": "[[1e308, 1e308]]",
    "a ragged list": "[[1, 2], [3]]",
    "an object with half a character": r'[{"\udfff": 1}]',
    "a long text": '"' + "x" * 100_000 + '"',
}


@dataclass(frozen=True)
class Attack:
    """A hostile body.

    Attributes:
        name: What is hostile about it.
        encoding: Its Content-Encoding.
    """

    name: str
    content_type: str
    content: bytes
    encoding: str = "identity"


def attacks() -> Iterator[Attack]:
    """Yield all bodies: values under every key, JSON as such, arrays, pictures and what is packed."""
    for key in _KEYS:
        for name, value in _VALUES.items():
            yield Attack(f"{key} is {name}", JSON, f'{{"{key}": {value}}}'.encode())
    yield from _texts()
    yield from _arrays()
    yield from _pictures()
    for odd in all_hostile():
        if odd.headers.keys() <= {"content-encoding"}:
            yield Attack(odd.name, odd.content_type, odd.body, odd.headers.get("content-encoding", "identity"))


def heavy() -> Iterator[Attack]:
    """Yield the bodies that take long to read, if they are not bounded."""
    row = b"[" + b"0," * 63 + b"0]"
    yield Attack("2 MB of numbers, the last of them none", JSON, b'{"inputs": [' + (row + b",") * 15_000 + b"[null]]}")
    yield Attack("99 000 small objects", JSON, b'{"inputs": [' + b",".join([b'{"a":1}'] * 99_000) + b"]}")
    yield Attack("99 000 small lists", JSON, b'{"inputs": [' + b",".join([b"[1.5]"] * 99_000) + b"]}")
    yield Attack("100 000 keys", JSON, b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}")
    yield Attack("150 000 members of a record", JSON, b'{"inputs": [{' + _MEMBERS + b"}]}")
    yield Attack("600 000 names of outputs", JSON, b'{"inputs": [[1]], "outputs": [' + b'"",' * 600_000 + b'""]}')
    yield Attack("a million commas for outputs", JSON, b'{"inputs": [[1]], "outputs": "' + b"," * 1_000_000 + b'"}')
    yield Attack("300 000 numbers beyond all", JSON, b'{"inputs": [[' + b"1e999," * 300_000 + b"1]]}")
    yield Attack("490 numbers of 4000 digits", JSON, b'{"inputs": [[' + (b"9" * 4000 + b",") * 490 + b"1]]}")
    yield Attack("300 000 halves of characters", JSON, b'{"inputs": "' + rb"\ud800" * 300_000 + b'"}')
    yield Attack("a million numbers in one row", JSON, b'{"inputs": [[' + b"1," * 990_000 + b"1]]}")
    yield Attack("900 000 quotes", JSON, b'"' + rb"\"" * 900_000)
    yield Attack("nesting of 100 000", JSON, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield Attack("1.9 MB of CSV, the last cell a word", CSV, b"a,b\n" + b"1,2\n" * 475_000 + b"1,x\n")
    yield Attack("CSV of 900 000 columns", CSV, b"a," * 900_000 + b"a\n")
    yield Attack("a .npy header of 60 000 brackets", NPY, _npy("(" * 30_000 + ")" * 30_000))
    yield Attack("an archive of 60 000 members", NPZ, _archive(60_000))
    yield Attack("32 MB of zeros, packed", JSON, gzip.compress(b" " * 31_000_000), "gzip")
    yield Attack("a progressive JPEG of 4000 scans", JPEG, _progressive(1000, 4000))
    yield Attack("a PNG of 16 million pixels", PNG, _png(4000, 4000, b"\0" * 4001 * 4000))


_MEMBERS = b",".join(b'"%d":1' % i for i in range(150_000))


def _texts() -> Iterator[Attack]:
    whole = {
        "nothing": b"",
        "a word": b"pixels",
        "cut off": b'{"inputs": [[1, 2',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "UTF-16": "{}".encode("utf-16"),
        "no UTF-8": b'{"inputs": "\xff\xfe"}',
        "a list": b"[1]",
        "null": b"null",
        "the same key twice": b'{"inputs": [[1]], "inputs": [[2]]}',
        "nesting of 100 000": b"[" * 100_000,
        "objects within objects": b'{"a":' * 50_000,
        "100 000 keys": b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}",
        "a comment": b"{/* */}",
        "a trailing comma": b'{"inputs": [[1],]}',
        "single quotes": b"{'inputs': [[1]]}",
    }
    yield from (Attack(name, JSON, content) for name, content in whole.items())
    yield Attack("CSV of nothing", CSV, b"")
    yield Attack("CSV with a quote without an end", CSV, b'a,b\n"1,2\n')
    yield Attack("CSV with a NUL", CSV, b"a,b\n1,\0\n")
    yield Attack("CSV of infinity", CSV, b"a,b\ninf,nan\n")
    yield Attack("no gzip", JSON, b"{}", "gzip")
    yield Attack("half a gzip", JSON, gzip.compress(b'{"inputs": [[1]]}')[:-6], "gzip")
    yield Attack("a bomb", JSON, gzip.compress(b"[" * 100_000_000), "gzip")
    yield Attack("an unknown coding", JSON, b"{}", "br")
    yield Attack("an unknown type", "application/x-pickle", b"\x80\x04.")
    yield Attack("a type without a slash", "nonsense", b"{}")
    yield Attack("a form without an end", "multipart/form-data; boundary=x", b"--x\r\n")
    yield Attack("a form without a boundary", "multipart/form-data", b"--x--\r\n")
    yield Attack("a form of 5000 parts", "multipart/form-data; boundary=x", _FORM_PART * 5000 + b"--x--\r\n")


_FORM_PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def _arrays() -> Iterator[Attack]:
    headers = {
        "no header": "",
        "a Python expression": "__import__('os')",
        "brackets": "(" * 5000,
        "objects": _header("|O", "(1,)"),
        "a structure": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "another order of bytes": _header(">f4", "(1, 64)"),
        "10^18 numbers": _header("<f4", "(1000000000, 1000000000)"),
        "a negative axis": _header("<f4", "(-1, 64)"),
        "no rows": _header("<f4", "(0, 64)"),
        "an axis of nothing": _header("<f4", "(1000000000, 0)"),
        "65 axes": _header("<f4", f"({'1, ' * 65})"),
        "complex numbers": _header("<c8", "(1, 64)"),
        "texts": _header("<U9", "(1, 64)"),
        "too little data": _header("<f8", "(100, 64)"),
    }
    for name, header in headers.items():
        yield Attack(f"an array with {name}", NPY, _npy(header) + b"\0" * 256)
    for name, value in {"NaN": np.nan, "infinity": np.inf, "3e38": 3e38}.items():
        yield Attack(f"an array of {name}", NPY, _saved(np.full((1, 64), value, np.float32)))
    yield Attack("an array of 1e300", NPY, _saved(np.full((1, 64), 1e300)))
    yield Attack("no archive", NPZ, b"PK\x03\x04")
    yield Attack("an archive of 2000 members", NPZ, _archive(2000))
    yield Attack("an archive that is a bomb", NPZ, _bomb())


def _pictures() -> Iterator[Attack]:
    yield Attack("no PNG", PNG, b"\x89PNG\r\n\x1a\n")
    yield Attack("a PNG cut off", PNG, _png(64, 64, b"\0" * 65 * 64)[:-30])
    yield Attack("a PNG of 2^31 pixels a side", PNG, _png(2**31 - 1, 2**31 - 1, b""))
    yield Attack("a PNG of no pixels", PNG, _png(0, 0, b""))
    yield Attack("a PNG of 16 million pixels", PNG, _png(4000, 4000, b"\0" * 4001 * 4000))
    yield Attack("a JPEG of 500 scans", JPEG, _progressive(64, 500))
    yield Attack("a JPEG of nothing", JPEG, b"\xff\xd8\xff\xd9")
    yield Attack("a JPEG that is a PNG", JPEG, _png(8, 8, b"\0" * 9 * 8))
    yield Attack("a GIF for a PNG", PNG, b"GIF89a" + b"\xff" * 20)


def _header(kind: str, shape: str) -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"


def _npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _archive(members: int) -> bytes:
    file, content = io.BytesIO(), _saved(np.zeros(1, np.float32))
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(members):
            archive.writestr(f"{i}.npy", content)
    return file.getvalue()


def _bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs.npy", _npy(_header("<f4", "(16000000,)")) + b"\0" * 64_000_000)
    return file.getvalue()


def _png(width: int, height: int, lines: bytes) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = header, b"IDAT" + zlib.compress(lines), b"IEND"
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _progressive(side: int, scans: int) -> bytes:
    """Return a JPEG whose last scan is repeated: each takes a few bytes and goes over all pixels."""
    file = io.BytesIO()
    Image.new("L", (side, side), 99).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def is_strict(content: bytes) -> bool:
    """Return ``True`` if it is JSON by RFC 8259, which has no NaN."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(content, parse_constant=refuse)
    except ValueError:
        return False
    return True
