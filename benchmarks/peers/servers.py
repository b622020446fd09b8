"""The servers that are compared, and a server's process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from peers.environments import ROOT, MissingPeerError, python_of

PROGRAMS = Path(__file__).parent / "programs"
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, eq=False)
class Server:
    """A server and how it is started.

    Attributes:
        name: Name in the tables.
        environment: Name of its virtual environment; empty for Credence's.
        command: Arguments of Python; ``{port}`` stands for the port.
        health: Path that answers 200, or 405 to GET, once the server is ready.
        settings: Environment variables; ``{port}`` and ``{folder}`` are filled in.
    """

    name: str
    environment: str
    command: tuple[str, ...]
    health: str = "/predict"
    settings: Mapping[str, str] = field(default_factory=dict)


CREDENCE = Server(
    "Credence",
    "",
    ("-m", "service"),
    "/health/ready",
    {"CREDENCE_STORE": "{folder}/store", "CREDENCE_PORT": "{port}", "CREDENCE_DEFAULT_MODEL": "mlp"},
)
IN_BFLOAT16 = replace(
    CREDENCE, name="Credence in bfloat16", settings={**CREDENCE.settings, "CREDENCE_PRECISION": "bfloat16"}
)
LOOP = Server("FastAPI, a loop of 50 passes", "fastapi", ("fastapi_server.py", "loop", "{port}"))
FOLDED = Server("FastAPI, 50 folded into a batch", "fastapi", ("fastapi_server.py", "folded", "{port}"))
ECHO = Server("FastAPI, parse and answer only", "fastapi", ("fastapi_server.py", "echo", "{port}"))
LITSERVE = Server("LitServe", "litserve", ("litserve_server.py", "{port}"))
BENTOML = Server(
    "BentoML",
    "bentoml",
    ("-m", "bentoml", "serve", "bentoml_server:Folded", "--host", "127.0.0.1", "--port", "{port}"),
    settings={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{folder}/bentoml"},
)
MLSERVER = Server(
    "MLServer",
    "mlserver",
    ("-m", "mlserver.cli.main", "start", "mlserver"),
    "/v2/models/network/ready",
    {
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": "0",
        "MLSERVER_DEBUG": "false",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "PYTHONPATH": str(PROGRAMS),
    },
)
RAY = Server("Ray Serve", "ray", ("ray_server.py", "{port}"), "/-/healthz", {"RAY_USAGE_STATS_ENABLED": "0"})


class Process:
    """A server that runs on a free port of this machine, with one thread for its products.

    Args:
        server: The server.
        folder: Folder with what it serves, where its log is written.
        settings: Further environment variables.

    Attributes:
        url: Address of the server.
        log: File with what it printed.
        pid: Number of its first process.

    Raises:
        MissingPeerError: if it does not get ready.
    """

    def __init__(self, server: Server, folder: Path, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.server, self.url = server, f"http://127.0.0.1:{port}"
        python = str(python_of(server.environment)) if server.environment else sys.executable
        own = {name: value.format(port=port, folder=folder) for name, value in server.settings.items()}
        common = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "BENCH_FOLDER": str(folder)}
        self.log = folder / f"{server.name}.log"
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [python, *(part.format(port=port) for part in server.command)],
                cwd=PROGRAMS if server.environment else ROOT,
                env=os.environ | common | own | settings,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        self._wait_ready()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(self.url + self.server.health, timeout=5).status_code in (200, 405):
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.02)
        self.stop()
        raise MissingPeerError((self.log.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1])

    def pause(self) -> None:
        """Stop its processes where they are, so that they take nothing from another server."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let its processes go on."""
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """End its processes."""
        self.resume()
        family = descendants(self.pid)
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        for pid in descendants(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """Return a process and all that it started, directly or not, the oldest first."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    family = [pid] if pid in parents else []
    for member in family:  # it grows meanwhile
        family += [child for child, parent in parents.items() if parent == member]
    return family
