"""The real server as a process, over the network."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from patience import PATIENCE
from random_models import digits
from server_process import Server


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    started = Server(store, default_model="mlp", drain_seconds="60", max_queue_seconds="60")
    started.wait_ready()
    yield started
    if started.process.poll() is None:
        started.stop(signal.SIGINT)


def predict(client: httpx.Client, rows: list[list[float]], query: str = "") -> dict:
    response = client.post(f"/predict?{query}", json={"inputs": rows})
    assert response.status_code == 200, response.text
    return response.json()


def test_answers_survive_a_restart(store: Path, server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        first = predict(client, digits(2))
        assert predict(client, digits(2), "seed=18446744073709551615")["seed"] == 2**64 - 1
    assert server.stop(signal.SIGINT) == 0
    again = Server(store, default_model="mlp")
    again.wait_ready()
    with httpx.Client(base_url=again.url, timeout=PATIENCE) as client:
        np.testing.assert_allclose(predict(client, digits(2))["mean"], first["mean"], atol=1e-5)
    assert again.stop() == 0


def test_a_refusal_keeps_the_connection_and_the_next_request_is_answered(server: Server) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    connection.connect()
    opened = connection.sock
    good = json.dumps({"inputs": digits(1)}).encode()
    bad = {b'{"inputs": [[1, 2': 400, b"[" * 100_000: 422, b'{"inputs": [[' + b"1," * 1_500_000 + b"1]]}": 413}
    for body, status in [*bad.items(), (good, 200)] * 3:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert connection.sock is opened
    for path, status in (("/health/ready", 200), ("/nowhere", 404), ("/health/live", 200)):
        connection.request("HEAD", path)  # an answer without its body leaves the connection as whole
        response = connection.getresponse()
        assert (response.status, response.read(), connection.sock) == (status, b"", opened)
    connection.close()


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (b"NONSENSE\r\n\r\n", 400, "bad-request"),
        (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
            431,
            "head-too-large",
        ),
    ],
)
def test_what_is_no_request_is_refused_in_the_same_words_and_counted(
    server: Server, head: bytes, status: int, reason: str
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 %d " % status)
    body = json.loads(response.split(b"\r\n\r\n", 1)[1])
    assert (body["status"], body["code"]) == (status, reason)
    counted = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
    assert f'credence_rejections_total{{reason="{reason}"}} 1.0' in counted
    assert f'credence_requests_total{{route="unmatched",status="{status}"}} 1.0' in counted
    assert httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == 200


def test_sigterm_first_says_not_ready_and_loses_no_accepted_request(server: Server) -> None:
    statuses: list[int] = []
    with httpx.Client(base_url=server.url, timeout=30) as client:
        predict(client, digits(1))

        def load() -> None:
            while not draining.is_set():
                answered = client.post("/predict?model=convnet&samples=200", json={"inputs": digits(20)})
                statuses.append(answered.status_code)

        draining = threading.Event()
        workers = [threading.Thread(target=load) for _ in range(4)]
        for worker in workers:
            worker.start()
        while len(statuses) < 4:
            time.sleep(0.01)
        server.process.terminate()
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as probe:
            while (ready := probe.get("/health/ready")).status_code == 200:
                time.sleep(0.01)
            assert ready.json()["reason"] == "draining"
            assert predict(probe, digits(1))  # what is sent before the balancer has noticed is answered
            draining.set()
            live = probe.get("/health/live")
            assert (live.status_code, live.headers["connection"]) == (200, "close")
        for worker in workers:
            worker.join()
    assert set(statuses) == {200}
    assert server.stop() == 0  # a second signal does not wait for the end of the drain


@pytest.mark.parametrize(("name", "value"), [("CREDENCE_PORT", "many"), ("CREDENCE_KEYFILE", "keys.json")])
def test_a_wrong_setting_is_one_clear_line(name: str, value: str) -> None:
    environment = os.environ | {name: value}
    ended = subprocess.run(
        [sys.executable, "-m", "service"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{name}: ")
    assert len(ended.stderr.splitlines()) == 1
