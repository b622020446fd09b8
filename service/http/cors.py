"""The middleware that lets pages of other origins call the service: off unless the settings name such origins."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.layer import Service
from service.http.refusals import refuse

METHODS = ("GET", "HEAD", "POST", "DELETE")
"""Methods that some route has."""
_READABLE = (
    "Inference-Header-Content-Length",
    "Location",
    "Retry-After",
    "Server-Timing",
    "Traceresponse",
    "X-Compute-Time-Ms",
    "X-Queue-Time-Ms",
    "X-Request-ID",
    "X-Seeds",
)
"""Header lines of answers that a page may read besides those that it always may."""
_FORBIDDEN = HTTPException(
    HTTPStatus.BAD_REQUEST,
    "pages of this origin may not send this; allowed are the origins of CREDENCE_CORS_ORIGINS and the methods "
    + ", ".join(METHODS),
)


class Cors:
    """Answers the questions of browsers, and marks every answer and refusal as readable by the origins of the settings.

    Credentials are not allowed: the service has no cookies.

    Args:
        app: The application.
        service: The running service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._service = service
        self._cors = CORSMiddleware(
            app,
            allow_origins=service.settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=_READABLE,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer such a question, or pass a request on."""
        headers = Headers(scope=scope)
        if scope["method"] != "OPTIONS" or not {"origin", "access-control-request-method"} <= set(headers):
            await self._cors(scope, receive, send)
            return
        answer = self._cors.preflight_response(headers)
        if answer.status_code != HTTPStatus.OK:
            answer = refuse(_FORBIDDEN, scope["state"]["request_id"], self._service.telemetry)
        await answer(scope, receive, send)
