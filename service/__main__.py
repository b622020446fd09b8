"""Entry point of the service: ``python -m service`` or ``credence-serve``. Settings come from the environment."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from types import FrameType

# Set before torch loads OpenMP, so that its threads sleep while they wait for each other and do not spin. On cores that
# are shared, if only with the event loop, spinning made one pass of a LeNet take 70 ms instead of 1.2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import uvicorn
from pydantic import ValidationError

from service.app import create_app
from service.backends.torch_loader import TorchLoader, configure_torch
from service.http.protocol import ProblemProtocol
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.settings import Settings

log = logging.getLogger("service")

_KEEP_ALIVE_SECONDS = 75
"""Seconds that an idle connection is kept: longer than clients do, so that it is they who close it."""


class Server(uvicorn.Server):
    """A uvicorn server that first says that it is not ready, and stops listening only after a while."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on SIGTERM; close at once on Ctrl-C or a second signal. Accepted requests are answered either way."""
        drained = self._runtime.phase == "draining"
        if sig != signal.SIGTERM or drained:
            self._close()
            return
        self._runtime.drain()
        delay, loop = self._runtime.settings.drain_seconds, asyncio.get_running_loop()
        log.info("draining for %g s", delay)
        # A signal may interrupt the loop anywhere, so the timer is set by the loop itself.
        loop.call_soon_threadsafe(loop.call_later, delay, self._close)

    def _close(self) -> None:
        if self._runtime.phase != "failed":
            self._runtime.close()
        self.should_exit = True


def main() -> None:
    """Read the settings, load the store and serve until a signal."""
    try:
        settings = Settings()
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            print(f"CREDENCE_{str(wrong['loc'][0]).upper()}: {wrong['msg']}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configure_torch(settings.threads)
    try:
        loader = TorchLoader(settings.device, settings.draw_cache_bytes, settings.seed)
    except ValueError as error:
        sys.exit(f"CREDENCE_DEVICE: {error}")
    registry = Registry(settings.store, loader)
    app = create_app(settings, registry)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        http=ProblemProtocol,
        access_log=False,
        h11_max_incomplete_event_size=settings.max_header_bytes,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    Server(config, app.state.runtime).run()
    if app.state.runtime.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
