"""Connections of the real server, in plain and in TLS: each has an end, and none keeps the others waiting."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from patience import PATIENCE, wait_until
from random_models import digits
from raw_requests import BODY, CASES, CHUNKED, LAST, LENGTH, LIVE, POST
from server_process import Server

STALL_SECONDS = 1.0
CLOSED = 7
"""The state of a connection, as Linux counts them, that the other side has cut off."""
LONG = json.dumps({"inputs": digits(100)}).encode()
LONG_ANSWER = (
    POST.replace(b"/predict", b"/predict?samples=1000&draws=true") + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG
)
"""A request whose answer of 20 MB is more than the network holds for a client that does not read it."""

TOKENS = (b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"0\r\n\r\n", b"chunked", b"-1", b"HTTP/1.0", b"\xff")
"""Bytes that mean something in the frames of HTTP."""

SLOW: dict[str, tuple[bytes, bytes, list[bytes]]] = {
    "nothing": (b"", b"", []),
    "a head": (b"GET /health/", b"x", [b"408"]),
    "lines of a head": (LIVE, b"X: y\r\n", [b"408"]),
    "a second head": (LIVE + b"\r\nGET /health/", b"x", [b"200", b"408"]),
    "empty lines": (LIVE + b"\r\n", b"\r\n", [b"200"]),
    "a body": (POST + b"Content-Length: 5000\r\n\r\n", b"x", [b"408"]),
    "a body after its answer": (POST + b"Content-Length: 50000000\r\n\r\n", b"x", [b"413"]),
    "a body that is waited for": (
        POST + b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n",
        b"",
        [b"100", b"408"],
    ),
    "chunks": (POST + CHUNKED + b"\r\n", b"1\r\nx\r\n", [b"408"]),
    "lines after chunks": (POST + CHUNKED + b"\r\n1\r\nx\r\n0\r\n", b"X: y\r\n", [b"408"]),
    "more after a refusal": (b"GARBAGE\r\n\r\n", b"x", [b"400"]),
}
"""What a client begins with, the piece that it goes on to send, and the statuses of the answers that it gets."""


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    started = Server(store, default_model="mlp", stall_seconds=str(STALL_SECONDS), transfer_seconds="30")
    started.wait_ready()
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate of its own, ``cert.pem``, and its key, ``key.pem``."""
    assert shutil.which("openssl"), "these tests make a certificate with openssl"
    folder = tmp_path_factory.mktemp("certificate")
    made = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(["openssl", *made.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


def connect(server: Server, **options: int) -> socket.socket:
    """A connection that gives up when nothing comes for very long."""
    host, port = server.url.split("://")[1].split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    return connection


def read(connection: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def trickle(connection: socket.socket, piece: bytes, received: list[bytes]) -> None:
    """Send pieces slowly until the server ends the connection, and keep what it sent."""
    reader = threading.Thread(target=lambda: received.append(read(connection)))
    reader.start()
    with contextlib.suppress(OSError):
        while reader.is_alive():
            connection.sendall(piece)
            reader.join(0.1)
    reader.join()
    connection.close()


def test_who_is_too_slow_is_told_and_cut_off_while_others_are_served(server: Server) -> None:
    """All kinds at once, several of each; without an end to each this test would never end."""
    ended: dict[str, list[bytes]] = {kind: [] for kind in SLOW}
    trickling = []
    for kind, (start, piece, _) in [*SLOW.items()] * 3:
        connection = connect(server)
        connection.sendall(start)
        trickling.append(threading.Thread(target=trickle, args=(connection, piece, ended[kind])))
    for thread in trickling:
        thread.start()
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as others:
        while any(thread.is_alive() for thread in trickling):
            assert others.post("/predict", json={"inputs": digits(1)}).status_code == 200
            time.sleep(0.05)
    for kind, (_, _, statuses) in SLOW.items():
        for received in ended[kind]:
            assert [head[:3] for head in received.split(b"HTTP/1.1 ")[1:]] == statuses, kind
        assert len(ended[kind]) == 3


def is_over(connection: socket.socket) -> bool:
    """Return whether the other side has ended a connection from which nothing is read."""
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == CLOSED


def test_an_answer_that_nobody_reads_is_dropped(server: Server) -> None:
    connections = [connect(server, SO_RCVBUF=4096) for _ in range(3)]
    for connection in connections:
        connection.sendall(LONG_ANSWER)
    wait_until(lambda: all(map(is_over, connections)))
    for connection in connections:
        assert len(read(connection)) < 15_000_000
        connection.close()


def test_who_has_sent_all_is_answered_and_then_closed(server: Server) -> None:
    for sent, statuses in ((POST + LENGTH + b"\r\n" + BODY, 1), ((POST + LENGTH + b"\r\n" + BODY) * 3, 3)):
        with connect(server) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert read(connection).count(b"HTTP/1.1 200 OK") == statuses
    with connect(server) as connection:
        connection.sendall(POST + LENGTH + b"\r\n" + BODY[:5])
        connection.shutdown(socket.SHUT_WR)
        assert read(connection) == b""


def test_who_has_left_is_not_taken_for_one_that_waits(server: Server) -> None:
    """Both have ended their side; nobody reads the answer of this one, and its work ends."""
    left = 'credence_requests_total{route="/predict",status="499"}'
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(LONG_ANSWER)
    for _ in range(round(PATIENCE * 5)):
        if left in (told := httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text):
            break
        time.sleep(0.2)
    assert left in told


def test_a_storm_of_chunks_is_read_bit_by_bit(server: Server) -> None:
    """While it is read, others are answered; it is one body all the same."""
    padded = BODY[:-1] + b" " * 100_000 + b"}"
    storm = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in padded) + b"0\r\n\r\n"
    received: list[bytes] = []
    with connect(server) as connection:

        def send() -> None:
            connection.sendall(POST + CHUNKED + b"\r\n" + storm + LAST)
            received.append(read(connection))

        sending = threading.Thread(target=send)
        sending.start()
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as others:
            assert others.get("/health/live").status_code == 200
        sending.join()
    assert received[0].count(b"HTTP/1.1 200 OK") == 2


def mutated(randomness: random.Random) -> bytes:
    """A request or several, cut, doubled or with some bytes changed."""
    whole = [sent for _, sent in CASES.values() if len(sent) < 5000]
    sent = b"".join(randomness.choices(whole, k=randomness.randint(1, 3)))
    for _ in range(randomness.randint(0, 6)):
        at, size = randomness.randrange(len(sent) + 1), randomness.choice((1, 1, 2, 9, 200))
        changes = (b"", sent[at : at + size] * 2, randomness.randbytes(size), randomness.choice(TOKENS))
        sent = sent[:at] + randomness.choice(changes) + sent[at + size :]
    return sent


def test_no_bytes_make_a_500_or_keep_the_server_from_answering(server: Server) -> None:
    randomness = random.Random(21)
    for _ in range(200):
        sent = mutated(randomness)
        with connect(server) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
            received = read(connection)
        assert b"HTTP/1.1 500" not in received, sent
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as good:
        for _ in range(50):
            assert good.post("/predict", json={"inputs": digits(1)}).status_code == 200
        assert 'status="500"' not in good.get("/metrics").text


def test_every_answer_has_the_headers_that_browsers_heed(server: Server) -> None:
    for path, status in (("/health/live", 200), ("/nowhere", 404), ("/", 200), ("/docs", 200), ("/docs/redoc.js", 404)):
        answer = httpx.get(f"{server.url}{path}", timeout=PATIENCE)
        assert answer.status_code == status
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
    refused = httpx.get(server.url, headers={"host": "evil.example"}, timeout=PATIENCE)
    assert (refused.status_code, refused.headers["x-content-type-options"]) == (421, "nosniff")
    assert "CREDENCE_ALLOWED_HOSTS" in refused.json()["detail"]


def test_over_tls_connections_have_an_end_too(store: Path, certificate: Path) -> None:
    server = Server(
        store,
        default_model="mlp",
        stall_seconds=str(STALL_SECONDS),
        max_connections="20",
        tls_certificate=str(certificate / "cert.pem"),
        tls_key=str(certificate / "key.pem"),
    )
    trusted = ssl.create_default_context(cafile=certificate / "cert.pem")
    with httpx.Client(base_url=server.url, verify=trusted, timeout=PATIENCE) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        assert client.post("/predict", json={"inputs": digits(1)}).status_code == 200
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(f"{server.url}/health/live", timeout=PATIENCE)
    received: list[bytes] = []
    for start in (POST + b"Content-Length: 5000\r\n\r\n", LONG_ANSWER):
        with trusted.wrap_socket(connect(server), server_hostname="localhost") as connection:
            connection.sendall(start)
            if start is LONG_ANSWER:
                wait_until(functools.partial(is_over, connection))
            received.append(read(connection))
    assert received[0].startswith(b"HTTP/1.1 408 ")
    assert received[1].startswith(b"HTTP/1.1 200 ")
    assert len(received[1]) < 15_000_000
    check_handshakes_have_places(server, trusted)
    with trusted.wrap_socket(connect(server), server_hostname="localhost") as idle:
        idle.sendall(LIVE + b"\r\n")
        assert b" 200 " in idle.recv(65536)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 25  # 30 where its farewell is waited for


def check_handshakes_have_places(server: Server, trusted: ssl.SSLContext) -> None:
    """Hold all places of a client, in handshakes that do not end, beside which another client is served."""
    with contextlib.ExitStack() as held:
        unended = [held.enter_context(connect(server)) for _ in range(12)]
        assert [read(one) for one in unended[10:]] == [b"", b""]
        other = http.client.HTTPSConnection(
            "localhost", urlsplit(server.url).port, context=trusted, timeout=PATIENCE, source_address=("127.0.0.2", 0)
        )
        other.request("GET", "/health/live")
        assert other.getresponse().status == 200
        other.close()
        assert [read(one) for one in unended[:10]] == [b""] * 10  # the handshake has an end


def test_one_client_has_half_of_the_connections_and_others_are_served(store: Path) -> None:
    server = Server(store, default_model="mlp", max_connections="20")
    server.wait_ready()
    place = urlsplit(server.url).netloc.split(":")
    try:
        with contextlib.ExitStack() as idle:
            held = [idle.enter_context(connect(server)) for _ in range(10)]
            for one in held:
                one.sendall(LIVE + b"\r\n")
                assert b" 200 " in one.recv(65536)
            refused = read(idle.enter_context(connect(server)))
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"there are 10 connections, 10 of them yours" in refused
            other = http.client.HTTPConnection(*place, timeout=PATIENCE, source_address=("127.0.0.2", 0))
            other.request("POST", "/predict", json.dumps({"inputs": digits(1)}), {"Content-Type": "application/json"})
            assert other.getresponse().status == 200
            other.close()
        wait_until(lambda: httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == 200)
    finally:
        assert server.stop() == 0
