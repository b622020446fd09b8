"""A device that is lost ends the service: 503, not ready, and an exit status that asks for a restart."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import httpx

from reliability.backends import Run, around_run, is_marked
from reliability.promise import Promise, Result, Trial
from reliability.rows import digits, marked
from reliability.service_process import Service
from service.backends.predictor_jobs import Prediction, PredictJob
from service.runtime import runtime

_MOST_SECONDS = 10.0


def lose_at_marks() -> None:
    """A marked row loses the device."""

    def run(original: Run, backend: Any, jobs: Sequence[PredictJob], check: Any) -> Sequence[Prediction]:
        if any(map(is_marked, jobs)):
            raise RuntimeError("CUDA error: device-side assert triggered")
        return original(backend, jobs, check)

    around_run(run)


def go_on() -> None:
    """Nobody knows a lost device."""
    vars(runtime)["is_device_lost"] = lambda error: False


def prove(trial: Trial) -> Result:
    """Lose the device, again and again, and look at the answer, the readiness and the end of the process."""
    broken = list[str]()
    for _ in range(trial.size):
        with trial.serve(lose_at_marks) as service:
            answer = httpx.post(f"{service.url}/predict", json={"inputs": [marked(digits(1)[0])]}, timeout=60)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                broken.append(f"the request was answered by {answer.status_code}")
            if _is_ready(service):
                broken.append("the service was ready without its device")
            try:
                status = service.process.wait(_MOST_SECONDS)
            except subprocess.TimeoutExpired:
                broken.append(f"the process was there after {_MOST_SECONDS:g} s")
                continue
            if status != runtime.DEVICE_LOST_STATUS:
                broken.append(f"the exit status was {status}")
    return Result(
        f"{trial.size} starts",
        f"{trial.size} lost devices (injected)",
        f"{len(broken)} faults; the exit status has to be {runtime.DEVICE_LOST_STATUS}",
        broken,
    )


def _is_ready(service: Service) -> bool:
    try:
        return httpx.get(f"{service.url}/health/ready", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


PROMISE = Promise(
    "device",
    "A lost device: 503, not ready, and an exit status that asks for a restart",
    "lost devices",
    10,
    1,
    prove,
    (go_on,),
)
