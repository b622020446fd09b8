"""With an audit nothing is answered that is not on record, and what is on record is answered again to the bit."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec

from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import body, digits
from service.__main__ import running
from service.http.audit.line import Line, decode_line
from service.runtime import runtime
from service.runtime.audit.replay import replay
from service.runtime.audit.writer import AuditWriter
from service.settings import Settings

_CLIENTS, _REPLAYED = 8, 10
_LATE_SECONDS = 0.3


def answer_at_once() -> None:
    """Answers do not wait for their lines."""
    put = AuditWriter.put

    def put_later(self: AuditWriter, line: bytes) -> Future[None]:
        threading.Timer(_LATE_SECONDS, put, (self, line)).start()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    AuditWriter.put = put_later  # type: ignore[method-assign]


def share_batches() -> None:
    """Requests share batches although there is an audit."""
    runtime._ALONE = 16_384


def prove(trial: Trial) -> Result:
    """Kill a service that answers several clients, look for the line of every answer, and replay some."""
    file, answered, sent = trial.folder / "audit.jsonl", dict[str, bytes](), dict[str, bytes]()
    with trial.serve(audit_file=str(file)) as service, ThreadPoolExecutor(_CLIENTS) as pool:
        asking = [pool.submit(_ask, service.url, i, trial.size, sent, answered) for i in range(_CLIENTS)]
        while len(answered) < trial.size and not all(one.done() for one in asking):
            time.sleep(0.001)
        service.kill()
    lines = _lines(file)
    missing = [name for name in answered if name not in lines]
    on_record = [name for name in answered if name in lines]
    if not on_record:
        raise VoidError("nothing was answered before the end")
    chosen = on_record[:: max(1, len(on_record) // _REPLAYED)]
    other = [name for name in chosen if not _is_same(trial.folder / "store", lines[name], sent[name], answered[name])]
    broken = [f"{len(missing)} answers are not on record"] * bool(missing)
    broken += [f"{len(other)} of {len(chosen)} answers were others when replayed"] * bool(other)
    return Result(
        f"{len(answered)} answers to {_CLIENTS} clients at once, {len(chosen)} of them replayed",
        "kill -9 in the midst of it",
        f"{len(missing)} of {len(answered)} lines, {len(other)} of {len(chosen)} answers",
        broken,
    )


def _ask(url: str, client: int, size: int, sent: dict[str, bytes], answered: dict[str, bytes]) -> None:
    """Ask until the service is gone; every request has another number of rows than those beside it."""
    with suppress(httpx.HTTPError), httpx.Client(base_url=url, timeout=30) as http:
        for i in range(4 * size):
            name = f"{client}-{i}"
            sent[name] = body(digits(1 + (client + i) % _CLIENTS, seed=i))
            headers = {"Content-Type": "application/json", "X-Request-ID": name}
            answer = http.post("/predict", content=sent[name], headers=headers)
            if answer.status_code == httpx.codes.OK:
                answered[name] = answer.content


def _lines(file: Path) -> Mapping[str, Line]:
    """Return the whole lines of the audit, by the ids of their requests."""
    found = dict[str, Line]()
    for text in file.read_bytes().splitlines():
        with suppress(msgspec.DecodeError):  # the end may have torn the last one, which then has no answer
            line = decode_line(text)
            found[line.request_id] = line
    return found


def _is_same(store: Path, line: Line, content: bytes, answer: bytes) -> bool:
    done = asyncio.run(replay(line, content, Settings(store=store, outcomes="off"), running))
    return done.answer == answer and done.is_same


PROMISE = Promise(
    "audit",
    "With an audit every answer is on record before it leaves, kill -9 or not, and a replay gives it to the bit",
    "answers",
    1000,
    200,
    prove,
    (answer_at_once, share_batches),
)
