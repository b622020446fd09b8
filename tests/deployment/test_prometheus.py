"""A real Prometheus with the repository's rules watches a real server: every expression is asked, and has a value."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from bundled_store import fill
from conftest import tool
from free_port import free_port
from patience import PATIENCE, wait_until
from random_models import save_model
from server_process import Server
from starter_store import trained_store

from service.http.access.key_file import changing_keys
from service.http.access.keys import make_key

DOCKER = Path(__file__).parents[2] / "docker"
RULES = DOCKER / "prometheus" / "rules.yml"
ADAPTER = DOCKER / "kubernetes" / "monitoring" / "prometheus-adapter.yaml"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "credence.json"
EMPTY_WITHOUT_A_DAY = "offset 1h", "mean1d_before", "ALERTS{", "[1h]) >= 1000"
"""Of expressions that have nothing to say after a minute."""
OF_A_BUSY_MACHINE = {"CredenceSlow", "CredenceQueue"}
"""Alerts that are about to fire where other processes leave the service no time."""
SERIES = 2000
REQUESTS = 2500


def ask(url: str, count: int) -> dict[str, int]:
    """Requests of many kinds; how many were sent to each route template, with each status."""
    sent: dict[str, int] = {}
    digits = {"inputs": [[random.Random(i).uniform(0, 16) for _ in range(64)] for i in range(4)]}
    calls: list[tuple[str, str, dict[str, Any], Any]] = [
        ("/predict", "/predict", {"model": "digits-mlp-mc_dropout"}, digits),
        ("/predict", "/predict", {"model": "curve-mlp-mc_dropout"}, {"inputs": [[0.2], [0.9]]}),
        ("/predict", "/predict", {"model": "nobody"}, digits),
        ("/predict", "/predict", {"samples": "-1"}, digits),
        ("/generate/infogan", "/generate/{family}", {}, {"n": 4}),
        ("/v2/models/digits-mlp-mc_dropout/infer", "/v2/models/{name}/infer", {}, {"inputs": []}),
    ]
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        for i in range(count):
            path, template, query, body = calls[i % len(calls)]
            status = client.post(path, params=query, json=body).status_code
            sent[f"{template} {status}"] = sent.get(f"{template} {status}", 0) + 1
    return sent


class Prometheus:
    """``prometheus`` as the compose file starts it, but for the target and a shorter interval."""

    def __init__(self, program: str, folder: Path, target: str, key: Path | None = None) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        config = (DOCKER / "prometheus" / ("with-keys.yml" if key else "prometheus.yml")).read_text()
        places = [("credence:8000", target), (": 5s", ": 1s"), (": 15s", ": 1s"), (" rules.yml", f" {RULES}")]
        places += [("/etc/credence/metrics.key", str(key))] if key else []
        for was, now in places:
            assert was in config
            config = config.replace(was, now)
        (folder / "prometheus.yml").write_text(config)
        options = {"config.file": folder / "prometheus.yml", "storage.tsdb.path": folder / "data"}
        options["web.listen-address"] = urlsplit(self.url).netloc  # type: ignore[assignment]
        self.process = subprocess.Popen(
            [program, *(f"--{name}={value}" for name, value in options.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        """Wait until it has scraped its target; it ends even if it never does."""
        try:
            self.wait_for("up == 1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=PATIENCE).json()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def get(self, what: str) -> Any:
        return httpx.get(f"{self.url}/api/v1/{what}", timeout=PATIENCE).json()["data"]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def wait_for(self, expression: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if self.query(expression):
                    return
            except (httpx.TransportError, json.JSONDecodeError):  # it does not listen yet, or says so in words
                assert self.process.poll() is None
            time.sleep(0.2)
        raise AssertionError(f"never true: {expression}")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, str]]:
    """A Prometheus and a server that it alone watches: outcomes of other tests would raise its alerts."""
    program, folder = tool("prometheus"), tmp_path_factory.mktemp("prometheus")
    fill(folder / "store", trained_store())
    server = Server(folder / "store")
    try:
        server.wait_ready()
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:  # so that a model has an outcome
            outcome = {"inputs": [[0.0] * 64], "outcomes": ["3"]}
            response = client.post("/outcomes", params={"model": "digits-mlp-mc_dropout"}, json=outcome)
            assert response.status_code == 200, response.text
        with Prometheus(program, folder, urlsplit(server.url).netloc) as prometheus:
            yield prometheus, server.url
    finally:
        assert server.stop() == 0


def test_it_watches_a_service_with_keys_by_a_key_for_metrics_alone(tmp_path: Path) -> None:
    save_model(tmp_path / "store", "mlp")
    key, text = make_key("prometheus", ["metrics"], None)
    with changing_keys(tmp_path / "keys.json") as keys:
        keys.append(key)
    (tmp_path / "metrics.key").write_text(f"{text}\n")
    server = Server(tmp_path / "store", default_model="mlp", key_file=str(tmp_path / "keys.json"))
    target, own_key = urlsplit(server.url).netloc, tmp_path / "metrics.key"
    try:
        with Prometheus(tool("prometheus"), tmp_path, target, own_key) as prometheus:
            prometheus.wait_for("credence_ready == 1")
            assert httpx.get(f"{server.url}/metrics", timeout=PATIENCE).status_code == 401
            own = {"authorization": f"Bearer {text}"}
            assert httpx.post(f"{server.url}/predict", headers=own, timeout=PATIENCE).status_code == 403
    finally:
        assert server.stop() == 0


def expressions() -> list[str]:
    """Of the dashboard, and of the autoscaler of Kubernetes."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return sorted({target["expr"] for panel in panels for target in panel.get("targets", [])} | autoscaling())


def autoscaling() -> set[str]:
    """What the Prometheus adapter asks for pods, with an instance in place of a pod."""
    rules = yaml.safe_load(ADAPTER.read_text())["rules"]
    assert len(rules) == 3
    asked = {rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"].split("{")[0]) for rule in rules}
    return {one.replace("<<.LabelMatchers>>", 'job="credence"').replace("<<.GroupBy>>", "instance") for one in asked}


def test_it_counts_what_was_sent_and_every_expression_has_a_value(watched: tuple[Prometheus, str]) -> None:
    prometheus, url = watched

    def counted() -> dict[str, int]:
        series = prometheus.query("credence_requests_total")
        return {f"{one['metric']['route']} {one['metric']['status']}": int(one["value"][1]) for one in series}

    def counted_since(before: dict[str, int]) -> dict[str, int]:
        now = counted()
        return {what: now.get(what, 0) - before.get(what, 0) for what in sent}

    before = counted()
    sent = ask(url, 60)
    wait_until(lambda: counted_since(before) == sent)
    ask(url, 60)  # so that there is a rate
    twice = {what: 2 * count for what, count in sent.items()}
    wait_until(lambda: counted_since(before) == twice)
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()))
    rules = prometheus.rules()
    assert len(rules) >= 19
    alerts = {rule["name"]: rule["state"] for rule in rules if rule["type"] == "alerting"}
    assert "firing" not in alerts.values()
    assert {state for name, state in alerts.items() if name not in OF_A_BUSY_MACHINE} == {"inactive"}
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    for expression in [*expressions(), *recorded, *(rule["query"] for rule in rules if rule["type"] == "recording")]:
        if any(part in expression for part in EMPTY_WITHOUT_A_DAY):
            prometheus.query(expression)
            continue
        prometheus.wait_for(expression)
        found = prometheus.query(expression)
        assert all(float(one["value"][1]) == float(one["value"][1]) for one in found), f"NaN for: {expression}"


def test_every_metric_that_is_watched_exists(watched: tuple[Prometheus, str]) -> None:
    prometheus, url = watched
    told = httpx.get(f"{url}/metrics", timeout=PATIENCE).text
    rules = prometheus.rules()
    queries = " ".join([*expressions(), *(rule["query"] for rule in rules)])
    names = set(re.findall(r"\bcredence_\w+", queries))
    assert len(names) > 10
    assert {name for name in names if f"\n{name}" not in told} == set()


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")],
)
def test_promtool_finds_nothing(arguments: tuple[str, ...]) -> None:
    *command, file = arguments
    done = subprocess.run(
        [tool("promtool"), *command, str(DOCKER / "prometheus" / file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_nothing_in_the_metrics(bundled_url: str) -> None:
    ask(bundled_url, 12)
    told = httpx.get(f"{bundled_url}/metrics", timeout=PATIENCE).content
    done = subprocess.run([tool("promtool"), "check", "metrics"], input=told, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


async def _random_requests(url: str, count: int) -> None:
    """As a client with no sense would send them: any method, path, model, seed and body."""
    chance = random.Random(0)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        models = (await client.get("/models")).json()["models"]

        async def one(number: int) -> None:
            model = chance.choice(models)
            path = chance.choice(
                [
                    "/predict",
                    f"/generate/{model.get('family', number)}",
                    f"/models/{model['name']}",
                    f"/v2/models/{model['name']}/infer",
                    f"/v2/models/{number}",
                    f"/jobs/{number}",
                    f"/playground/{number}",
                    f"/{number}/{number}",
                ]
            )
            query = {"model": chance.choice([model["name"], f"m{number}"]), "seed": number, "samples": 2}
            shape = (model.get("inputs") or {"shape": [1]})["shape"]
            rows = [[chance.random()] * math.prod(shape)]
            headers = {"X-Request-ID": f"r{number}", "User-Agent": f"u{number}"}
            method = chance.choice(["POST", "POST", "POST", "GET", "PUT", "DELETE", f"M{number}"])
            await client.request(method, path, params=query, json={"inputs": rows}, headers=headers)

        for start in range(0, count, 50):
            await asyncio.gather(*(one(number) for number in range(start, start + 50)))


def test_no_request_makes_more_series_than_there_are(bundled_url: str) -> None:
    asyncio.run(_random_requests(bundled_url, REQUESTS))
    told = httpx.get(f"{bundled_url}/metrics", timeout=PATIENCE).text.splitlines()
    assert sum(not line.startswith("#") for line in told) < SERIES
