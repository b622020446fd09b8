"""The real server as a process of its own, for tests that talk to it over the network."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from patience import PATIENCE


class Server:
    """``python -m service`` on a free port of the loopback interface."""

    def __init__(self, store: Path, **settings: str) -> None:
        environment = os.environ | {
            "CREDENCE_STORE": str(store),
            "CREDENCE_PORT": "0",
            "CREDENCE_DEVICE": "cpu",
            "CREDENCE_MAX_REQUEST_SECONDS": "1000",  # what is allowed must not depend on how busy this machine is
            **{f"CREDENCE_{name.upper()}": value for name, value in settings.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.url = self._url()

    def _read(self) -> None:
        assert self.process.stderr
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def _url(self) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"https?://\S+:\d+", "".join(self.lines)):
                return found[0]
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))

    def wait_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        with httpx.Client(timeout=PATIENCE) as client:
            while client.get(f"{self.url}/health/ready").status_code != 200:
                assert time.monotonic() < deadline, "".join(self.lines)
                time.sleep(0.2)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        self.process.send_signal(signal_number)
        return self.exit_code()

    def exit_code(self) -> int:
        code = self.process.wait(PATIENCE)
        self.reader.join()
        assert self.process.stderr
        self.process.stderr.close()
        return code
