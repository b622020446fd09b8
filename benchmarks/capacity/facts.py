"""What a replica costs everything around it: bytes, series of metrics, files of the store, rows of a database."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop
from reliability.open_loop import measure_capacity
from reliability.service_process import Service

_SCRAPES = 15


@dataclass(frozen=True)
class Facts:
    """Measured sizes and times.

    Attributes:
        request_bytes: Bytes of a request, with its head.
        answer_bytes: Bytes of its answer's body.
        series: Number of series that the replica shows at ``/metrics`` once it has answered.
        scrape_seconds: Median seconds of a look at them.
        memory_bytes: Resident memory.
        start_seconds: Seconds from the start of the process until it is ready.
        store_bytes: Bytes of the store that it has read.
        store_looks: Files and folders that one look for new checkpoints asks for.
        remembering: Answers a second that one process gives while it remembers all of them in a database.
        remembered: Answers a second that the database got meanwhile.
    """

    request_bytes: int
    answer_bytes: int
    series: int
    scrape_seconds: float
    memory_bytes: int
    start_seconds: float
    store_bytes: int
    store_looks: int
    remembering: float
    remembered: float


def measure_start(store: Path, folder: Path, settings: Mapping[str, str]) -> float:
    """Return the seconds from the start of a service until it is ready.

    Args:
        store: Its store.
        folder: Folder for its log.
        settings: Its settings.
    """
    begun = time.perf_counter()
    with Service(store, folder, (), settings):
        return time.perf_counter() - begun


def measure_facts(service: Service, start_seconds: float, sent: bytes, store: Path, recorder: Service) -> Facts:
    """Measure what a replica costs everything around it.

    Args:
        service: The service, which has answered before.
        start_seconds: Seconds that one takes to get ready.
        sent: The request.
        store: Its store.
        recorder: Another one, which remembers every answer.
    """
    head, _, body = sent.partition(b"\r\n\r\n")
    path = head.split()[1].decode()
    with service.client() as client:
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"}).raise_for_status()
        scrapes = []
        for _ in range(_SCRAPES):
            begun = time.perf_counter()
            metrics = client.get("/metrics").text
            scrapes.append(time.perf_counter() - begun)
    entries = [Path(folder) / name for folder, folders, files in os.walk(store) for name in (*folders, *files)]
    rate, remembered = _remember(recorder, sent)
    return Facts(
        len(sent),
        len(answer.content),
        sum(not line.startswith("#") for line in metrics.splitlines()),
        statistics.median(scrapes),
        service.footprint().memory,
        start_seconds,
        sum(entry.stat().st_size for entry in entries if entry.is_file()),
        len(entries) + 1,
        rate,
        remembered,
    )


def _remember(recorder: Service, sent: bytes, seconds: float = 3.0) -> tuple[float, float]:
    """Return the answers a second of a process that remembers them, and how many of these came into its database."""
    dropped = recorder.metric("credence_answers_dropped_total")
    rate = uvloop.run(measure_capacity(recorder.port, sent, seconds, 32))
    dropped = recorder.metric("credence_answers_dropped_total") - dropped
    return rate, rate - dropped / seconds
