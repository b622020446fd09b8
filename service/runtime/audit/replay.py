"""A line of the audit, replayed: the same request to the same model, and what differs if the answer does."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import httpx
from fastapi import FastAPI

from service.errors import ServiceError
from service.http.audit.line import Line
from service.runtime.audit.software import software
from service.runtime.registry import Served
from service.runtime.runtime import Runtime
from service.settings import Settings

_SECONDS = 3600.0
_NOT_REPLAYED = ("/project/", "/outcomes")
"""Starts of paths whose answers are no function of the request: ids of jobs, and what became of outcomes."""

Start = Callable[[Settings, str, int | None], AbstractAsyncContextManager[FastAPI]]
"""Function that starts a service of one ``name/version``, with the seed that a request for a random one gets."""


class ReplayError(Exception):
    """A line cannot be replayed."""


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay.

    Attributes:
        answer: Body of the answer; ``None`` if the request was not sent, as its input or model is not the recorded one.
        differences: Everything that is not as recorded, a sentence each.
        is_same: ``True`` if the answer is the recorded one to the bit.
    """

    answer: bytes | None
    differences: list[str]
    is_same: bool


async def replay(line: Line, body: bytes, settings: Settings, start: Start) -> Replay:
    """Send a recorded request once more, to a service of its model in this process.

    Args:
        line: Line of the audit.
        body: Body of the request as it was sent.
        settings: Settings of the service; those that the line records are taken from there.
        start: Function that starts the service.

    Raises:
        ReplayError: if the line is of a request that cannot be replayed.
    """
    if line.answer_sha256 is None:
        raise ReplayError(f"the request got no whole answer (status {line.status}); there is nothing to compare with")
    if line.path.startswith(_NOT_REPLAYED):
        raise ReplayError(f"answers of {line.path} are not replayed: they tell of the service, not of a model alone")
    found = list(_differences("input SHA-256", line.input_sha256, hashlib.sha256(body).hexdigest()))
    async with start(
        _as_recorded(settings, line, body), f"{line.note.model}/{line.note.version}", _first_seed(line)
    ) as app:
        served = _find(app.state.runtime, line)
        found += _differences("model SHA-256", line.note.model_sha256, served.sha256 if served else "not in the store")
        changed = [
            f"software: {difference}"
            for name in {**line.software, **software()}
            for difference in _differences(name, line.software.get(name, ""), software().get(name, ""))
        ]
        if found:
            return Replay(None, found + changed, is_same=False)
        assert served is not None  # else its hash differs
        _evaluate_as_recorded(served, line)
        answer = await _send(app, line, body)
    different = list(_differences("answer SHA-256", line.answer_sha256, hashlib.sha256(answer.content).hexdigest()))
    if answer.status_code != line.status:
        different.append(f"status was {line.status}, is {answer.status_code}")
    return Replay(answer.content, changed + different, is_same=not different)


def _as_recorded(settings: Settings, line: Line, body: bytes) -> Settings:
    """Return the settings of the line; what was taken then is not refused because this machine is slower now."""
    backend = {"backend": line.note.backend} if line.note.backend in ("torch", "onnx") else {}
    recorded = {"device": line.note.device, "threads": line.threads, "seed": line.seed, **backend}
    recorded |= {"precision": line.precision, "max_request_seconds": _SECONDS, "max_acquisition_seconds": _SECONDS}
    if line.note.samples and ("auto" in line.query or b"auto" in body):  # time may have ended it, not the tolerance
        recorded["max_draws"] = line.note.samples
    return settings.model_copy(update={**recorded, "deadline_seconds": _SECONDS})


def _first_seed(line: Line) -> int | None:
    """Return the seed that a request for a random one was given; images count on from the first."""
    seed = line.note.seed
    return seed if seed is None or isinstance(seed, int) else next(iter(seed), None)


def _find(runtime: Runtime, line: Line) -> Served | None:
    try:
        return runtime.registry.find(line.note.model, line.note.version)
    except ServiceError:
        return None


def _evaluate_as_recorded(served: Served, line: Line) -> None:
    """Evaluate draws all at once or one by one as then, whatever is faster now: the last bits depend on it."""
    timing = getattr(served.backend, "timing", None)
    if timing is not None and line.note.vectorised is not None:
        first = math.inf if line.note.vectorised else 0
        served.backend.timing = replace(timing, loop_from_rows=first)  # type: ignore[union-attr]


async def _send(app: FastAPI, line: Line, body: bytes) -> httpx.Response:
    """Send the request to the recorded version, which need not be the newest any more."""
    url = httpx.URL("http://in-process", raw_path=f"{line.path}?{line.query}".rstrip("?").encode("latin-1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), timeout=_SECONDS) as client:
        headers = {"x-request-timeout-ms": str(int(1000 * _SECONDS)), "accept": "*/*", **line.headers}
        return await client.request(line.method, url, content=body, headers=headers)


def _differences(name: str, recorded: str, found: str) -> Iterator[str]:
    if recorded != found:
        yield f"{name} was {recorded or 'not there'}, is {found or 'not there'}"
