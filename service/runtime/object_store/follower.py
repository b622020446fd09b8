"""The object store as the live service sees it: looked at beside everything else, and never waited for by a request."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from models.checkpoints.objects import ObjectStore
from models.errors import CheckpointError, ObjectStoreError, printable
from service.runtime.object_store.mirror import Mirror, NewVersion
from service.runtime.registry import Refused, Registry
from service.settings import Settings
from service.telemetry import Telemetry

log = logging.getLogger(__name__)

R = TypeVar("R")


class Follower:
    """The looks at an object store, one at a time, on a thread of their own.

    Args:
        mirror: Folder that follows the store.
        telemetry: Metrics, which tell whether the store can be read.

    Attributes:
        fault: Sentence on why the store could not be read the last time; ``None`` if it could.
    """

    def __init__(self, mirror: Mirror, telemetry: Telemetry) -> None:
        self._mirror, self._telemetry = mirror, telemetry
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="object-store")
        self._looking = asyncio.Lock()
        self.fault: str | None = None

    async def look(self, load: Callable[[Sequence[Refused]], Awaitable[None]]) -> None:
        """Bring what is new in the store, and have it loaded model by model; a store that fails changes nothing.

        Args:
            load: Function that loads what is new in the folder, and notes what was refused. It is called at least once.
        """
        async with self._looking:
            fault: Exception | None = None
            new = list[list[NewVersion]]()
            try:
                new = await self._aside(self._mirror.find_new)
            except (ObjectStoreError, OSError) as error:
                fault = error
            await load([])
            for versions in new:
                refused = list[Refused]()
                for version in versions:
                    fault = await self._aside(functools.partial(self._bring, version, refused)) or fault
                await load(refused)
            self._note(fault or self._mirror.fault)

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _bring(self, version: NewVersion, refused: list[Refused]) -> Exception | None:
        """Bring a version; return the fault if the version is not what is wrong."""
        try:
            self._mirror.bring(version)
        except CheckpointError as error:
            name, number = version.place
            reason = printable(str(error))
            log.error("refused %s version %d of the object store: %s", name, number, reason)
            refused.append(Refused(name, str(number), reason))
        except (ObjectStoreError, OSError) as error:
            return error
        return None

    def _note(self, error: Exception | None) -> None:
        fault = None if error is None else _reason(error)
        if fault is not None and fault != self.fault:
            log.error("%s; what is loaded is served", fault)
        elif fault is None and self.fault is not None:
            log.info("the object store can be read again")
        self.fault = fault
        self._telemetry.store_broken.set(fault is not None)

    def _aside(self, function: Callable[[], R]) -> asyncio.Future[R]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function)


def _reason(error: Exception) -> str:
    """Return a sentence without a path."""
    if isinstance(error, OSError):
        return f"the folder of CREDENCE_STORE_CACHE cannot be written: {error.strerror or type(error).__name__}"
    return str(error)


def open_follower(settings: Settings, telemetry: Telemetry, registry: Registry) -> Follower | None:
    """Return what follows the object store of the settings; ``None`` if the store is a folder.

    Raises:
        ObjectStoreError: if the driver of such stores is not installed.
    """
    if not isinstance(settings.store, str):
        return None
    store = ObjectStore(settings.store)
    return Follower(Mirror(store, settings.store_folder, settings.max_model_bytes, registry.only), telemetry)
