"""No request holds the event loop, nor another client's small request."""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from prometheus_client import Gauge

from reliability.corpus import Hostile
from reliability.hostile import heavy
from reliability.promise import Promise, Result, Trial
from reliability.rows import CONVNET, DIGITS, TABLE, body, digits
from reliability.service_process import Service
from service.http.exchange import Exchange
from service.runtime.runtime import Runtime

_MOST_HELD, _MOST_WAITED = 0.05, 0.25
_BEAT_SECONDS = 0.002
_LONG = 100_000
_CHUNKS = 200_000


def beat() -> None:
    """The event loop looks at the clock every 2 ms, and tells the longest gap since it was last asked."""
    original = Runtime.start
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_BEAT_SECONDS)
            longest = max(longest, time.perf_counter() - before - _BEAT_SECONDS)

    def tell() -> float:
        nonlocal longest
        told, longest = longest, 0.0
        return told

    async def start(self: Runtime) -> None:
        Gauge("loop_held_seconds", "The longest gap.", registry=self.telemetry.registry).set_function(tell)
        watching = asyncio.create_task(watch())
        await original(self)
        self.telemetry.registry.__dict__["watching"] = watching  # the loop itself keeps no task alive

    Runtime.start = start  # type: ignore[method-assign]


def read_long_bodies_twice() -> None:
    """Long bodies are looked at for 0.1 s on the event loop."""
    original = Exchange.read_body

    async def read_body(self: Exchange) -> Any:
        content = await original(self)
        if len(content) > _LONG:
            time.sleep(0.1)
        return content

    Exchange.read_body = read_body  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Send each kind of heavy request while another client asks for little; the best of some tries counts.

    Whatever else the machine does holds one try or another; what the request holds, it holds in every one.
    """
    with trial.serve(beat, models=(DIGITS, CONVNET, TABLE), max_queue_seconds="5") as service:
        kinds = _kinds()
        held: dict[str, float] = {}
        waited: dict[str, float] = {}
        for name, send in kinds.items():
            tries = [_beside(service, send) for _ in range(trial.size)]
            held[name], waited[name] = min(h for h, _ in tries), min(w for _, w in tries)
    worst_held, worst_waited = max(held, key=held.__getitem__), max(waited, key=waited.__getitem__)
    broken = [
        *(f"{name} held the loop for {t * 1000:.0f} ms" for name, t in held.items() if t > _MOST_HELD),
        *(f"beside {name} a small request took {t * 1000:.0f} ms" for name, t in waited.items() if t > _MOST_WAITED),
    ]
    return Result(
        f"{len(kinds)} kinds of heavy requests, a small one beside each; the best of {trial.size} tries",
        "long JSON, CSV, arrays, archives, pictures, chunks, requests ahead, maximal work",
        f"loop held {held[worst_held] * 1000:.0f} ms ({worst_held}); small request {waited[worst_waited] * 1000:.0f} ms"
        f" ({worst_waited})",
        broken,
    )


def _kinds() -> Mapping[str, Callable[[Service], None]]:
    """Return functions that send one kind of heavy request each, and wait for the answer."""
    sends: dict[str, Callable[[Service], None]] = {}
    for attack in heavy():
        sends[attack.name] = functools.partial(_post, attack=attack)
    work = body(digits(256))
    for model in (DIGITS, CONVNET):
        path = f"/predict?model={model}&samples=390&seed=7"
        sends[f"256 rows x 390 draws of {model}"] = functools.partial(_ask, path=path, content=work)
    sends[f"{_CHUNKS} chunks of one byte"] = _send_chunks
    sends["1000 requests in one packet"] = _pipeline
    return sends


def _post(service: Service, attack: Hostile) -> None:
    headers = {"Content-Type": attack.content_type, **attack.headers}
    httpx.post(f"{service.url}/predict", content=attack.body, headers=headers, timeout=120)


def _ask(service: Service, path: str, content: bytes) -> None:
    httpx.post(service.url + path, content=content, headers={"Content-Type": "application/json"}, timeout=120)


def _send_chunks(service: Service) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    _exchange(service, head + b"\r\n" + b"1\r\n \r\n" * _CHUNKS + b"0\r\n\r\n")


def _pipeline(service: Service) -> None:
    _exchange(service, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000)


def _exchange(service: Service, sent: bytes) -> None:
    """Send bytes, and read what comes until nothing has come for a second."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        try:
            connection.sendall(sent)
            connection.settimeout(1.0)
            while connection.recv(65_536):
                pass
        except OSError:  # refused before all was sent, or nothing more came
            return


def _beside(service: Service, send: Callable[[Service], None]) -> tuple[float, float]:
    """Return the longest hold of the loop and the longest small request, in seconds, while something is sent."""
    service.metric("loop_held_seconds")
    heavy_one = threading.Thread(target=send, args=(service,))
    waits, row = [], {"inputs": digits(1)}
    with service.client() as client:
        client.post("/predict", json=row)
        heavy_one.start()
        while heavy_one.is_alive():
            start = time.perf_counter()
            client.post("/predict", json=row)
            waits.append(time.perf_counter() - start)
            time.sleep(0.01)
        heavy_one.join()
    return service.metric("loop_held_seconds"), max(waits, default=0.0)


PROMISE = Promise(
    "holds",
    "No request holds the event loop for 50 ms, nor another client's small request for 250 ms",
    "tries of each kind",
    5,
    2,
    prove,
    (read_long_bodies_twice,),
)
