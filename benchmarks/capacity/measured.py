"""All that is measured for a plan, and its file: a plan of it can be made again, anywhere."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

import msgspec
from machine import description, versions
from peers.cases import OURS
from peers.workload import Workload, prepare
from reliability.open_loop import request
from reliability.service_process import Service

from capacity.facts import Facts, measure_facts, measure_start
from capacity.measuring import CONNECTIONS, Sparse, Stretch, fit_times, measure_sparse, measure_stretch
from capacity.quiet import measure_quietly
from capacity.times import ServiceTimes, Surroundings
from capacity.validation import LOADS, Trial, measure_trial, most_rate
from service.settings import Settings

MODEL, DRAWS = "mlp", 50
"""Model and draws of every request: those of ``make bench``."""
PROCESSES = (1, 2)
_SETTINGS = {"default_model": MODEL}
_SPARSE = 0.1
"""Share of the requests that one connection gets answered; less than any trial's load."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: Number of rounds, of which medians are taken.
        stretch_seconds: Seconds of a stretch of load that waits for its answers.
        trial_seconds: Seconds of a trial.
    """

    rounds: int
    stretch_seconds: float
    trial_seconds: float


@dataclass(frozen=True)
class Measured:
    """All that was measured on a machine.

    Attributes:
        machine: The machine, the versions, and the day.
        within: Seconds in which an answer is of use.
        times: Times of a replica.
        surroundings: Times of the machine and the generator.
        facts: Sizes of what is around a replica.
        trials: Loads with their figures.
    """

    machine: str
    within: float
    times: ServiceTimes
    surroundings: Surroundings
    facts: Facts
    trials: Sequence[Trial]

    @classmethod
    def read(cls, file: Path) -> Measured:
        """Return what was measured before.

        Raises:
            msgspec.ValidationError: if the file has another form.
        """
        return msgspec.json.decode(file.read_bytes(), type=cls)

    def write(self, file: Path) -> None:
        """Keep it."""
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def measure(folder: Path, effort: Effort, within: float, say: Callable[[str], None]) -> Measured:
    """Measure all of it on this machine, which should do nothing else.

    Args:
        folder: Empty folder for the model and the logs.
        effort: How much is measured.
        within: Seconds in which an answer is of use.
        say: Function that tells what goes on.
    """
    say("saving the network")
    workload = prepare(folder)
    sent, store = _request(workload), folder / "store"
    with ExitStack() as stack:
        say("starting the service")
        services = [stack.enter_context(Service(store, folder, (), _SETTINGS)) for _ in range(max(PROCESSES))]
        measure_stretch(services, sent, 8, effort.stretch_seconds)  # warms up
        say("measuring what batches cost")
        times, surroundings = _measure_times(services, sent, effort)
        say("trying loads")
        trials = _measure_trials(services, sent, effort, within, times, surroundings)
        say("measuring what is around a replica")
        start = measure_quietly(services, partial(measure_start, store, folder, _SETTINGS))
        recording = {"outcomes": "all", "database_url": f"sqlite:///{folder.absolute()}/outcomes.sqlite"}
        recorder = stack.enter_context(Service(store, folder, (), _SETTINGS | recording))
        look = partial(measure_facts, services[0], start, sent, store, recorder)
        facts = measure_quietly([*services, recorder], look)
    told = f"{description()}; {versions()}; {datetime.now(UTC):%d %B %Y}"
    return Measured(told, within, times, surroundings, facts, trials)


def _request(workload: Workload) -> bytes:
    """Return the request of ``make bench``: one row in JSON, for 50 draws."""
    return request(OURS.dialect.body(workload.rows[0].numpy()), f"/predict?samples={DRAWS}")


def _measure_times(services: Sequence[Service], sent: bytes, effort: Effort) -> tuple[ServiceTimes, Surroundings]:
    alone, together, sparse = list[Stretch](), list[Stretch](), list[Sparse]()

    def stretch(count: int, connections: int) -> Stretch:
        work = partial(measure_stretch, services[:count], sent, connections, effort.stretch_seconds)
        return measure_quietly(services, work)

    for _, connections in product(range(effort.rounds), CONNECTIONS):
        alone.append(stretch(1, connections))
        if connections > 1:
            together.append(stretch(len(services), connections))
        else:
            rate = _SPARSE * alone[-1].requests / effort.stretch_seconds
            little = partial(measure_sparse, services[0], sent, rate, effort.trial_seconds)
            sparse.append(measure_quietly(services, little))
    middle = Sparse(*(statistics.median(getattr(one, name) for one in sparse) for name in ("generator", "median")))
    with services[0].client() as client:
        cost = client.get(f"/models/{MODEL}").raise_for_status().json()["cost"]
    row_seconds = cost["row"] + DRAWS * cost["draw"]
    cores, most = os.cpu_count() or 1, Settings.model_fields["max_queue_requests"].default
    return fit_times(alone, together, middle, cores, row_seconds, most)


def _measure_trials(
    services: Sequence[Service],
    sent: bytes,
    effort: Effort,
    within: float,
    times: ServiceTimes,
    surroundings: Surroundings,
) -> list[Trial]:
    trials = []
    for seed, processes, load in product(range(effort.rounds), PROCESSES, LOADS):
        rate = load * most_rate(times, surroundings, processes)
        asked = Trial(processes, load, rate, effort.trial_seconds, seed, 0.0, 0.0, 0.0)
        trials.append(measure_quietly(services, partial(measure_trial, services[:processes], sent, asked, within)))
    return trials
