"""Load by wrk: bodies that differ, on one or several connections, as fast as the server answers."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "bodies.lua"


class LoadError(Exception):
    """Load could not be driven, or was answered by errors."""


@dataclass(frozen=True)
class Load:
    """What one stretch of load measured.

    Attributes:
        rate: Requests answered per second.
        p50: Median time of a request in milliseconds.
        p99: Time in milliseconds that one request of a hundred exceeds.
    """

    rate: float
    p50: float
    p99: float


def wrk() -> str:
    """Return the path of wrk.

    Raises:
        LoadError: if it is not installed.
    """
    if found := shutil.which("wrk"):
        return found
    raise LoadError(
        "make bench drives the servers with wrk, which is not here: apt-get install wrk, or brew install wrk"
    )


def version() -> str:
    """Return the name and version of wrk."""
    told = subprocess.run([wrk(), "--version"], capture_output=True, text=True, check=False).stdout  # its status is 1
    return " ".join(told.split()[:2])


def drive(url: str, content_type: str, bodies: Path, connections: int, seconds: float, *, seeds: bool = False) -> Load:
    """Send bodies in turn for some seconds, by one thread.

    Args:
        url: Address with the query.
        content_type: Content-Type of the bodies.
        bodies: Folder with a file a body, named ``0``, ``1``, ...
        connections: Number of connections, each with one request at a time.
        seconds: Seconds of load, at least 1.
        seeds: Whether every request has a seed of its own.

    Raises:
        LoadError: if a request failed.
    """
    command = [wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(SCRIPT)]
    told = ["--", str(bodies), str(len(list(bodies.iterdir()))), content_type, *(["seeds"] if seeds else [])]
    done = subprocess.run([*command, url, *told], capture_output=True, text=True, check=False)
    return parse(done.stdout + done.stderr)


def parse(output: str) -> Load:
    """Return what the line of JSON among wrk's output says.

    Raises:
        LoadError: if there is none, or if it counts requests that failed.
    """
    line = re.search(r"^\{.*\}$", output, re.MULTILINE)
    if line is None:
        raise LoadError(f"wrk measured nothing: {output.strip()[-200:]}")
    told = json.loads(line[0])
    if told["failed"] or not told["requests"]:
        raise LoadError(f"{told['failed']} of {told['requests']} requests failed")
    return Load(told["requests"] / told["seconds"], told["p50"], told["p99"])


def median(loads: Sequence[Load]) -> Load:
    """Return the median of each figure over several stretches."""
    return Load(*(statistics.median(getattr(load, name) for load in loads) for name in ("rate", "p50", "p99")))
