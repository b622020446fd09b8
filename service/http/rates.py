"""Rates: how many requests a client may send in a time, whether or not there would be room for more.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

from limits import parse
from starlette.types import Scope

from service.errors import TooManyRequestsError
from service.http.layer import Layer, Service
from service.settings import Settings

_UNLIMITED = ("/health", "/livez", "/readyz", "/healthz", "/v2/health", "/metrics")
"""Beginnings of paths that whoever watches over the service asks for."""


class Rates(Layer):
    """Refuses the requests of a client, its key or its address, that are more than its rate (429); off without one."""

    @classmethod
    def is_on(cls, settings: Settings) -> bool:
        """Return whether a rate is set."""
        return bool(settings.rate_limit)

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._rate = parse(service.settings.rate_limit)
        assert service.rate_counts is not None  # else this layer is left out
        # The counts are the service's: there are layers before the short way to a route, and before all others.
        self._counts = service.rate_counts
        self._policy = f'"requests";q={self._rate.amount};w={self._rate.get_expiry()}'.encode()

    async def admit(self, scope: Scope) -> None:
        """Count a request."""
        if scope["path"].startswith(_UNLIMITED):
            return
        state = scope["state"]
        client = state.get("key_id") or state["address"]
        standing = await self._counts.hit(self._rate, client)
        seconds = math.ceil(standing.reset_at - datetime.now(UTC).timestamp())
        seconds = min(max(1, seconds), self._rate.get_expiry())  # the clock may have been set in between
        state["rate"] = f'"requests";r={standing.remaining};t={seconds}'.encode()
        if not standing.passes:
            raise TooManyRequestsError(
                f"more requests than allowed; allowed are {self._service.settings.rate_limit}: send them more slowly",
                seconds,
            )

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        """Tell what is left."""
        if "rate" in scope["state"]:
            message["headers"] += [(b"ratelimit-policy", self._policy), (b"ratelimit", scope["state"]["rate"])]
