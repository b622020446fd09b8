"""The real service as a process of its own, with faults planted in it if a proof wants some."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from reliability.rows import DIGITS

_ROOT = Path(__file__).parents[2]
_START_SECONDS, _STOP_SECONDS = 120.0, 60.0

Plant = Callable[[], None]
"""A function of a module, which changes the code of the process that calls it before the service starts."""


@dataclass(frozen=True)
class Footprint:
    """What a process holds.

    Attributes:
        memory: Resident bytes, of the processes that it started as well.
        descriptors: Number of open files and sockets.
        threads: Number of threads.
    """

    memory: int
    descriptors: int
    threads: int


class Service:
    """``python -m service`` on a free port of the loopback, ready when the constructor returns.

    Args:
        store: Store of models.
        folder: Folder for its log.
        plants: Functions that change its code first.
        settings: Settings of the service, by their names.

    Attributes:
        url: Address of the service.
        port: Port of the address.
        log: File with what it printed.

    Raises:
        RuntimeError: if it does not get ready; with its last line.
    """

    def __init__(self, store: Path, folder: Path, plants: Sequence[Plant], settings: Mapping[str, str]) -> None:
        fixed = {"store": str(store), "port": "0", "device": "cpu", "outcomes": "off", "poll_seconds": "0"}
        own = {**fixed, "default_model": DIGITS, **settings}
        environment = {f"CREDENCE_{name.upper()}": value for name, value in own.items()}
        common = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": f"{_ROOT}:{_ROOT}/benchmarks"}
        self.log = folder / f"service-{time.monotonic_ns()}.log"
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reliability.planted", *map(address, plants)],
                cwd=_ROOT,
                env=os.environ | common | environment,
                stdout=log,
                stderr=log,
            )
        try:
            self.url = self._wait_listening()
            self._wait_ready()
        except BaseException:
            self.kill()
            raise
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _wait_listening(self) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"https?://\S+:\d+", self.log.read_text(encoding="utf-8")):
                return found[0]
            time.sleep(0.02)
        raise RuntimeError(self._last_line())

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health/ready", timeout=5).status_code == httpx.codes.OK:
                    return
            time.sleep(0.02)
        raise RuntimeError(self._last_line())

    def _last_line(self) -> str:
        lines = self.log.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"]
        return f"the service did not get ready: {lines[-1]}"

    def client(self, **options: float) -> httpx.Client:
        """Return an HTTP client of the service."""
        return httpx.Client(base_url=self.url, timeout=options.get("timeout", 60.0))

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have some labels, as ``/metrics`` tells it now."""
        text = httpx.get(f"{self.url}/metrics", timeout=60).text
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        lines = re.findall(rf"^{re.escape(name)}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for found, value in lines if wanted <= set(found.split(",")))

    def footprint(self) -> Footprint:
        """Return what the process and those that it started hold now; needs ``/proc``."""
        own = Path(f"/proc/{self.process.pid}")
        family = [own, *(Path(f"/proc/{child}") for child in children(self.process.pid))]
        threads = re.search(r"^Threads:\s+(\d+)", (own / "status").read_text(), re.MULTILINE)
        assert threads is not None  # Linux writes it of every process
        return Footprint(sum(map(_resident, family)), len(os.listdir(own / "fd")), int(threads[1]))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status.

        Raises:
            subprocess.TimeoutExpired: if it does not end.
        """
        self.process.send_signal(number)
        return self.process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """End it at once, however it is."""
        self.process.kill()
        self.process.wait()


def _resident(process: Path) -> int:
    with contextlib.suppress(OSError):  # it may have ended
        return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def children(pid: int) -> list[int]:
    """Return the processes that a process started, directly or not."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, task.read_text().split())
    return [*found, *(other for child in found for other in children(child))]


def address(plant: Plant) -> str:
    """Return the name by which another process finds a plant."""
    return f"{plant.__module__}:{plant.__qualname__}"
