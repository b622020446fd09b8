"""Bodies in NumPy's .npz format as named arrays, read without trust in what the archive says of itself."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

from numpy.typing import NDArray

from service.errors import InvalidRequestError, TooLargeError
from service.http.npy import array_from_npy

_MEMBER = b"PK\x01\x02"
"""First bytes of each member's entry in the directory at the end of an archive."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def arrays_from_npz(body: bytes, limit: int, most: int = 16) -> dict[str, NDArray[Any]]:
    """Return the arrays of numbers in an .npz file by their names; nothing is unpickled.

    Args:
        body: The file.
        limit: Largest number of bytes of all arrays together, once unpacked.
        most: Largest number of arrays.

    Raises:
        InvalidRequestError: if it is no such file, or holds anything else.
        TooLargeError: if the arrays are longer than the limit.
    """
    arrays: dict[str, NDArray[Any]] = {}
    if (count := body.count(_MEMBER)) > most:  # before a list of them is made
        raise InvalidRequestError(f"the .npz file holds {count} arrays; allowed are {most}")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            for member in members:
                content = _read(archive, member, limit)
                limit -= len(content)
                arrays[member.filename.removesuffix(".npy")] = array_from_npy(content)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InvalidRequestError("the body is not an .npz file, as numpy.savez writes it") from error
    if len(arrays) < len(members):
        raise InvalidRequestError("the .npz file holds an array of one name twice; leave one out")
    return arrays


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    if member.compress_type not in _METHODS or not member.filename.endswith(".npy"):
        raise InvalidRequestError("the .npz file holds something other than arrays; write it with numpy.savez")
    with archive.open(member) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise TooLargeError("the arrays of the .npz file are longer, once unpacked, than a body may be")
    return content
