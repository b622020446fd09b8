"""Compressed bodies of requests, unpacked within the limit of a body."""

from __future__ import annotations

import zlib

from service.errors import BadEncodingError, TooLargeError, UnsupportedTypeError

_ENCODINGS = "gzip, deflate"
_GZIP = 16 + zlib.MAX_WBITS
"""zlib's word for its format with the head and end of gzip."""
_PIECE = 65_536
"""Bytes that are unpacked at once: what follows a member is copied."""
_MEMBER = b"\x1f\x8b\x08"
_MOST_MEMBERS = 1000
"""Most members of a gzip stream: each costs time though it be empty, and tools that write in parallel need few."""


def check_encoding(encoding: str) -> None:
    """Raise unless bodies of a Content-Encoding, in small letters, are read here.

    Raises:
        UnsupportedTypeError: naming those that are.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        error = UnsupportedTypeError(f"the body's Content-Encoding is not read here; allowed is one of: {_ENCODINGS}")
        error.headers = {"Accept-Encoding": _ENCODINGS}
        raise error


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the content of a compressed body; no more than a byte beyond the limit is ever unpacked.

    Args:
        body: The body as it came.
        encoding: Its Content-Encoding, which :func:`check_encoding` has let pass.
        limit: Largest number of bytes of the content.

    Raises:
        BadEncodingError: if the body is damaged, cut off, has something after its end, or is of another encoding.
        TooLargeError: if the content is longer than the limit.
    """
    try:
        content = _inflate(body, limit + 1) if encoding == "deflate" else _gunzip(body, limit + 1)
    except (EOFError, zlib.error) as error:
        raise BadEncodingError(
            f"the body is not whole and valid {encoding}; compress it anew, or leave Content-Encoding out"
        ) from error
    if len(content) > limit:
        raise TooLargeError(f"the body is too long once it is unpacked; allowed are at most {limit} bytes")
    return content


def _gunzip(body: bytes, most: int) -> bytes:
    """Return what all members hold; Python's own reader takes a name, or padding, of megabytes byte by byte."""
    if body.count(_MEMBER) > _MOST_MEMBERS:
        raise BadEncodingError(f"the body has too many gzip members; allowed are {_MOST_MEMBERS}: compress it as one")
    stream, content = zlib.decompressobj(_GZIP), bytearray()
    for start in range(0, len(body), _PIECE):
        rest = body[start : start + _PIECE]
        while rest:
            if stream.eof:  # another member, or zeros
                if not (rest := rest.lstrip(b"\0")):
                    break
                stream = zlib.decompressobj(_GZIP)
            content += stream.decompress(rest, most - len(content))
            if len(content) == most:
                return bytes(content)
            rest = stream.unused_data
    if body and not stream.eof:
        raise EOFError
    return bytes(content)


def _inflate(body: bytes, most: int) -> bytes:
    """Return what a body of zlib's format holds, which is what HTTP calls deflate."""
    stream = zlib.decompressobj()
    content = stream.decompress(body, most)
    if len(content) < most and (not stream.eof or stream.unused_data):
        raise EOFError
    return content
