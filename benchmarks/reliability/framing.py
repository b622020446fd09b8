"""What is no HTTP by RFC 9112 is refused and its connection closed; what is, is answered."""

from __future__ import annotations

import re
import socket
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import service.__main__ as start
from reliability.promise import Promise, Result, Trial
from reliability.rows import body, digits
from reliability.service_process import Service

_ROW = body(digits(1))
_POST = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
_LENGTH = b"Content-Length: %d\r\n" % len(_ROW)
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(_ROW), _ROW)
_OFFER, _WAIT = b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"Expect: 100-continue\r\n"
_GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """Bytes, and what has to come of them.

    Attributes:
        statuses: Statuses any of which the last answer may have; empty if there may be none.
        answers: Number of answers.
        closes: ``True`` if the connection has to be closed.
        half_closes: ``True`` if the client closes its side once all is sent.
    """

    name: str
    sent: bytes
    statuses: AbstractSet[int]
    answers: int = 1
    closes: bool = True
    half_closes: bool = False


_BAD = frozenset({400})
_CASES = (
    Case("a length beside chunks", _POST + _LENGTH + _CHUNKED + b"\r\n" + _CHUNKS, _BAD),
    Case("chunks beside a length", _POST + _CHUNKED + _LENGTH + b"\r\n" + _CHUNKS, _BAD),
    Case("two lengths", _POST + _LENGTH + b"Content-Length: 3\r\n\r\n" + _ROW, _BAD),
    Case("a length with a sign", _POST + b"Content-Length: +%d\r\n\r\n" % len(_ROW) + _ROW, _BAD),
    Case("a folded line", _POST + b"X: a\r\n b\r\n" + _LENGTH + b"\r\n" + _ROW, frozenset({200, 400}), closes=False),
    Case("a NUL in a line", _POST + b"X: a\0b\r\n" + _LENGTH + b"\r\n" + _ROW, _BAD),
    Case("a space before the colon", _POST + b"Content-Length : 3\r\n\r\n" + _ROW, _BAD),
    Case("a chunk of no size", _POST + _CHUNKED + b"\r\nxyz\r\n", _BAD),
    Case("a chunk of 2^64 bytes", _POST + _CHUNKED + b"\r\n10000000000000000\r\n", _BAD),
    Case("another coding", _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _CHUNKS, frozenset({400, 501})),
    Case("chunks under HTTP/1.0", _POST.replace(b"1.1", b"1.0") + _CHUNKED + b"\r\n" + _CHUNKS, _BAD),
    Case("no host", b"GET /health/live HTTP/1.1\r\n\r\n", _BAD),
    Case("two hosts", _GET[:-2] + b"Host: b\r\n\r\n", _BAD),
    Case("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _BAD),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", _BAD),
    Case("a head of 100 KB", _GET[:-2] + b"X: " + b"x" * 100_000 + b"\r\n\r\n", frozenset({431})),
    Case("another request hidden in a length", _POST + b"Content-Length: 0\r\n" + _LENGTH + b"\r\n" + _GET, _BAD),
    Case("chunks", _POST + _CHUNKED + b"\r\n" + _CHUNKS, frozenset({200}), closes=False),
    Case("a length", _POST + _LENGTH + b"\r\n" + _ROW, frozenset({200}), closes=False),
    Case("an offer of another protocol", _GET[:-2] + _OFFER, frozenset({200}), closes=False),
    Case("two requests at once", _GET * 2, frozenset({200}), 2, closes=False),
    Case("a client that has sent all", _POST + _LENGTH + b"\r\n" + _ROW, frozenset({200}), half_closes=True),
    Case("HTTP/1.0", _GET.replace(b"1.1", b"1.0"), frozenset({200})),
    Case("a whole address", _GET.replace(b"/health", b"http://127.0.0.1/health"), frozenset({200}), closes=False),
    Case("a wait for leave", _POST + _WAIT + _LENGTH + b"\r\n" + _ROW, frozenset({200}), closes=False),
)  # fmt: skip


def parse_alone() -> None:
    """The parser's own idea of HTTP is enough."""
    vars(start)["ProblemProtocol"] = HttpToolsProtocol


def prove(trial: Trial) -> Result:
    """Send each case on a connection of its own, again and again, in one piece and in two."""
    wrong = list[str]()
    with trial.serve() as service:
        for i in range(trial.size):
            for case in _CASES:
                cut = 0 if i == 0 else len(case.sent) * i // trial.size
                if fault := _fault(service, case, cut):
                    wrong.append(f"{case.name}: {fault}")
        with service.client() as client:
            alive = client.post("/predict", json={"inputs": digits(1)}).status_code
    return Result(
        f"{len(_CASES)} cases, each cut at {trial.size} places",
        f"{sum(200 not in case.statuses for case in _CASES)} that RFC 9112 does not allow",
        f"{len(wrong)} answered wrongly",
        [*wrong[:3], *([] if alive == 200 else [f"a good request was answered by {alive}"])],
    )


def _fault(service: Service, case: Case, cut: int) -> str:
    """Return what is wrong with the answer; nothing if all is well."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=2) as connection:
        came, is_closed = b"", False
        try:
            for part in filter(None, (case.sent[:cut], case.sent[cut:])):
                connection.sendall(part)
            if case.half_closes:
                connection.shutdown(socket.SHUT_WR)
            while len(_statuses(came)) < case.answers or case.closes:
                connection.settimeout(10)
                if not (piece := connection.recv(65_536)):
                    is_closed = True
                    break
                came += piece
        except TimeoutError:
            pass
        except OSError:
            is_closed = True
    statuses = _statuses(came)
    if not statuses or statuses[-1] not in case.statuses:
        return f"{statuses} for {sorted(case.statuses)}"
    if len(statuses) != case.answers:
        return f"{len(statuses)} answers for {case.answers}"
    return "the connection stayed open" if case.closes and not is_closed else ""


def _statuses(came: bytes) -> list[int]:
    """Return the statuses of the answers; those of 1xx only announce one."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", came)]


PROMISE = Promise(
    "framing",
    "What is no HTTP by RFC 9112 is refused, and its connection closed; what is, is answered",
    "cuts",
    40,
    2,
    prove,
    (parse_alone,),
)
