"""Random bytes on a connection, near to those of HTTP: never a 500, never a client that waits for nothing."""

from __future__ import annotations

import contextlib
import random
import socket

from starlette.types import Receive, Scope, Send

from reliability.promise import Promise, Result, Trial
from reliability.rows import body, digits
from reliability.service_process import Service
from service.http.layers import Layers
from service.http.protocol import ProblemProtocol

_SEED = 21
_MOST_SECONDS = 15.0
_GOOD = 50
_ROW = body(digits(1))
_HOST = b"Host: 127.0.0.1\r\n"
_POST = b"POST /predict HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\n"
_LENGTH, _CHUNKED = b"Content-Length: %d\r\n\r\n" % len(_ROW), b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNKS = b"%x;note=1\r\n%s\r\n0\r\n" % (len(_ROW), _ROW)
_WHOLE = (
    b"GET /health/live HTTP/1.1\r\n" + _HOST + b"X-Request-ID: a\r\n\r\n",
    b"GET http://127.0.0.1/models HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + _HOST + b"Origin: null\r\n\r\n",
    _POST + _LENGTH + _ROW,
    _POST + _CHUNKED + _CHUNKS + b"\r\n",
    _POST + _CHUNKED + _CHUNKS + b"X: a\r\n\r\n",
    _POST + b"Expect: 100-continue\r\n" + _LENGTH + _ROW,
    _POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + _LENGTH + _ROW,
    _POST + b"Content-Encoding: gzip\r\nAccept: */*;q=0.5\r\n" + _LENGTH + _ROW,
)
_TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"0\r\n\r\n", b"chunked", b"-1", b"0x", b"ffffffffffffffff",
    b"\xff", b"HTTP/1.0", b"close", b"%", b"//", b"..", b",", b'"', b"{", b"[", b"1e999",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Host: b\r\n", b"X: " + b"a" * 20_000,
    b"a: b\r\n" * 120,
)  # fmt: skip


def read_lines_as_text() -> None:
    """Header lines are taken for ASCII."""
    whole = Layers.__call__

    async def read(self: Layers, scope: Scope, receive: Receive, send: Send) -> None:
        for _, value in scope.get("headers", ()):
            value.decode("ascii")
        await whole(self, scope, receive, send)

    Layers.__call__ = read  # type: ignore[method-assign]


def wait_for_more() -> None:
    """A client that has sent all is waited for."""
    ProblemProtocol.eof_received = lambda self: True  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Send requests with bytes changed, each lot on a connection of its own, then good ones."""
    randomness, faults, waits = random.Random(_SEED), list[bytes](), 0  # noqa: S311
    with trial.serve(max_queue_seconds="60") as service:
        for _ in range(trial.size):
            sent = _mutate(randomness)
            answer = _ask(service, sent)
            waits += answer is None
            faults += [sent] * (b"HTTP/1.1 500" in (answer or b""))
            if waits >= 3:
                break
        with service.client() as client:
            statuses = [client.post("/predict", json={"inputs": digits(1)}).status_code for _ in range(_GOOD)]
    failed = sum(status != 200 for status in statuses)
    broken = [
        *([f"{len(faults)} answers of 500, the first to {faults[0][:200]!r}"] if faults else []),
        *([f"{waits} clients waited for nothing"] if waits else []),
        *([f"{failed} of {_GOOD} good requests failed"] if failed else []),
    ]
    return Result(
        f"{trial.size} connections, then {_GOOD} good requests",
        "bytes changed, cut, doubled and put in",
        f"{len(faults)} answers of 500; {waits} waited; {failed} good requests failed",
        broken,
    )


def _mutate(randomness: random.Random) -> bytes:
    sent = b"".join(randomness.choices(_WHOLE, k=randomness.randint(1, 4)))
    for _ in range(randomness.randint(0, 8)):
        at, size = randomness.randrange(len(sent) + 1), randomness.choice((0, 1, 1, 2, 9, 200))
        changes = (b"", sent[at : at + size] * 2, randomness.randbytes(size), randomness.choice(_TOKENS))
        sent = sent[:at] + randomness.choice(changes) + sent[at + size :]
    return sent


def _ask(service: Service, sent: bytes) -> bytes | None:
    """Return what comes until the service closes; ``None`` if it never does."""
    came = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=_MOST_SECONDS) as connection:
        try:
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65_536):
                    came += piece
        except TimeoutError:
            return None
    return came


PROMISE = Promise(
    "sockets",
    "No bytes on a connection make a 500 or leave a client waiting",
    "connections",
    20_000,
    500,
    prove,
    (read_lines_as_text, wait_for_more),
)
