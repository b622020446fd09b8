"""NumPy's files are read as NumPy reads them, and no header takes long."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest

from service.errors import InvalidRequestError
from service.http.npy import array_from_npy

ARRAYS = {
    "a number": np.array(3.0),
    "a vector": np.arange(3, dtype=np.int64),
    "Fortran's order": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "the other order of bytes": np.arange(6, dtype=">f8").reshape(2, 3),
    "no rows": np.zeros((0, 3)),
    "halves": np.ones((1, 2, 3, 4), np.float16),
    "bytes": np.arange(4, dtype=np.uint8),
}
KNOWN = "'descr': '<f4', 'fortran_order': False, "
HEADERS = {
    "brackets without end": "{" + KNOWN + "'shape': " + "(" * 60_000 + ")" * 60_000 + "}",
    "signs without end": "{'descr': " + "-" * 60_000 + "1}",
    "sides without end": "{" + KNOWN + "'shape': (" + "1, " * 20_000 + "), }",
    "spaces without end": "{" + " " * 60_000,
    "a negative side": "{" + KNOWN + "'shape': (-1,), }",
    "a shape twice": "{" + KNOWN + "'shape': (1,), 'shape': (1,), }",
    "an entry more": "{" + KNOWN + "'shape': (1,), 'x': True, }",
    "no shape": "{" + KNOWN + "}",
    "fields": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
    "an unknown type": "{'descr': '|x4', 'fortran_order': False, 'shape': (1,), }",
    "nothing": "",
}
SECONDS = 0.5
"""NumPy takes 3 s for the deepest header, and this reader some microseconds."""


def npy(header: str) -> bytes:
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header.encode() + bytes(4)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_is_read_as_numpy_wrote_it(case: str, version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, ARRAYS[case], version=version)
    array = array_from_npy(file.getvalue())
    np.testing.assert_array_equal(array, ARRAYS[case], strict=True)


@pytest.mark.parametrize(
    "header",
    [
        "{'shape': (1L,), 'fortran_order': False, 'descr': '<f4'}",
        '{"descr": "<f4","fortran_order":False,"shape":(1,)}',
        "{'descr': '<f4', 'fortran_order': True, 'shape': (1, ), } \n",
    ],
)
def test_headers_of_other_writers_are_read(header: str) -> None:
    assert array_from_npy(npy(header)).tolist() == [0.0]


@pytest.mark.parametrize("case", HEADERS)
def test_another_header_is_refused_at_once(case: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidRequestError, match=r"not an \.npy file of numbers"):
        array_from_npy(npy(HEADERS[case]))
    assert time.perf_counter() - start < SECONDS
