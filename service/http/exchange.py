"""One request and its answer, as a route sees them: admitted, read, waited for until its deadline, and answered.

:func:`admission` is the preamble of every route that computes, as one dependency.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Depends
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from models.pictures import MEDIA_TYPES
from service.errors import (
    ClientLeft,
    DeadlineError,
    DeviceLostError,
    DrainingError,
    InvalidRequestError,
    LoadingError,
    TooLargeError,
)
from service.http import compression, json_rows, named_rows, npy, request_body
from service.http.forms import FORM, parse_form
from service.http.layer import Service
from service.http.named_arrays import NamedArrays, read_npz
from service.http.named_rows import NamedRows
from service.http.negotiation import CSV, JSON, NPY, NPZ, PNG, assumed_type, choose_media, unread_type
from service.http.reading import SHORT
from service.scheduling.batching import BatchResult

R = TypeVar("R")

BYTES_AFTER_JSON = "inference-header-content-length"
"""Header of a body of the Open Inference Protocol that ends in bytes: it tells the length of the JSON before them."""
PICTURES = (*MEDIA_TYPES.values(), FORM)
"""Types of bodies with one picture, or with several as files of a form."""
_ROWS, _IMAGES = (JSON, CSV, NPZ, NPY, *PICTURES), (JSON, NPY, *PICTURES)
"""Types of bodies that are read as rows of any kind, and as images."""

_SHORT = 2_000_000
"""Bytes of an array that are read in a moment; longer ones are read beside the event loop."""


class Exchange:
    """An admitted request, with the time that it has.

    Args:
        request: The request.
        service: The running service.
        offered: Types of answer that the route has.

    Attributes:
        client: Id of the client's key, or else its address: whoever shares the device with others.
        accept: Types of answer that the client likes, as all its Accept headers tell together.
        content_type: Type of the body, without its parameters; empty if it has none.
        media: Type of the answer.
        options: Options in a JSON body with rows.
        rows: Rows in the body, ``(rows, ...)`` and as yet unchecked; ``None`` if it has others.
        named: Rows in the body by column name, or by the names of a model's inputs.
        pictures: Picture files in the body, in their order.

    Raises:
        NotAcceptableError: if no offered type is accepted.
        InvalidRequestError: if the client's own time limit is no whole number of milliseconds.
    """

    def __init__(self, request: Request, service: Service, offered: Sequence[str]) -> None:
        self.request = request
        self._settings, self._reader = service.settings, service.reader
        content_type = request.headers.get("content-type") or assumed_type(request.url.path, request.headers)
        self.content_type = content_type.split(";")[0].strip().lower()
        state = request.scope["state"]
        self.client = state.get("key_id") or state["address"]
        self.accept = ",".join(request.headers.getlist("accept")) or "*/*"
        if self.accept == "*/*":  # the usual cases take no parsing
            self.media = offered[0]
        else:
            self.media = self.accept if self.accept in offered else choose_media(self.accept, offered)
        self._seconds = self._settings.deadline_seconds
        if "x-request-timeout-ms" in request.headers:
            self._seconds = min(self._seconds, _timeout_seconds(request.headers["x-request-timeout-ms"]))
        self._end = time.monotonic() + self._seconds
        self.options: dict[str, Any] = {}
        self.rows: NDArray[Any] | None = None
        self.named: NamedRows | NamedArrays | None = None
        self.pictures: Sequence[bytes] = ()
        self._is_read = False

    def shorten(self, seconds: float) -> None:
        """Leave the request no more than so many seconds from now."""
        self._seconds = min(self._seconds, seconds)
        self._end = min(self._end, time.monotonic() + seconds)

    async def read_body(self) -> bytes:
        """Return the whole body.

        Raises:
            DeadlineError: if it does not come in time.
            TooLargeError: as soon as it is known to be too long, as it comes or unpacked.
            UnsupportedTypeError: if it is compressed in another way than those that are read.
            BadEncodingError: if it cannot be unpacked.
            ClientLeft: if the connection ends before the body does.
        """
        settings, headers = self._settings, self.request.headers
        is_text = self.content_type in (JSON, CSV) and BYTES_AFTER_JSON not in headers
        limit = min(settings.max_json_bytes, settings.max_body_bytes) if is_text else settings.max_body_bytes
        too_large = f"the body is too long; allowed are at most {limit} bytes"
        if is_text:
            too_large += f" of JSON or CSV: send fewer rows, or an array of numbers ({NPY}) or a picture ({PNG})"
        stated = headers.get("content-length", "0")
        if stated.isdecimal() and int(stated[:20]) > limit:
            raise TooLargeError(too_large)
        encoding = ", ".join(headers.getlist("content-encoding")).strip().lower()
        is_packed = encoding not in ("identity", "")
        if is_packed:
            compression.check_encoding(encoding)
        body = bytearray()
        try:
            async with asyncio.timeout(self._end - time.monotonic()):
                async for chunk in self.request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise TooLargeError(too_large)
        except ClientDisconnect as error:
            raise ClientLeft from error
        except TimeoutError as error:
            raise self._late() from error
        self._is_read = True
        if not is_packed:
            return bytes(body)
        return await self.wait_for(asyncio.to_thread(compression.unpack, bytes(body), encoding, limit))

    async def read_rows(self, key: str = "inputs", *, max_rows: int | None = None, by_name: bool = True) -> None:
        """Read a body with rows: JSON beside options, CSV, an array, or pictures that are yet to be decoded.

        Args:
            key: Key of the rows in JSON.
            max_rows: Limit on the rows; ``None`` is that of a prediction.
            by_name: ``True`` if rows may be given by column name.

        Raises:
            UnsupportedTypeError: for another type of body.
            InvalidRequestError: if there are no rows, or too many.
        """
        if self.content_type not in (types := _ROWS if by_name else _IMAGES):  # as the head alone says
            raise unread_type(self.content_type, *types)
        body, max_rows = await self.read_body(), max_rows or self._settings.max_rows
        if self.content_type == JSON:
            if len(body) > SHORT:
                await self.read_aside(functools.partial(self._read_json, body, key, max_rows, by_name=by_name))
            elif (numbers := json_rows.read_numbers(body, key, max_rows, self._settings.max_json_depth)) is not None:
                self.options, self.rows = numbers
            else:
                self._parse_json(body, key, max_rows, by_name=by_name)
        elif self.content_type == CSV:
            read_csv = functools.partial(named_rows.rows_from_csv, body, max_rows)
            self.named = read_csv() if len(body) <= SHORT else await self.read_aside(read_csv)
        elif self.content_type == NPY:
            read = functools.partial(npy.rows_from_npy, body)
            self.rows = read() if len(body) <= _SHORT else await self.wait_for(asyncio.to_thread(read))
            if len(self.rows) > max_rows:
                raise request_body.too_many_rows(len(self.rows), max_rows)
        elif self.content_type == NPZ:
            unpack = functools.partial(read_npz, body, self._settings.max_body_bytes, max_rows)
            self.named = await self.wait_for(asyncio.to_thread(unpack))  # the shortest can be the longest, unpacked
        elif self.content_type == FORM:
            parse = asyncio.to_thread(parse_form, body, self.request.headers["content-type"], max_rows)
            self.pictures, self.options = await self.wait_for(parse)
        else:
            self.pictures = (body,)

    async def read_aside(self, read: Callable[[], R]) -> R:
        """Return what reading a long body gives, once the bodies before it are read."""
        return await self.wait_for(self._reader.run(read))

    async def read_object(self, *, required: bool = True) -> dict[str, Any]:
        """Return the JSON object in the body; see :func:`service.http.request_body.parse_json`.

        Args:
            required: ``False`` if no body means no members.
        """
        body = await self.read_body()
        if not body and not required:
            return {}
        parse = functools.partial(request_body.parse_json, body, self._settings.max_json_depth)
        return parse() if len(body) <= SHORT else await self.read_aside(parse)

    def _read_json(self, body: bytes, key: str, max_rows: int, *, by_name: bool) -> None:
        """Read a long body, on the reader's thread."""
        depth, parser = self._settings.max_json_depth, self._reader.parser
        if (numbers := json_rows.read_numbers(body, key, max_rows, depth, parser)) is None:
            self._parse_json(body, key, max_rows, by_name=by_name)
        else:
            self.options, self.rows = numbers

    def _parse_json(self, body: bytes, key: str, max_rows: int, *, by_name: bool) -> None:
        """Read options and rows of any kind; whatever is refused is refused here."""
        self.options = request_body.parse_json(body, self._settings.max_json_depth)
        if key not in self.options:
            raise InvalidRequestError('the body has no "inputs"; allowed is {"inputs": [row, ...]}', "")
        first = inputs = self.options.pop(key)
        while isinstance(first, list) and first:
            first = first[0]
        if isinstance(first, dict) and not by_name:
            raise InvalidRequestError("inputs holds an object; allowed are images, as lists of numbers", "/inputs")
        if isinstance(first, dict):
            self.named = named_rows.rows_from_json(inputs, max_rows)
        else:
            self.rows = request_body.numbers_from_json(inputs, max_rows)

    async def wait_for(self, work: Coroutine[Any, Any, R]) -> R:
        """Await work until the deadline passes or the client leaves; then the work is cancelled.

        Raises:
            DeadlineError: after the server's deadline, or the shorter one in ``X-Request-Timeout-Ms``.
            ClientLeft: if the connection was closed.
        """
        task, left = asyncio.current_task(), False
        assert task is not None  # coroutines run in tasks

        def leave(_: object) -> None:
            nonlocal left
            left = True
            task.cancel()

        # After the body nothing but the end of the connection is left to receive.
        gone = asyncio.ensure_future(self.request.receive() if self._is_read else _disconnected(self.request))
        gone.add_done_callback(leave)
        clock = asyncio.timeout(self._end - time.monotonic())
        try:
            async with clock:
                return await work
        except asyncio.CancelledError:
            if not left:
                raise
            task.uncancel()
            raise ClientLeft from None
        except TimeoutError as error:
            if not clock.expired():  # the work's own
                raise
            raise self._late() from error
        finally:
            gone.remove_done_callback(leave)
            gone.cancel()

    def with_times(
        self, response: Response, result: BatchResult[Any], facts: Mapping[str, str], *, fresh: bool
    ) -> Response:
        """Return the response with the milliseconds that it waited and ran in its headers.

        The result goes on with the request, as ``batch`` of its state, for layers that look back at it.

        Args:
            response: Answer to the request.
            result: Result of the batch that computed it.
            facts: Entries of the answer about its model; they go on as ``facts``.
            fresh: ``True`` if its seed was drawn for it: the answer will not repeat, and is not to be kept.
        """
        state = self.request.scope["state"]
        state["batch"], state["facts"] = result, facts
        queue, compute = f"{result.queue_seconds * 1000:.2f}", f"{result.compute_seconds * 1000:.2f}"
        times = {"x-queue-time-ms": queue, "x-compute-time-ms": compute}
        times["server-timing"] = f"queue;dur={queue}, compute;dur={compute}"
        if fresh:
            times["cache-control"] = "no-store"
        lines = [(name.encode(), value.encode()) for name, value in times.items()]
        response.raw_headers += lines  # it has none of them
        return response

    def _late(self) -> DeadlineError:
        return DeadlineError(f"no answer within {self._seconds:g} s; the work was dropped")


def admission(*offered: str, reads_rows: bool = False, reads_images: bool = False, for_long: bool = False) -> Any:
    """Return the dependency that admits requests to a route.

    Args:
        offered: Types of answer that the route has, the first of which is given if anything will do.
        reads_rows: ``True`` if the body holds rows, to be read at once.
        reads_images: ``True`` if these rows can only be images.
        for_long: ``True`` if the work goes on after its answer.
    """

    async def admitted(request: Request) -> Exchange:
        exchange = admit(request, offered, for_long=for_long)
        if reads_rows or reads_images:
            await exchange.read_rows(by_name=not reads_images)
        return exchange

    return Depends(admitted)


def admit(request: Request, offered: Sequence[str], *, for_long: bool = False) -> Exchange:
    """Return a request as an exchange, its body as yet unread; see :func:`admission`."""
    service: Service = request.app.state.runtime
    check_accepting(service.phase, for_long=for_long)
    return Exchange(request, service, offered)


def check_accepting(phase: str, *, for_long: bool = False) -> None:
    """Raise unless the service takes new work.

    Args:
        phase: Stage of the service's life.
        for_long: ``True`` if the work goes on after its answer.

    Raises:
        DrainingError: if the service is about to stop.
        DeviceLostError: if its device is lost.
        LoadingError: if its models can never be loaded. Until they are, the registry knows which answer already.
    """
    if phase == "closing" or (for_long and phase == "draining"):
        raise DrainingError("the service is about to stop")
    if phase == "lost":
        raise DeviceLostError("the device is lost, and the service is about to restart", retry_seconds=10)
    if phase == "failed":
        raise LoadingError("the models could not be loaded; the service is about to restart", retry_seconds=10)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _timeout_seconds(given: str) -> float:
    if not (given.isascii() and given.isdecimal() and len(given) <= 9 and int(given)):
        raise InvalidRequestError("X-Request-Timeout-Ms is not allowed; allowed is a whole number from 1 to 999999999")
    return int(given) / 1000
