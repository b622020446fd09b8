"""HTTP below the application: what is no valid request is refused in the same words as everything else."""

from __future__ import annotations

import asyncio
import sys
import uuid

import h11
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.errors import KINDS, HeadTooLargeError, kind_of_status, problem
from service.telemetry import Telemetry

_HEAD_SECONDS = 10.0


class Protocol(H11Protocol):
    """uvicorn's protocol, with problem+json in place of plain text, and 431 where the head was too large.

    A connection whose first request does not begin in time is closed.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head."""
        super().connection_made(transport)
        self.loop.call_later(_HEAD_SECONDS, self._close_if_silent)

    @property
    def telemetry(self) -> Telemetry:
        """The application's, which sees nothing of what is refused here."""
        app = self.config.app
        assert isinstance(app, FastAPI)  # what the server was made with
        telemetry: Telemetry = app.state.runtime.telemetry
        return telemetry

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer and close: after such bytes nobody knows where the next request begins."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        kind = KINDS[HeadTooLargeError] if status == 431 else kind_of_status(status)
        detail = "the head is too large; the limit is a setting" if status == 431 else "the bytes are no HTTP request"
        response = problem(kind, detail, uuid.uuid4().hex)
        self.telemetry.requests.labels("unmatched", str(status)).inc()
        self.telemetry.rejections.labels(kind.code).inc()
        headers = [*response.raw_headers, (b"connection", b"close")]
        events: list[h11.Event] = [
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
