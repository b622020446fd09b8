"""HTTP below the application: bytes that are no valid request are refused in the same form as everything else."""

from __future__ import annotations

import asyncio
import sys
import uuid
from http import HTTPStatus

import h11
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.errors import HeadTooLargeError
from service.http.refusals import refuse
from service.telemetry import Telemetry

_HEAD_SECONDS = 10.0


class ProblemProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, refusing with problem+json in place of plain text, and a long head with 431.

    A connection whose first request does not begin in time is closed.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head."""
        super().connection_made(transport)
        self.loop.call_later(_HEAD_SECONDS, self._close_if_silent)

    @property
    def telemetry(self) -> Telemetry:
        """The application's metrics; the application itself sees nothing of what is refused here."""
        app = self.config.app
        assert isinstance(app, FastAPI)  # the server was made with it
        telemetry: Telemetry = app.state.runtime.telemetry
        return telemetry

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer and close: after such bytes nobody knows where the next request begins."""
        response = refuse(_refusal(sys.exception()), uuid.uuid4().hex, self.telemetry)
        self.telemetry.requests.labels("unmatched", str(response.status_code)).inc()
        headers = [*response.raw_headers, (b"connection", b"close")]
        events: list[h11.Event] = [
            h11.Response(status_code=response.status_code, headers=headers),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _refusal(error: BaseException | None) -> Exception:
    """Return the refusal that stands for h11's complaint."""
    status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return HeadTooLargeError("the head of the request is too large; CREDENCE_MAX_HEADER_BYTES is the limit")
    return HTTPException(status, "the bytes received are not an HTTP request")
