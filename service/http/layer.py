"""The base of all layers: a small ASGI middleware with one concern."""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.reading import Reader
from service.settings import Settings
from service.telemetry import Telemetry


class Service(Protocol):
    """The part of the running service that layers may know."""

    settings: Settings
    telemetry: Telemetry
    reader: Reader

    @property
    def phase(self) -> str:
        """Stage of the service's life, such as "ready" or "draining"."""
        ...


class Layer:
    """Base of all layers: an ASGI middleware that sees HTTP requests only.

    Args:
        app: The next layer further in.
        service: The running service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    @classmethod
    def around(cls, app: ASGIApp, service: Service) -> ASGIApp:
        """Return the application with this layer around it; one that the settings switch off returns it as it is."""
        return cls(app, service).handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do this layer's part, and await the next layer unless the request is refused."""
        await self._app(scope, receive, send)
