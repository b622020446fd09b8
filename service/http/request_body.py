"""From the bytes of a request body to values, within limits that are checked before the work is done."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from starlette.requests import ClientDisconnect, Request

from models.errors import InputShapeError
from models.specs import InputSpec
from service.errors import ClientLeft, InvalidRequestError, NotJsonError, TooLargeError, UnsupportedTypeError

Float32Array = NDArray[np.float32]

# Possessive: no memory for ways back. A string without an end reaches to the end of the body, so that no quote in it is
# a second beginning: the time is linear in the body.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
MOST_KEYS = 64
"""Of a body, and of its codes: more than any model has options or controls."""

_MOST_LISTS = 100_000
"""And objects, in a body: more than any batch of images has lines, and few enough to make in a moment."""

_MOST_AXES = 8
_NO_IMAGE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, AssertionError)
"""What Pillow raises of damaged pictures; the last of one that has no palette and needs one."""


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case; JSON if there is none."""
    return request.headers.get("content-type", "application/json").split(";")[0].strip().lower()


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: as soon as it is known to be longer than ``max_bytes``.
        ClientLeft: if the connection ends before the body does.
    """
    too_large = TooLargeError(f"the body is longer than {max_bytes} bytes, the limit")
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated[:20]) > max_bytes:
        raise too_large
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedTypeError("a compressed body is not read here; leave Content-Encoding out")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise too_large
    except ClientDisconnect as error:
        raise ClientLeft from error
    return bytes(body)


def parse_json(body: bytes, max_depth: int) -> dict[str, Any]:
    """A JSON object.

    ``NaN`` and ``Infinity``, which Python's own encoder writes, are read: the check of the values answers them
    better than a syntax error.

    Raises:
        NotJsonError: if it is not JSON in UTF-8.
        InvalidRequestError: if it nests too deep, has too many lists, repeats a key or is not an object.
    """
    _check_depth(body, max_depth)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_without_repeats)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotJsonError(f"the body is not a JSON object in UTF-8{place}") from error
    except ValueError as error:
        raise InvalidRequestError("the body holds a whole number of thousands of digits") from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body is a JSON {_json_type(value)}; allowed is an object")
    if len(value) > MOST_KEYS:
        raise InvalidRequestError(f"the body has {len(value)} keys; allowed are at most {MOST_KEYS}")
    return value


def rows_from_json(value: object, max_rows: int) -> Float32Array:
    """An array from nested JSON lists of numbers. NumPy sees it only once its leaves are known to be numbers."""
    if not isinstance(value, list):
        raise InputShapeError("inputs is not a list; allowed is a list of rows")
    if len(value) > max_rows:
        raise InvalidRequestError(f"inputs has {len(value)} rows; allowed are at most {max_rows}", "/inputs")
    return numbers_from_json(value)


def numbers_from_json(value: list[Any]) -> Float32Array:
    """An array from nested JSON lists, all of whose leaves are numbers and lie equally deep."""
    _check_numbers(value)
    try:
        array = np.asarray(value, np.float64)
    except OverflowError as error:
        raise InputShapeError("inputs holds a number of more than 64 bits; allowed are numbers of 64 bits") from error
    except ValueError as error:  # ragged
        raise InputShapeError("the rows of inputs differ in shape; allowed are rows of one shape") from error
    return as_float32(array)


def rows_from_npy(body: bytes) -> Float32Array:
    """An array from a .npy file; nothing is unpickled and no more memory is taken than the body has.

    Raises:
        InvalidRequestError: if it is not one array of numbers, or shorter or longer than its header says.
    """
    try:
        shape, fortran, dtype, data = _npy_parts(body)
    except Exception as error:  # NumPy reads the header with Python's own parser, which fails in many ways
        raise InvalidRequestError("the body is not a .npy file of version 1 or 2") from error
    if len(shape) > _MOST_AXES or any(type(side) is not int or not 0 <= side < 2**31 for side in shape):
        raise InvalidRequestError(
            f"the array's shape is not allowed; allowed are at most {_MOST_AXES} axes of 0 or more"
        )
    if dtype.hasobject or dtype.kind not in "iuf":
        raise InvalidRequestError("the array's elements are not allowed; allowed are integers and floats")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise InvalidRequestError("the .npy file does not have as many bytes as its header says")
    array = np.frombuffer(data, dtype)
    return as_float32(array.reshape(shape, order="F" if fortran else "C"))


def open_image(body: bytes, max_pixels: int) -> Image.Image:
    """A PNG or JPEG of which no more than the header is read, which can hold a million small parts.

    Raises:
        InvalidRequestError: if it is no such image, has too many pixels, more than one frame or more than 8 bits a
            channel.
    """
    too_large = InvalidRequestError(f"the image has more than {max_pixels} pixels, the limit")
    try:
        image = Image.open(io.BytesIO(body), formats=["PNG", "JPEG"])
    except Image.DecompressionBombError as error:
        raise too_large from error
    except _NO_IMAGE as error:
        raise InvalidRequestError("the body is not a whole PNG or JPEG image") from error
    if image.width * image.height > max_pixels:
        raise too_large
    if getattr(image, "is_animated", False):
        raise InvalidRequestError("the image has several frames; allowed is one")
    if any("16" in str(tile.args) for tile in image.tile):  # Pillow's name of how pixels are packed: RGB;16B
        raise InvalidRequestError("the image has more than 8 bits a channel; allowed are 8")
    return image


def rows_from_image(image: Image.Image, spec: InputSpec) -> Float32Array:
    """One row: resized to the model's height and width, pixels scaled to its raw range.

    Raises:
        InvalidRequestError: if the image is damaged, or partly transparent.
    """
    channels, height, width = spec.shape
    try:
        opaque = _opaque(image)
        picture = opaque.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    except _NO_IMAGE as error:
        raise InvalidRequestError("the body is not a whole PNG or JPEG image") from error
    pixels = np.asarray(picture, np.float32).reshape(height, width, channels).transpose(2, 0, 1) / 255
    low, high = spec.low or 0.0, 1.0 if spec.high is None else spec.high
    return np.ascontiguousarray(low + pixels * (high - low), np.float32)[None]


def _opaque(image: Image.Image) -> Image.Image:
    """The same image, if nothing of it is transparent."""
    if not image.has_transparency_data:
        return image
    whole = image.convert("RGBA")
    one_colour = image.mode in ("1", "L", "RGB")  # Pillow does not find it again in greys of 2 and 4 bits
    if one_colour or whole.getchannel("A").getextrema() != (255, 255):
        raise InvalidRequestError("the image is transparent in places; allowed are opaque ones")
    return whole


def _npy_parts(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    """Shape, order, element type and the bytes after the header."""
    file = io.BytesIO(body)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran, dtype = read_header(file)
    return shape, fortran, dtype, body[file.tell() :]


def _check_numbers(value: list[Any]) -> None:
    """Raise unless every innermost list holds numbers and nothing else."""
    lists = [value]
    while lists:
        kinds = set(map(type, items := lists.pop()))
        if kinds == {list}:
            lists.extend(items)
        elif not kinds <= {int, float}:
            raise InputShapeError("inputs holds something that is not a number, or rows of unequal depth")


def as_float32(array: NDArray[Any]) -> Float32Array:
    """Numbers of any kind as what models take."""
    if array.dtype.kind not in "iuf":
        raise InputShapeError("inputs holds something that is not a number of 64 bits; allowed are numbers")
    with np.errstate(over="ignore"):  # what overflows becomes infinite, which the check of the values refuses
        return array.astype(np.float32)


def _check_depth(body: bytes, max_depth: int) -> None:
    """Nesting by the brackets that are not inside strings, found without parsing."""
    characters = np.frombuffer(_STRING.sub(b"", body), np.uint8)
    opening = (characters == ord("[")) | (characters == ord("{"))
    closing = (characters == ord("]")) | (characters == ord("}"))
    if opening.sum() > _MOST_LISTS:
        raise InvalidRequestError(f"the body has more than {_MOST_LISTS} lists and objects, the limit")
    if np.cumsum(opening.astype(np.int8) - closing.astype(np.int8), dtype=np.int32).max(initial=0) > max_depth:
        raise InvalidRequestError(f"the body nests deeper than {max_depth}, the limit")


def _without_repeats(pairs: list[tuple[Hashable, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidRequestError("an object of the body has the same key twice")
    return result


def _json_type(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
