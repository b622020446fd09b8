"""Hostile bodies: every odd value of JSON in every place of a request, and files that are not what they say."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"
FORM, BINARY = "multipart/form-data; boundary=b", "application/octet-stream"
_ROW = "[" + "1," * 63 + "1]"

VALUES: dict[str, str] = {
    **{
        text: text for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0", "1e-999", "null", "true", "{}")
    },
    **{
        text: text
        for text in ("[]", "[[]]", "[null]", '""', '"\\u0000"', "9223372036854775808", "18446744073709551616")
    },
    "-2^70": "-1180591620717411303424",
    "400 digits": "1" + "0" * 400,
    "5000 digits": "9" * 5000,
    "3e38": "3e38",
    "half a character": '"\\ud800"',
    "two second halves": '"\\udc00\\udc00"',
    "a half among others": '["a", {"b\\ud800": "\\ud83d\\ude00"}]',
    "an emoji": '"\\ud83d\\ude00"',
    "a line of a log": '"x\\nINFO root: all is well"',
    "a path": '"../../etc/passwd"',
    "a long text": '"' + "a" * 10_000 + '"',
    "40 levels": "[" * 40 + "]" * 40,
    "2000 levels": "[" * 2000 + "]" * 2000,
    "a key twice": '{"a": 1, "a": 2}',
    "1000 keys": "{" + ",".join(f'"{i}": 1' for i in range(1000)) + "}",
    "5000 items": "[" + "1," * 4999 + "1]",
    "ragged lists": "[[1, 2], [3]]",
    "text among numbers": '[[1, "x"]]',
}
"""Odd values, as JSON."""

PLACES: dict[str, str] = {
    "the body": "%s",
    "the rows": '{"inputs": %s}',
    "a row": '{"inputs": [%s]}',
    "a cell": '{"inputs": [[%s' + ", 1" * 63 + "]]}",
    "a column": '{"inputs": [{"size": %s}]}',
    "an option": f'{{"inputs": [{_ROW}], "samples": %s}}',
    "a name": f'{{"inputs": [{_ROW}], "model": %s, "seed": %s}}',
    "a code": '{"n": 2, "seed": %s, "z": %s, "codes": {"z": %s}}',
    "a tensor": '{"id": %s, "inputs": [{"name": "inputs", "shape": [1, 64], "datatype": "FP32", "data": %s}]}',
    "a parameter": f'{{"inputs": [{{"name": "inputs", "shape": [1, 64], "datatype": "FP32", "data": {_ROW}}}],'
    ' "parameters": {"seed": %s, "timeout": %s}, "outputs": [{"name": %s}]}',
    "an outcome": '{"outcomes": [{"request": %s, "row": %s, "outcome": %s}]}',
    "an instance": '{"instances": [%s], "logits": [%s], "targets": %s}',
}
"""Bodies with places for a value."""


@dataclass(frozen=True)
class Hostile:
    """A body with its headers.

    Attributes:
        name: What is odd about it.
        content_type: Its type, as it says.
        body: The bytes.
        headers: Further headers.
    """

    name: str
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def all_hostile() -> list[Hostile]:
    """Return every body, each under a name of its own."""
    return [*_in_places(), *_texts(), *_arrays(), *_archives(), *_others()]


def png(width: int, height: int, data: bytes = b"", *between: bytes) -> bytes:
    """Return a grey PNG by its parts."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (header, *between, b"IDAT" + zlib.compress(data), b"IEND")
    chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def progressive_jpeg(side: int, scans: int) -> bytes:
    """Return a JPEG whose last scan, of a few bytes, is repeated: each goes over all pixels."""
    file = io.BytesIO()
    Image.new("L", (side, side), 99).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * scans + whole[-2:]


def npy(header: str, data: bytes = b"") -> bytes:
    """Return an .npy file of version 2 with any header."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header.encode() + data


def _in_places() -> Iterator[Hostile]:
    for place, template in PLACES.items():
        for value, text in VALUES.items():
            yield Hostile(f"{value} as {place}", JSON, template.replace("%s", text).encode())


def _texts() -> Iterator[Hostile]:
    good = f'{{"inputs": [{_ROW}]}}'
    yield Hostile("nothing", JSON, b"")
    yield Hostile("a byte order mark", JSON, b"\xef\xbb\xbf" + good.encode())
    yield Hostile("UTF-16", JSON, good.encode("utf-16"))
    yield Hostile("UTF-32", JSON, good.encode("utf-32"))
    yield Hostile("invalid UTF-8", JSON, b'{"inputs": "\xff\xfe\xed\xa0\x80"}')
    yield Hostile("cut off", JSON, good.encode()[:-3])
    yield Hostile("more behind the end", JSON, good.encode() + b"{}")
    yield Hostile("a NUL", JSON, b"\0" + good.encode())
    yield Hostile("a quote without an end", JSON, b'"' + rb"\"" * 1000)
    yield Hostile("a bomb of gzip", JSON, gzip.compress(b" " * 40_000_000), {"content-encoding": "gzip"})
    yield Hostile("no gzip", JSON, good.encode(), {"content-encoding": "gzip"})
    yield Hostile("gzip cut off", JSON, gzip.compress(good.encode())[:-9], {"content-encoding": "gzip"})
    yield Hostile("deflate with more behind", JSON, zlib.compress(b"{}") + b"x", {"content-encoding": "deflate"})
    yield Hostile("many gzip members", JSON, gzip.compress(b"") * 2000, {"content-encoding": "gzip"})
    yield Hostile("an unknown coding", JSON, good.encode(), {"content-encoding": "br"})
    yield Hostile("a CSV of no rows", CSV, b"a,b\n")
    yield Hostile("a CSV with a quote left open", CSV, b'a,b\n"1,2\n')
    yield Hostile("a CSV of one name twice", CSV, b"a,a\n1,2\n")
    yield Hostile("a CSV in UTF-16", CSV, "a,b\n1,2\n".encode("utf-16"))
    yield Hostile("a CSV of many columns", CSV, b"a," * 30_000 + b"a\n")


def _arrays() -> Iterator[Hostile]:
    known = "'descr': '<f4', 'fortran_order': False, "
    for name, header in {
        "a deep header": "{" + known + "'shape': " + "(" * 60_000 + ")" * 60_000 + "}",
        "signs": "{'descr': " + "-" * 60_000 + "1}",
        "a negative side": "{" + known + "'shape': (-1, 64), }",
        "a giant side": "{" + known + "'shape': (1000000000000000000, 64), }",
        "a side of 0 and a giant one": "{" + known + "'shape': (0, 1000000000000000000), }",
        "an object": "{'descr': '|O', 'fortran_order': False, 'shape': (1, 64), }",
        "fields": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 64), }",
        "code": "__import__('os').system('true')",
    }.items():
        yield Hostile(f"an .npy of {name}", NPY, npy(header, bytes(256)))
    for name, array in {
        "NaN": np.full((1, 64), np.nan),
        "float64 beyond float32": np.full((1, 64), 1e300),
        "3e38": np.full((1, 64), 3e38, np.float32),
        "halves of infinity": np.full((1, 64), np.inf, np.float16),
        "the other order of bytes": np.full((1, 64), 99.0, ">f8"),
        "no rows": np.zeros((0, 64)),
        "no axis": np.array(1.0),
        "texts": np.array([["a"] * 64]),
        "complex numbers": np.ones((1, 64), complex),
    }.items():
        file = io.BytesIO()
        np.save(file, array)
        yield Hostile(f"an .npy of {name}", NPY, file.getvalue())
        yield Hostile(f"an .npy of {name}, cut off", NPY, file.getvalue()[:-1])


def _archives() -> Iterator[Hostile]:
    array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64), }", bytes(256))
    zeros = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 33000000), }", bytes(33_000_000))
    for name, members in {
        "many members": [(f"{i}.npy", b"") for i in range(2000)],
        "one name twice": [("a.npy", array), ("b.npy", array)],
        "a bomb": [("a.npy", zeros)],
        "a path": [("../../a.npy", array)],
        "no array": [("a.txt", b"x")],
        "half a character for a name": [("a\ud800.npy".encode("utf-8", "replace").decode(), array)],
    }.items():
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in members:
                archive.writestr(zipfile.ZipInfo(member), data, zipfile.ZIP_DEFLATED)
        content = file.getvalue()
        yield Hostile(f"an .npz of {name}", NPZ, content.replace(b"b.npy", b"a.npy"))
    yield Hostile("an .npz cut off", NPZ, content[:-5])


def _others() -> Iterator[Hostile]:
    yield Hostile("a PNG of a gigapixel", "image/png", png(40_000, 40_000))
    yield Hostile("a PNG without pixels", "image/png", png(0, 0))
    yield Hostile("a PNG cut off", "image/png", png(8, 8, bytes(72))[:-20])
    yield Hostile("a PNG of 20 000 chunks", "image/png", png(8, 8, bytes(72), *[b"teXt"] * 20_000))
    yield Hostile("a JPEG of thousands of scans", "image/jpeg", progressive_jpeg(2000, 4423))
    yield Hostile("a JPEG of 50 000 segments", "image/jpeg", b"\xff\xd8" + b"\xff\xfe\0\2" * 50_000)
    yield Hostile("a GIF that says it is a PNG", "image/png", b"GIF89a\1\0\1\0\0\0\0;")
    yield Hostile("noise that says it is a TIFF", "image/tiff", b"II*\0\x08\0\0\0\xff\xff" + bytes(range(256)) * 9)
    yield Hostile("noise that says it is WebP", "image/webp", b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(99))
    yield Hostile("a form of nothing", FORM, b"")
    yield Hostile("a form without an end", FORM, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1')
    yield Hostile("a form of many fields", FORM, _form(*[(f"{i}", b"1") for i in range(500)]))
    yield Hostile("a form of a field twice", FORM, _form(("samples", b"1"), ("samples", b"2")))
    yield Hostile("a form of bytes for a field", FORM, _form(("samples", b"\xff\xfe")))
    yield Hostile("a form without a boundary", "multipart/form-data", b"--b--")
    header = json.dumps({"inputs": [{"name": "inputs", "shape": [1, 64], "datatype": "FP64"}]}).encode()
    for length in ("-1", "x", str(len(header)), str(10**12), "9" * 5000):
        length_header = {"inference-header-content-length": length}
        yield Hostile(f"a JSON part of {length[:20]} bytes", BINARY, header + bytes(8), length_header)
    yield Hostile("a type in other letters", "\xe9\xe9/\xff", b"1")
    yield Hostile("a time limit of a lifetime", JSON, b"{}", {"x-request-timeout-ms": "9" * 40})
    yield Hostile("an id of bytes", JSON, b"{}", {"x-request-id": "\xff\xfe", "accept": "\xed\xa0\x80"})


def _form(*fields: tuple[str, bytes]) -> bytes:
    parts = (b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v) for n, v in fields)
    return b"".join(parts) + b"--b--\r\n"
