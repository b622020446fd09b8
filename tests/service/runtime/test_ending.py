"""SIGTERM ends the process in any state, in time and with exit code 0, and no connection that was accepted is lost."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import uvicorn
from patience import PATIENCE
from random_models import digits, save_model
from server_process import Server

from service.app import create_app
from service.backends.torch_loader import TorchLoader
from service.http.protocol import ProblemProtocol
from service.runtime.registry import Registry
from service.runtime.server import Server as HttpServer
from service.runtime.server import refuse_handshakes
from service.settings import Settings

BODY = json.dumps({"inputs": digits(1)})
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    save_model(store, "mlp")
    return store


def test_a_process_that_has_not_begun_to_listen_ends_at_once() -> None:
    with subprocess.Popen([sys.executable, "-m", "service"], stderr=subprocess.PIPE) as process:
        end = time.monotonic() + PATIENCE
        while not catches(process.pid, signal.SIGTERM):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.001)
        process.terminate()
        assert process.communicate(timeout=PATIENCE)[1] == b""
        assert process.returncode == 0


def catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> number - 1 & 1)


def test_a_service_that_loads_its_models_ends(one_model: Path) -> None:
    server = Server(one_model, drain_seconds="0")
    assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line or "ERROR" in line]


def test_no_connection_that_was_accepted_is_lost(one_model: Path) -> None:
    server = Server(one_model, default_model="mlp", drain_seconds="0.3")
    server.wait_ready()
    host, port = server.url.removeprefix("http://").split(":")
    seen: Counter[str] = Counter()

    def ask(*, once: bool) -> None:
        """Ask again and again, over a new connection each time or over one, until nobody listens."""
        while True:
            connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            try:
                while True:
                    connection.request("POST", "/predict", BODY, HEADERS)
                    answer = connection.getresponse()
                    answer.read()
                    seen[str(answer.status)] += 1
                    if once or connection.sock is None:
                        break
            except (OSError, http.client.HTTPException) as error:
                seen[type(error).__name__] += 1
            finally:
                connection.close()

    idle = [socket.create_connection((host, int(port))) for _ in range(3)]
    asking = [threading.Thread(target=ask, kwargs={"once": one % 2 == 0}) for one in range(6)]
    for thread in asking:
        thread.start()
    while seen["200"] < len(asking):
        time.sleep(0.01)
    assert server.stop() == 0
    for thread in asking:
        thread.join()
    assert set(seen) == {"200"}, seen
    assert [connection.recv(1) for connection in idle] == [b""] * len(idle)
    for connection in idle:
        connection.close()


@pytest.mark.anyio
async def test_a_request_that_nobody_has_read_yet_keeps_its_connection_open(one_model: Path) -> None:
    settings = Settings(store=one_model, default_model="mlp", drain_seconds=0)
    app = create_app(settings, Registry(one_model, TorchLoader("cpu", 2**20)))
    server = HttpServer(uvicorn.Config(app, port=0, http=ProblemProtocol), app.state.runtime)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(2):  # the second one comes as the server closes
        os.write(writer.get_extra_info("socket").fileno(), request)
        for connection in server.server_state.connections:
            connection.shutdown()
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
    await server.shutdown()
    assert await reader.read() == b""
    writer.close()


def test_handshakes_are_stopped_before_a_socket_closes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        refuse_handshakes(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.1)
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"kept")
            assert accepted.recv(4) == b"kept"


def test_work_that_does_not_end_is_left_at_the_end_of_the_grace_period(tmp_path: Path) -> None:
    script = """
import signal, sys, threading, time, uvicorn
from pathlib import Path
from service.app import create_app
from service.backends.torch_loader import TorchLoader
from service.runtime.registry import Registry
from service.runtime.server import Server
from service.settings import Settings
settings = Settings(store=Path(sys.argv[1]), shutdown_seconds=1, drain_seconds=0)
registry = Registry(settings.store, TorchLoader("cpu", 2**20))
registry.find_new = lambda: (print("stuck", flush=True), time.sleep(3600))
app = create_app(settings, registry)
Server(uvicorn.Config(app, port=0), app.state.runtime).run()
"""
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"stuck\n"
        process.send_signal(signal.SIGTERM)
        assert b"the rest is left" in process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0
