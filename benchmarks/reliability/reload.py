"""A reload swaps one reference: under load no request fails, and what is refused leaves the old model."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import msgspec

from models.checkpoints import checkpoint
from reliability.open_loop import Connections, request
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import DIGITS, body, digits
from service.runtime.runtime import Runtime

_REQUEST = request(body(digits(2)), "/predict?samples=20")
_AT_ONCE = 4
_MOST_GROWTH = 96 * 2**20
"""Bytes of resident memory that may come after the first reloads: two models and the allocator's holes."""


def unload_first() -> None:
    """The old model is unloaded before the new one is loaded."""
    original = Runtime.load

    async def load(self: Runtime, name: str, version: int | None, *, again: bool = False) -> Any:
        if version is not None:
            await self.unload(name, version)
        return await original(self, name, version, again=again)

    Runtime.load = load  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Reload under load: two good versions and a damaged one in turn."""
    with trial.serve(poll_seconds="3600", max_queue_seconds="60") as service:
        store = trial.folder / "store"
        whole = checkpoint.load(store / DIGITS / "1")
        manifest = msgspec.structs.replace(whole.manifest, calibration=None, opset=None)
        for _ in range(2):
            checkpoint.save(store, manifest, whole.model, whole.examples, whole.card)
        weights = store / DIGITS / "3" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
        over, tally, memory, wrong = threading.Event(), Counter[int](), list[int](), list[str]()
        load = threading.Thread(target=lambda: tally.update(asyncio.run(_ask(service.port, over))))
        load.start()
        with service.client() as client:
            for i in range(trial.size):
                version = (2, 3, 1, 3)[i % 4]
                answer = client.post(f"/models/{DIGITS}/reload?version={version}")
                if answer.status_code != (503 if version == 3 else 200):
                    wrong.append(f"a reload of version {version} was answered by {answer.status_code}")
                told = client.post("/predict", json={"inputs": digits(1)}).json().get("version")
                if version != 3 and told != str(version):
                    wrong.append(f"version {told} answered after a reload of {version}")
                memory.append(service.footprint().memory)
        over.set()
        load.join()
    if not tally:
        raise VoidError("nobody asked anything")
    failed = tally.total() - tally[200]
    growth = memory[-1] - memory[min(len(memory) - 1, 8)]
    return Result(
        f"{trial.size} reloads beside {tally.total()} requests",
        f"{trial.size // 2} of a damaged checkpoint",
        f"{failed} requests failed; memory {growth / 2**20:+.0f} MiB",
        [
            *wrong[:2],
            *([f"{failed} requests failed: {dict(tally)}"] if failed else []),
            *([f"memory grew by {growth / 2**20:.0f} MiB"] if growth > _MOST_GROWTH else []),
        ],
    )


async def _ask(port: int, over: threading.Event) -> list[int]:
    """Return the statuses of requests, several at once, until it is over."""
    connections, statuses = Connections(port), list[int]()

    async def ask() -> None:
        while not over.is_set():
            statuses.append((await connections.ask(_REQUEST)).status)

    await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
    connections.close()
    return statuses


PROMISE = Promise(
    "reload",
    "A reload fails no request, and one that is refused leaves the old model",
    "reloads",
    200,
    8,
    prove,
    (unload_first,),
)
