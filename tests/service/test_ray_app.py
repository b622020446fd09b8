"""The service on Ray Serve, in a real cluster of two nodes: the answers of one process, also when a node dies."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest
from conftest import missing
from patience import PATIENCE, wait_until
from prometheus_client.parser import text_string_to_metric_families
from pyarrow import parquet
from random_models import SPECS, digits, save_model
from ray_nodes import Cluster
from ray_nodes import cluster as started_cluster
from running_service import started

from service.client import Client
from service.http.header_lines import HEADERS

pytestmark = pytest.mark.anyio

CLIENTS = 4


def api_tests() -> dict[str, Callable[..., Any]]:
    """The API's own tests of predictions that need a client and nothing else; the process's parts are out of reach."""
    path = Path(__file__).parent / "routes" / "test_predict.py"
    spec = importlib.util.spec_from_file_location("predictions_on_ray", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {name: one for name, one in vars(module).items() if name.startswith("test_")}
    return {
        name: one
        for name, one in found.items()
        if list(inspect.signature(one).parameters) == ["client"] and "client.runtime" not in inspect.getsource(one)
    }


API_TESTS = api_tests()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a store of its own, as a test adds a version."""
    if importlib.util.find_spec("ray") is None:
        missing("ray", "ray is not installed")
    store = tmp_path_factory.mktemp("ray_store")
    for name in SPECS:
        save_model(store, name)
    settings = {"default_model": "mlp", "poll_seconds": "0.5", "max_request_seconds": "1000"}
    with started_cluster(tmp_path_factory.mktemp("ray"), store, 2, **settings) as running:
        yield running


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=cluster.url, timeout=PATIENCE) as opened:
        yield opened


@pytest.fixture(scope="module")
async def alone(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service in this process, of the same store."""
    async with started(store=cluster.store, poll_seconds=0.0) as client:
        yield client


@pytest.mark.parametrize("name", API_TESTS)
async def test_the_api_answers_as_in_one_process(client: httpx.AsyncClient, name: str) -> None:
    assert await API_TESTS[name](client) is None


VARYING = {"content-length", "server-timing", "x-compute-time-ms", "x-queue-time-ms"}
LATE = {"x-request-timeout-ms": "1"}
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a prediction": ("POST", "/predict?seed=3", {"json": {"inputs": digits(2)}}),
    "an image": ("POST", "/generate/vae", {"json": {"n": 1}, "headers": {"accept": "image/png"}}),
    "a wrong option": ("POST", "/predict?samples=-1", {"json": {"inputs": digits(1)}}),
    "no JSON": ("POST", "/predict", {"content": b"{", "headers": {"content-type": "application/json"}}),
    "a late request": ("POST", "/predict?model=convnet&samples=500", {"json": {"inputs": digits(99)}, "headers": LATE}),
    "no such route": ("GET", "/nowhere", {}),
    "a wrong method": ("DELETE", "/predict", {}),
    "a head alone": ("HEAD", "/health/ready", {}),
}  # fmt: skip


def assert_close(answer: Any, expected: Any) -> None:
    """Assert that two values of JSON are the same, but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(answer[name], value)
    elif isinstance(expected, list) and expected and not isinstance(expected[0], str):
        np.testing.assert_allclose(answer, expected, atol=1e-5)
    else:
        assert answer == expected


@pytest.mark.parametrize("what", REQUESTS)
async def test_answers_and_refusals_and_their_lines_are_those_of_one_process(
    alone: httpx.AsyncClient, client: httpx.AsyncClient, what: str
) -> None:
    method, path, more = REQUESTS[what]
    more = {**more, "headers": {**more.get("headers", {}), "x-request-id": "the-same"}}
    expected, answer = [await one.request(method, path, **more) for one in (alone, client)]
    assert answer.status_code == expected.status_code
    if what == "a prediction":  # the kernel is chosen by measurement, so bits may differ
        assert_close(answer.json(), expected.json())
    else:
        assert answer.content == expected.content
    assert answer.headers.get_list("x-request-id") == ["the-same"]
    lines = {name: answer.headers.get(name) for name in expected.headers}
    assert None not in lines.values()
    assert {n: v for n, v in lines.items() if n not in VARYING} == {
        n: v for n, v in expected.headers.items() if n not in VARYING
    }
    assert {name: answer.headers.get(name) for name, _ in HEADERS} == dict(HEADERS)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("host", "elsewhere.example")], 421),
        ([("origin", "http://elsewhere.example")], 403),
        ([("content-type", "application/json"), ("content-type", "text/csv")], 400),
    ],
)
async def test_names_and_pages_of_others_and_two_types_are_refused(
    client: httpx.AsyncClient, headers: list[tuple[str, str]], status: int
) -> None:
    answer = await client.post("/predict", json={"inputs": digits(1)}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len(answer.headers.get_list("x-request-id")) == 1


def predictions_by_replica(url: str) -> dict[str, float]:
    """Number of answers to ``/predict`` that each replica has counted."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=PATIENCE).text)
    samples = (sample for family in families for sample in family.samples)
    return {
        sample.labels["replica"]: sample.value
        for sample in samples
        if sample.name == "credence_requests_total" and sample.labels["route"] == "/predict"
        and sample.labels["status"] == "200"
    }  # fmt: skip


class Load:
    """Clients that ask the same few questions again and again, and what they were told: seed, version and mean."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[tuple[int, str, np.ndarray]] = []
        self._ends = Event()

    def wait_for_more(self, count: int) -> None:
        """Return when so many more requests have been answered, or a client has failed."""
        end = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= end or any(one.done() for one in self._clients))

    def ask(self) -> None:
        with Client(self.url, timeout=PATIENCE) as client:
            while not self._ends.is_set():
                for seed in range(3):
                    answer = client.predict(ROW, seed=seed)
                    self.answers.append((seed, answer.version, answer.mean))

    def __enter__(self) -> Load:
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._threads.submit(self.ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *raised: object) -> None:
        self._ends.set()
        self._threads.shutdown()
        for client in self._clients:
            client.result()  # a request that was lost is raised here

    def assert_alike(self, version: str) -> None:
        """Assert that a seed has always had the same answer."""
        for seed in range(3):
            means = [mean for asked, of, mean in self.answers if (asked, of) == (seed, version)]
            assert len(means) > 1
            np.testing.assert_allclose(means, np.broadcast_to(means[0], np.shape(means)), atol=1e-5)


ROW = np.array(digits(1))


def test_a_seed_has_one_answer_whichever_replica_gives_it_and_each_gives_some(cluster: Cluster) -> None:
    before = predictions_by_replica(cluster.url)
    with Load(cluster.url) as load:
        load.wait_for_more(200)
    load.assert_alike("1")
    after = predictions_by_replica(cluster.url)
    gained = {replica: count - before.get(replica, 0) for replica, count in after.items()}
    assert len(gained) == 2
    assert min(gained.values()) > 0
    assert sum(gained.values()) == len(load.answers)


async def test_a_second_application_has_the_models_of_another_store(
    cluster: Cluster, client: httpx.AsyncClient
) -> None:
    """More models than a replica's memory holds are several applications, each with a store and a prefix."""
    save_model(cluster.store.with_name(f"{cluster.store.name}-2"), "regression")
    cluster.order("join")
    try:
        models = (await client.get("/second/models")).json()["models"]
        assert [one["name"] for one in models] == ["regression"]
        asked: dict[str, Any] = {"inputs": [[0.1, 0.2, 0.3]], "samples": 3}
        answer = await client.post("/second/predict?model=regression", json=asked)
        first = await client.post("/predict?model=regression", json=asked)
        assert (answer.status_code, first.status_code) == (200, 200), answer.text
        assert_close(answer.json()["mean"], first.json()["mean"])
        assert (await client.get("/second/health/ready")).status_code == 200
        refused = await client.post("/second/predict?model=mlp", json={"inputs": digits(1)})
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown-model")
        assert "credence_ready" in (await client.get("/second/metrics")).text
    finally:
        cluster.order("part")


def test_a_new_version_comes_under_load_and_no_answer_is_of_two(cluster: Cluster) -> None:
    with Load(cluster.url) as load:
        load.wait_for_more(30)
        save_model(cluster.store, "mlp", seed=1)
        wait_until(lambda: {version for _, version, _ in load.answers[-20:]} == {"2"})
    for version in ("1", "2"):
        load.assert_alike(version)


def test_a_whole_file_has_the_same_answers_on_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array(digits(600), np.float32))
    tables = []
    for name, where in (("here", []), ("there", ["--ray", cluster.address])):
        out = tmp_path / f"{name}.parquet"
        asked = ["predict", tmp_path / "rows.npy", "--model", "mlp", "--version", "1", "--out", out, *where]
        command = [sys.executable, "-m", "service", *map(str, asked)]
        done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        tables.append(parquet.read_table(out))
    assert len(tables[0]) == 600
    assert tables[0].equals(tables[1])


def test_a_node_that_is_killed_under_load_loses_no_request(cluster: Cluster) -> None:
    before = cluster.replicas()
    with Load(cluster.url) as load:
        load.wait_for_more(100)
        cluster.order("kill")
        load.wait_for_more(200)
        cluster.order("add")
        cluster.wait_ready(2)
        load.wait_for_more(100)
    load.assert_alike("2")
    assert len(before & cluster.replicas()) == 1
