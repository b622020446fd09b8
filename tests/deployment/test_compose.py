"""``docker compose up`` as an operator types it: real containers, from an empty volume to answers that are watched."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import missing, tool
from free_port import free_port
from patience import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
LARGEST_IMAGE = 2.5e9
SOON = 120.0
"""Seconds that a start may take where other processes are busy: nothing is trained."""
DIGIT = {"inputs": [[0.0] * 784]}
ROWS = 4
"""Rows of a request that takes half a second with a thousand draws."""


class Compose:
    """A project of its own, so that nothing of the operator's is touched."""

    def __init__(self) -> None:
        self.choose_ports()

    def choose_ports(self) -> None:
        self.ports = {"CREDENCE_PUBLISHED_PORT": free_port(), "PROMETHEUS_PUBLISHED_PORT": free_port()}
        self.url = f"http://127.0.0.1:{self.ports['CREDENCE_PUBLISHED_PORT']}"
        self.prometheus = f"http://127.0.0.1:{self.ports['PROMETHEUS_PUBLISHED_PORT']}"

    def start(self) -> None:
        """Start everything, on other ports if somebody has taken one of these meanwhile."""
        self("build")
        for _ in range(10):
            try:
                self("up", "--detach")
            except AssertionError as error:
                if "address already in use" not in str(error):
                    raise
                self.choose_ports()
            else:
                return
        raise AssertionError("every port was taken")

    def __call__(self, *arguments: str) -> str:
        environment = os.environ | {name: str(port) for name, port in self.ports.items()}
        command = ["docker", "compose", "--project-name", "credence-test", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def wait_ready(self, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/predict", timeout=PATIENCE).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self("logs", "--tail", "50"))

    def container(self, service: str) -> dict[str, Any]:
        identity = self("ps", "--all", "--quiet", service).strip()
        inspected = subprocess.run(["docker", "inspect", identity], capture_output=True, text=True, check=True)
        details: dict[str, Any] = json.loads(inspected.stdout)[0]
        return details

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=PATIENCE).json()
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def values(self, expression: str) -> list[str]:
        return [one["value"][1] for one in self.query(expression)]


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    tool("docker")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        missing("docker", "no Docker engine answers")
    project = Compose()
    try:
        project.start()
        project.wait_ready(SOON)
        yield project
    finally:
        project("down", "--volumes", "--timeout", "5")


def test_outcomes_are_kept_in_their_volume(compose: Compose) -> None:
    outcome = {**DIGIT, "outcomes": ["3"]}
    assert httpx.post(f"{compose.url}/outcomes", json=outcome, timeout=PATIENCE).json()["recorded"] == 1
    assert "/outcomes" in {mount["Destination"] for mount in compose.container("credence")["Mounts"]}


def test_it_answers_and_prometheus_counts_it(compose: Compose) -> None:
    for _ in range(7):
        answer = httpx.post(f"{compose.url}/predict", params={"samples": 50}, json=DIGIT, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        assert answer.json()["samples"] == 50
    wait_until(lambda: compose.values('credence_requests_total{route="/predict",status="200"}') == ["7"])
    assert compose.values('up{job="credence"}') == ["1"]
    # A scrape before the service listens leaves an alert pending until the next one.
    wait_until(lambda: set(alert_states(compose).values()) == {"inactive"})
    assert len(alert_states(compose)) >= 9


def alert_states(compose: Compose) -> dict[str, str]:
    groups = httpx.get(f"{compose.prometheus}/api/v1/rules", timeout=PATIENCE).json()["data"]["groups"]
    return {rule["name"]: rule["state"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}


def test_the_container_is_healthy_by_a_prediction(compose: Compose) -> None:
    wait_until(lambda: compose.container("credence")["State"]["Health"]["Status"] == "healthy", pause=1.0)
    assert "/health/predict" in str(compose.container("credence")["Config"]["Healthcheck"]["Test"])


def test_the_process_may_do_next_to_nothing(compose: Compose) -> None:
    status = dict(
        line.split(":", 1) for line in compose("exec", "-T", "credence", "cat", "/proc/1/status").splitlines()
    )
    assert "0" not in status["Uid"].split()
    assert all(int(status[kind], 16) == 0 for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"].strip() == "1"
    assert compose.container("credence")["HostConfig"]["ReadonlyRootfs"]
    for path in ("/opt/credence/x", "/home/x", "/store/x"):
        tried = ["python", "-c", f"import sys\ntry: open({path!r}, 'w')\nexcept OSError: sys.exit(0)\nsys.exit(1)"]
        compose("exec", "-T", "credence", *tried)


def test_the_image_is_small_and_has_no_tools_to_build_with(compose: Compose) -> None:
    image = compose.container("credence")["Image"]
    size = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", image], capture_output=True, text=True, check=True
    )
    assert int(size.stdout) < LARGEST_IMAGE
    tools = "gcc cc g++ make cmake git pip pip3 curl wget"
    script = f"import shutil, sys; sys.exit(' '.join(filter(shutil.which, '{tools}'.split())) or 0)"
    compose("exec", "-T", "credence", "python", "-c", script)
    compose(
        "exec", "-T", "credence", "python", "-c", "import importlib.util as u, sys; sys.exit(bool(u.find_spec('pip')))"
    )


def test_stopping_loses_no_accepted_request_and_a_second_start_is_soon_there(compose: Compose) -> None:
    """Requests that are on the device or wait for it when the container is told to stop."""
    answered: list[tuple[int, float]] = []
    slow = {"inputs": DIGIT["inputs"] * ROWS}

    def ask(seed: int) -> None:
        response = httpx.post(f"{compose.url}/predict", params={"samples": 1000, "seed": seed}, json=slow, timeout=60)
        answered.append((response.status_code, time.monotonic()))
        assert response.status_code == 503 or len(response.json()["mean"]) == ROWS

    askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(1, 7)]
    for asker in askers:
        asker.start()
    while not _waiting(compose) and not answered:
        time.sleep(0.01)
    stopped = time.monotonic()
    compose("stop", "credence")
    for asker in askers:
        asker.join()
    assert len(answered) == len(askers)
    assert {status for status, _ in answered} <= {200, 503}  # 503: more than a second of work waits already
    assert any(status == 200 and at > stopped for status, at in answered), "none was under way"
    assert compose.container("credence")["State"]["ExitCode"] == 0

    compose("up", "--detach")
    compose.wait_ready(SOON)
    assert "/store has all of these models" in compose("logs", "--no-log-prefix", "--tail", "1", "models")


def _waiting(compose: Compose) -> bool:
    told = httpx.get(f"{compose.url}/metrics", timeout=PATIENCE).text
    return any(line.startswith("credence_queue_rows") and float(line.split()[1]) > 0 for line in told.splitlines())


def test_with_the_second_file_everybody_needs_a_key_and_prometheus_has_one(compose: Compose) -> None:
    """The last test: from here on the project asks for keys."""
    keyed = ("-f", "docker-compose.yml", "-f", "docker-compose.keys.yml")
    key = compose(*keyed, "run", "--rm", "-T", "keys", "add", "lab", "--scopes", "predict").strip()
    script = "umask 022; python -m service keys add prometheus --scopes metrics --expires never > /keys/metrics.key"
    compose(*keyed, "run", "--rm", "-T", "--entrypoint", "sh", "keys", "-c", script)
    compose(*keyed, "up", "--detach")
    compose.wait_ready(SOON)
    assert httpx.post(f"{compose.url}/predict", json=DIGIT, timeout=PATIENCE).status_code == 401
    own = {"authorization": f"Bearer {key}"}
    assert httpx.post(f"{compose.url}/predict", json=DIGIT, headers=own, timeout=PATIENCE).status_code == 200
    assert httpx.get(f"{compose.url}/metrics", headers=own, timeout=PATIENCE).status_code == 403
    counted = 'credence_requests_total{route="/predict",status="200"}'
    wait_until(lambda: compose.values(counted) == ["1"])
    compose(*keyed, "--profile", "keys", "down", "--volumes", "--timeout", "5")
