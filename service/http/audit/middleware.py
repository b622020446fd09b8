"""The middleware of the audit: a line for every answer that a handler notes, in the file before the answer leaves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import AuditUnavailableError, ClientLeft, kind_of
from service.http.audit.line import Line, Note, encode_line
from service.http.layer import Service

HEADERS = ("content-type", "content-encoding", "accept", "inference-header-content-length")
"""Lines of a head that an answer depends on, as a replay sends them again."""

_LONG = 1_000_000
"""Bytes whose hash takes long enough to make it beside the event loop."""
_CLIENT_LEFT = 499


class Audit(Protocol):
    """The place where lines go."""

    @property
    def software(self) -> Mapping[str, str]:
        """Versions of what computes answers, by name."""
        ...

    @property
    def is_broken(self) -> bool:
        """``True`` while lines cannot be written."""
        ...

    def put(self, line: bytes) -> Future[None]:
        """Have a line written beside the event loop; the future is done once it is."""
        ...


class Audited:
    """Hashes what comes and goes, and holds an answer back until its line is written.

    What cannot be put on record is not answered, and as long as that is so no new request is taken that would have to
    be.

    Args:
        app: The application.
        service: The running service, which has an audit.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request on record."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        audit = self._service.audit
        assert audit is not None  # else there is no such middleware
        if scope["method"] == "POST" and audit.is_broken:
            raise AuditUnavailableError("the audit cannot be written at the moment, so nothing is answered")
        given, answer, held = hashlib.sha256(), hashlib.sha256(), list[Message]()

        async def receive_hashed() -> Message:
            message = await receive()
            await _update(given, message.get("body", b""))
            return message

        async def send_hashed(message: Message) -> None:
            if message["type"] == "http.response.start" and "note" in scope["state"]:
                held.append(message)
                return
            if held:
                await _update(answer, message.get("body", b""))
                if message.get("more_body", False):
                    held.append(message)
                    return
                line = self._line(audit, scope, held[0]["status"], given.hexdigest(), answer.hexdigest())
                await asyncio.wrap_future(audit.put(line))
            for earlier in held:
                await send(earlier)
            held.clear()
            await send(message)

        try:
            await self._app(scope, receive_hashed, send_hashed)
        except Exception as error:
            if "note" in scope["state"]:  # it was computed, and is not answered
                failed = _CLIENT_LEFT if isinstance(error, ClientLeft) else kind_of(error).status
                audit.put(self._line(audit, scope, failed, given.hexdigest(), None))
            raise

    def _line(self, audit: Audit, scope: Scope, status: int, given: str, answer: str | None) -> bytes:
        """Return the line of a request, whose note is taken off it."""
        note: Note = scope["state"].pop("note")
        headers = Headers(scope=scope)
        return encode_line(
            Line(
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                request_id=scope["state"]["request_id"],
                key_id=scope["state"].get("key_id"),
                method=scope["method"],
                path=scope["raw_path"].decode("latin-1"),
                query=scope["query_string"].decode("latin-1"),
                headers={name: ",".join(headers.getlist(name)) for name in HEADERS if name in headers},
                status=status,
                note=note,
                input_sha256=given,
                answer_sha256=answer,
                seed=self._service.settings.seed,
                precision=self._service.settings.precision,
                threads=self._service.settings.threads,
                software=audit.software,
            )
        )


async def _update(hashed: hashlib._Hash, content: bytes) -> None:
    if len(content) > _LONG:
        await asyncio.to_thread(hashed.update, content)
    else:
        hashed.update(content)
