"""Whole files on a cluster of Ray (extra ``ray``): ``python -m service predict FILE --ray ADDRESS``.

The command reads, asks and writes as it does without a cluster, and keeps the same parts. Its requests go to workers,
each of which serves the model in its process and shares no batch between requests, so the answers are the same bits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import ray
from fastapi import FastAPI
from ray.exceptions import RayTaskError

from service.client import AsyncClient, ClientError

Serving = Callable[[Path | str | None, str, float], AbstractAsyncContextManager[FastAPI]]
"""Function that serves a model of a store to this process, with the seconds that a request may take."""

_AT_ONCE = 2
"""Requests that a worker has at once: while it computes one, the next is on its way."""


class Worker:
    """A process of the cluster, on a processor or a device of its own, that serves one model.

    Args:
        serving: Function that serves it.
        store: Folder of checkpoints, or the address of an object store; that of the settings if left out.
        model: Name of the model.
        seconds: Seconds that a request may take.
    """

    def __init__(self, serving: Serving, store: Path | str | None, model: str, seconds: float) -> None:
        self._served = serving(store, model, seconds)
        self._starting = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def answer(
        self, method: str, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, Sequence[tuple[bytes, bytes]], bytes]:
        """Return status, header lines and body of the answer to a request."""
        async with self._starting:
            if self._client is None:
                app = await AsyncExitStack().enter_async_context(self._served)
                self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        request = self._client.build_request(method, url, headers=headers, content=body)
        answer = await self._client.send(request, stream=True)
        return answer.status_code, answer.headers.raw, b"".join([part async for part in answer.aiter_raw()])


class Workers(httpx.AsyncBaseTransport):
    """A transport whose requests go to whichever worker is free.

    Args:
        workers: Handles of :class:`Worker`.
    """

    def __init__(self, workers: Sequence[Any]) -> None:
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        for worker in [*workers] * _AT_ONCE:
            self._free.put_nowait(worker)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return a worker's answer.

        Raises:
            ClientError: if the model cannot be served.
        """
        body = await request.aread()
        worker = await self._free.get()
        try:
            task = worker.answer.remote(request.method, str(request.url), request.headers.raw, body)
            status, headers, content = await task
        except RayTaskError as error:
            raise ClientError(str(error.cause)) from error
        finally:
            self._free.put_nowait(worker)
        return httpx.Response(status, headers=headers, content=content)


@asynccontextmanager
async def on_cluster(
    serving: Serving, address: str, store: Path | str | None, model: str, seconds: float
) -> AsyncIterator[AsyncClient]:
    """Serve one model on every free GPU of a cluster, or on every free CPU if it has no GPU.

    A worker that dies is started again, and what it was asked is asked again.

    Args:
        serving: Function that serves a model in a worker.
        address: Address of the cluster; "local" for one on this machine, as long as it is needed.
        store: Folder of checkpoints as the cluster's machines see it, or the address of an object store; that of their
            settings if left out.
        model: Name of the model.
        seconds: Seconds that a request may take.

    Raises:
        ClientError: if nothing is free.
    """
    ray.init(address, log_to_driver=False)
    try:
        kind = "GPU" if "GPU" in ray.cluster_resources() else "CPU"
        free = int(ray.available_resources().get(kind, 0))
        if not free:
            raise ClientError(f"no {kind} of the cluster is free; wait until others have done, or add a machine")
        share = {"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}
        actor = ray.remote(Worker).options(**share, max_restarts=-1, max_task_retries=-1)
        workers = [actor.remote(serving, store, model, seconds) for _ in range(free)]
        async with AsyncClient("http://ray", key="", timeout=seconds, transport=Workers(workers)) as client:
            yield client
    finally:
        ray.shutdown()
