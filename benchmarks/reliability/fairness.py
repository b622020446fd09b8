"""One client cannot take the service from the others: minimal requests beside maximal ones, of several models."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import math
import multiprocessing
import multiprocessing.sharedctypes
import re
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import CONVNET, DIGITS, digits
from reliability.service_process import Service
from service.scheduling import batching

_MOST_RATIO = 5.0
_CONNECTIONS = 2
"""Connections on which each model gets maximal requests at the same time."""
_MOST_SECONDS = 0.25
_WARM = 20
_LONGEST, _LEAST = 20.0, 3
"""Seconds after which no more requests are sent, which a service that is taken from others would need hours for."""


@dataclass(frozen=True)
class Post:
    """A request."""

    path: str
    content: bytes
    content_type: str = "application/x-npy"


def never_give_way() -> None:
    """Every job runs from its beginning to its end, as it did before there were turns."""
    vars(batching)["LONG_SECONDS"] = math.inf


def prove(trial: Trial) -> Result:
    """Time minimal requests alone and beside clients that send the largest requests that are allowed."""
    with trial.serve(models=(DIGITS, CONVNET), max_queue_seconds="60") as service:
        small = Post(f"/predict?model={DIGITS}&samples=10", _array(1))
        large = [_largest(service, model) for model in (DIGITS, CONVNET)]
        _time(service.port, small, _WARM)
        alone = _time(service.port, small, trial.size)
        with _greedy(service.port, large * _CONNECTIONS) as answered:
            beside = _time(service.port, small, trial.size)
            done = answered.value
    p99_alone, p99_beside = (statistics.quantiles(times, n=100)[98] for times in (alone, beside))
    ratio = p99_beside / p99_alone
    asked = ", ".join(request.path.partition("samples=")[2] for request in large)
    broken = [
        *([f"p99 beside is {ratio:.1f} times that alone; at most {_MOST_RATIO:g}"] if ratio > _MOST_RATIO else []),
        *([f"one took {max(beside) * 1000:.0f} ms"] if max(beside) > _MOST_SECONDS else []),
    ]
    return Result(
        f"{len(beside)} requests of 1 row x 10 draws beside {len(large) * _CONNECTIONS} connections of 256 rows x"
        f" {asked} draws of two models; {done} of those answered",
        "maximal requests without a pause",
        f"p99 {p99_beside * 1000:.1f} ms, alone {p99_alone * 1000:.1f} ms: x {ratio:.1f}",
        broken,
    )


def _array(rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(digits(rows), np.float32))
    return file.getvalue()


def _largest(service: Service, model: str) -> Post:
    """Return the largest request for a model of 256 rows, as the refusal of a larger one tells it."""
    content = _array(256)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("POST", f"/predict?model={model}&samples=999", content, {"Content-Type": "application/x-npy"})
    detail = json.loads(connection.getresponse().read())["detail"]
    allowed = re.search(r"are (\d+) samples", detail)
    if not allowed or not int(allowed[1]):
        raise VoidError(f"the largest request is not known: {detail}")
    return Post(f"/predict?model={model}&samples={allowed[1]}", content)


def _time(port: int, request: Post, count: int) -> list[float]:
    """Return the seconds that each of some requests takes, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds: list[float] = []
    end = time.monotonic() + _LONGEST
    while len(seconds) < count and (time.monotonic() < end or len(seconds) < _LEAST):
        start = time.perf_counter()
        if (status := _send(connection, request)) != http.client.OK:
            raise VoidError(f"a minimal request got {status}")
        seconds.append(time.perf_counter() - start)
    return seconds


def _send(connection: http.client.HTTPConnection, request: Post) -> int:
    connection.request("POST", request.path, request.content, {"Content-Type": request.content_type})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@contextlib.contextmanager
def _greedy(port: int, requests: Sequence[Post]) -> Iterator[multiprocessing.sharedctypes.Synchronized[int]]:
    """Send each request again and again, each on a connection of a process of its own; gives the number answered."""
    spawn = multiprocessing.get_context("spawn")
    answered = spawn.Value("i", 0)
    senders = [spawn.Process(target=_repeat, args=(port, request, answered), daemon=True) for request in requests]
    for sender in senders:
        sender.start()
    end = time.monotonic() + 60
    while not answered.value and time.monotonic() < end:
        time.sleep(0.01)
    answered.value = 0
    try:
        yield answered
    finally:
        for sender in senders:
            sender.kill()
            sender.join()


def _repeat(port: int, request: Post, answered: multiprocessing.sharedctypes.Synchronized[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        if _send(connection, request) == http.client.OK:
            with answered.get_lock():
                answered.value += 1


PROMISE = Promise(
    "fairness",
    "One client cannot take the service from the others",
    "minimal requests",
    1000,
    300,
    prove,
    (never_give_way,),
)
