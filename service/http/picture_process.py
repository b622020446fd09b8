"""The process that decodes pictures: orders on standard input, rows of pixels on standard output.

It can be ended at any moment, which a thread cannot. Nothing is pickled: whoever takes this process over by a picture
writes numbers to the service, and no code.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import BinaryIO

import msgspec
import numpy as np

from models.errors import PictureError
from service.http.picture_rows import Limits, PictureForm, TooManyTogetherError, TooMuchHereError, row_from_picture


class Order(msgspec.Struct):
    """A picture to decode, whose file follows."""

    form: PictureForm
    limits: Limits


class Reply(msgspec.Struct):
    """The row of a picture, whose numbers follow; or why there is none.

    Attributes:
        pixels: Number of the picture's pixels.
        fault: Fault of the picture, in words that go on after its name; ``None`` if there is none.
        together: ``True`` if it has too many pixels beside the others of its request.
        too_much: ``True`` if it is more work than is done here.
    """

    pixels: int = 0
    fault: str | None = None
    together: bool = False
    too_much: bool = False


def pack(head: Order | Reply, content: bytes) -> bytes:
    """Return a message: the lengths of its two parts, 4 bytes each, and the parts."""
    text = msgspec.json.encode(head)
    return len(text).to_bytes(4, "big") + len(content).to_bytes(4, "big") + text + content


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer orders until the source ends; then end the process, whatever it is about."""
    orders: queue.SimpleQueue[tuple[bytes, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(source, orders), daemon=True).start()
    while True:
        sink.write(_answer(*orders.get()))
        sink.flush()


def _read_orders(source: BinaryIO, orders: queue.SimpleQueue[tuple[bytes, bytes]]) -> None:
    while len(lengths := source.read(8)) == 8:
        orders.put((source.read(int.from_bytes(lengths[:4], "big")), source.read(int.from_bytes(lengths[4:], "big"))))
    os._exit(0)


def _answer(text: bytes, body: bytes) -> bytes:
    order = msgspec.json.decode(text, type=Order)
    try:
        row, pixels = row_from_picture(body, order.form, order.limits)
    except TooManyTogetherError:
        return pack(Reply(together=True), b"")
    except TooMuchHereError:
        return pack(Reply(too_much=True), b"")
    except PictureError as error:
        return pack(Reply(fault=str(error)), b"")
    return pack(Reply(pixels), np.ascontiguousarray(row, np.float32).tobytes())


if __name__ == "__main__":
    os.nice(5)  # the model goes first
    serve(sys.stdin.buffer, sys.stdout.buffer)
