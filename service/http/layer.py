"""The base of all layers, and the part of the service that they know."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from starlette.types import Scope

from service.http.rate_counts import RateCounts
from service.http.reading import Reader
from service.scheduling.places import Places
from service.settings import Settings
from service.telemetry import Telemetry

if TYPE_CHECKING:
    from service.http.access.ring import KeySource
    from service.http.audit.middleware import Audit  # which knows this service
    from service.http.tracing.tracer import Tracer  # which needs an extra


class Service(Protocol):
    """The part of the running service that layers may know."""

    settings: Settings
    telemetry: Telemetry
    reader: Reader
    rate_counts: RateCounts | None
    tracer: Tracer | None
    connections: Places

    @property
    def keys(self) -> KeySource | None:
        """Keys that several services share; ``None`` if there are none, or those of a file."""
        ...

    @property
    def audit(self) -> Audit | None:
        """Place where the lines of the audit go; ``None`` if there is none."""
        ...

    @property
    def phase(self) -> str:
        """Stage of the service's life, such as "ready" or "draining"."""
        ...


class Layer:
    """Base of all layers: one concern, and the four moments of a request in which it may act.

    A layer has only those of the four methods that it needs; the others cost nothing.

    Args:
        service: The running service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    @classmethod
    def is_on(cls, settings: Settings) -> bool:
        """Return whether the settings ask for this layer; one that is off costs nothing."""
        return True

    def enter(self, scope: Scope) -> None:
        """Look at a request whose body has not been read; a layer among the guards refuses it by raising."""

    async def admit(self, scope: Scope) -> None:
        """Wait for what lies elsewhere and says whether a request may pass; a guard refuses it by raising.

        All guards have entered before that.
        """

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        """Look at the status of an answer before it goes out, and add to its header lines."""

    def leave(self, scope: Scope) -> None:
        """Look back at a request that has been answered, or whose client has left."""
