"""The numbers of requests that clients have sent: in this process, or in Redis for all services that share it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, NamedTuple

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as SharedLimiter
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.telemetry import Telemetry

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.25
"""Seconds that a request waits for Redis."""
_PAUSE_SECONDS = 1.0
"""Seconds for which Redis is left alone after it has failed."""


class UnusableRateStoreError(Exception):
    """The address of Redis is none, or its driver is missing."""


class Standing(NamedTuple):
    """A client's place in its rate.

    Attributes:
        passes: ``True`` if the request is within the rate.
        reset_at: Time in seconds since 1970 at which the count begins anew.
        remaining: Number of requests that are left until then.
    """

    passes: bool
    reset_at: float
    remaining: int


class RateCounts:
    """Counts in memory."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def hit(self, rate: RateLimitItem, client: str) -> Standing:
        """Count a request, unless it is beyond the rate."""
        passes = self._limiter.hit(rate, client)
        return Standing(passes, *self._limiter.get_window_stats(rate, client))

    async def close(self) -> None:
        """Let connections go; there are none."""


class SharedRateCounts(RateCounts):
    """Counts in Redis; while that cannot be reached, each service counts its own.

    Args:
        url: Address, such as ``redis://host:6379/0``.
        telemetry: Metrics, which tell whether Redis can be reached.

    Raises:
        UnusableRateStoreError: if the address is none, or the driver is missing.
    """

    def __init__(self, url: str, telemetry: Telemetry) -> None:
        super().__init__()
        try:
            from redis.asyncio import ConnectionPool  # an extra
        except ImportError as error:
            raise UnusableRateStoreError("it cannot be used; pip install 'credence[redis]'") from error
        try:
            self._pool = ConnectionPool.from_url(url)
        except ValueError as error:
            raise UnusableRateStoreError("it cannot be used; allowed are such as redis://host:6379/0") from error
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(f"async+{url}", implementation="redispy", key_prefix="credence-rates", **options)
        self._shared = SharedLimiter(storage)
        self._telemetry = telemetry
        self._again_at = 0.0

    async def hit(self, rate: RateLimitItem, client: str) -> Standing:
        """Count a request for all services, unless it is beyond the rate."""
        if time.monotonic() < self._again_at:
            return await super().hit(rate, client)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                passes = await self._shared.hit(rate, client)
                standing = Standing(passes, *await self._shared.get_window_stats(rate, client))
        except Exception as error:  # those of the driver, of the network and of time
            if not self._again_at:
                log.error("Redis cannot be reached, so this service counts for itself: %s", type(error).__name__)
            self._again_at = time.monotonic() + _PAUSE_SECONDS
            self._telemetry.rates_broken.set(1)
            return await super().hit(rate, client)
        if self._again_at:
            log.info("Redis can be reached again")
            self._again_at = 0.0
            self._telemetry.rates_broken.set(0)
        return standing

    async def close(self) -> None:
        """Let the connections to Redis go."""
        await self._pool.aclose()
