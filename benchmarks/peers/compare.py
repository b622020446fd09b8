"""All servers side by side: answers checked, then load in turn, the others stopped meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from peers.answers import Answers
from peers.cases import CASES, Case
from peers.environments import MissingPeerError
from peers.load import Load, LoadError, drive, median
from peers.servers import Process, Server
from peers.workload import Workload

CONNECTIONS = (1, 32)
DRAWS = 50
_WARM_SECONDS = 1
_PATIENCE = 60.0


class WrongAnswerError(Exception):
    """A server's answers are not those of the network, or wrong answers passed for right ones."""


@dataclass(frozen=True)
class Comparison:
    """What all servers did.

    Attributes:
        loads: Medians by case and number of connections.
        missing: Reasons why servers are absent, by their names.
    """

    loads: Mapping[tuple[Case, int], Load]
    missing: Mapping[str, str]


def compare(workload: Workload, rounds: int, seconds: int, report: Callable[[str], None]) -> Comparison:
    """Measure every case with one and with 32 connections, several times in turn.

    Args:
        workload: What is served and asked.
        rounds: Number of stretches of load of each.
        seconds: Length of each stretch.
        report: Told what goes on.

    Raises:
        WrongAnswerError: if a server answers what the network does not say.
    """
    missing: dict[str, str] = {}
    with ExitStack() as running:
        processes: dict[Server, Process] = {}
        for server in dict.fromkeys(case.server for case in CASES):
            try:
                processes[server] = running.enter_context(started(server, workload.folder))
                report(f"{server.name} runs")
            except MissingPeerError as error:
                missing[server.name] = str(error)
                report(f"{server.name} is LEFT OUT: {error}")
        there = {case: processes[case.server] for case in CASES if case.server in processes}
        bodies = {case: write_bodies(workload, case) for case in there}
        for case, process in there.items():
            with awake(process):
                check(case, process.url, workload)
        loads: dict[tuple[Case, int], list[Load]] = {}
        for turn in range(rounds):
            report(f"round {turn + 1} of {rounds}")
            for case, process in there.items():
                with awake(process):
                    warm(case, process.url, bodies[case])
                    for connections in CONNECTIONS:
                        stretch = drive_case(case, process.url, bodies[case], connections, seconds)
                        loads.setdefault((case, connections), []).append(stretch)
        for case, process in there.items():
            with awake(process):
                check(case, process.url, workload)
    return Comparison({key: median(stretches) for key, stretches in loads.items()}, missing)


@contextmanager
def started(server: Server, folder: Path) -> Iterator[Process]:
    """Start a server, and leave it paused until its turn comes."""
    process = Process(server, folder)
    process.pause()
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def awake(process: Process) -> Iterator[None]:
    """Let a server run for a while."""
    process.resume()
    try:
        yield
    finally:
        process.pause()


def write_bodies(workload: Workload, case: Case) -> Path:
    """Write the body for every row into a folder of its own."""
    folder = workload.folder / "bodies" / str(CASES.index(case))
    folder.mkdir(parents=True)
    for index, row in enumerate(workload.rows.numpy()):
        (folder / str(index)).write_bytes(case.dialect.body(row))
    return folder


def drive_case(case: Case, url: str, bodies: Path, connections: int, seconds: int) -> Load:
    """Return what one stretch of load on a case measures."""
    return drive(url + case.path, case.dialect.content_type, bodies, connections, seconds, seeds=case.seeds)


def warm(case: Case, url: str, bodies: Path) -> None:
    """Load a server that was stopped until it is at speed."""
    with suppress(LoadError):  # its clock has jumped, and it may refuse what seems to have waited long
        drive_case(case, url, bodies, CONNECTIONS[-1], _WARM_SECONDS)


def check(case: Case, url: str, workload: Workload) -> None:
    """Ask every row, and compare the answers with the network's.

    Raises:
        WrongAnswerError: if they differ by more than so many draws explain; or if those of a server that computes
            nothing do not.
    """
    truth, headers = workload.truth[case.model or "mlp"], {"Content-Type": case.dialect.content_type}
    with httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE) as client:
        answers = [client.post(case.path, content=case.dialect.body(row)) for row in workload.rows.numpy()]
    means, variances = zip(*(case.dialect.read(answer.raise_for_status().content) for answer in answers), strict=True)
    fault = Answers(np.array(means), np.array(variances), DRAWS).fault(truth)
    if bool(fault) == bool(case.model):
        raise WrongAnswerError(f"{case.name}: {fault or 'answers that nothing computed were taken for right'}")
