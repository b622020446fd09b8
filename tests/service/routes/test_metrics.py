"""What Prometheus sees is what the clients saw."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from random_models import digits

pytestmark = pytest.mark.anyio


@pytest.fixture
def client(new_client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a service for each test: they count what it does."""
    return new_client


def samples(text: str) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_counters_equal_what_a_client_counted(client: httpx.AsyncClient) -> None:
    tally: Counter[tuple[str, str]] = Counter()
    draws = 0
    for i in range(30):
        count = 5 + i % 3
        response = await client.post(f"/predict?samples={count}", json={"inputs": digits(1 + i % 4)})
        tally["/predict", str(response.status_code)] += 1
        draws += count * (1 + i % 4)
    for path, route in (
        ("/predict?samples=-1", "/predict"),
        ("/generate/vae", "/generate/{family}"),
        ("/x", "unmatched"),
    ):
        response = await client.post(path, json={"inputs": digits(1)} if route == "/predict" else {"n": 3})
        tally[route, str(response.status_code)] += 1
    text = (await client.get("/metrics")).text
    seen = samples(text)
    for (route, status), count in tally.items():
        assert seen["credence_requests_total", frozenset({"route": route, "status": status}.items())] == count
    model = frozenset({"model": "mlp"}.items())
    assert seen["credence_draws_total", model] == draws
    assert seen["credence_mutual_information_count", model] == sum(1 + i % 4 for i in range(30))
    assert seen["credence_images_total", frozenset({"model": "vae"}.items())] == 3
    assert seen["credence_rejections_total", frozenset({"reason": "invalid-request"}.items())] == 1


async def test_images_compute_and_refusals_are_counted_on_every_route(images: httpx.AsyncClient) -> None:
    row = {"inputs": [[1.0] * 64]}
    made = {
        "/generate/{family}/traverse": (6, {"rows": {"control": "z", "index": 0}}),
        "/generate/{family}/interpolate": (5, {"from": {"seed": 1}, "to": {"seed": 2}, "steps": 5}),
        "/reconstruct/{family}": (1, row),
        "/encode/{family}": (0, row),
    }
    for route, (_, body) in made.items():
        assert (await images.post(route.format(family="vae"), json=body)).status_code == 200
        assert (await images.post(route.format(family="vae"), json={"nonsense": 1})).status_code == 422
    begun = await images.post("/project/layered", json=row)
    path = f"/jobs/{begun.json()['id']}"
    while (await images.get(path)).json()["state"] != "done":
        await asyncio.sleep(0.01)
    text = (await images.get("/metrics")).text
    seen = samples(text)
    vae = frozenset({"model": "vae"}.items())
    assert seen["credence_images_total", vae] == sum(count for count, _ in made.values())
    assert seen["credence_compute_seconds_count", vae] == len(made)
    assert seen["credence_compute_seconds_count", frozenset({"model": "layered"}.items())] >= 1
    assert seen["credence_rejections_total", frozenset({"reason": "invalid-request"}.items())] == len(made)
    for route in made:
        assert seen["credence_requests_total", frozenset({"route": route, "status": "200"}.items())] == 1
    assert seen["credence_requests_total", frozenset({"route": "/jobs/{job_id}", "status": "200"}.items())] >= 1
    assert begun.json()["id"] not in text


async def test_the_event_loops_own_seconds_are_counted(client: httpx.AsyncClient) -> None:
    name = ("credence_loop_seconds_total", frozenset())
    before, begun = samples((await client.get("/metrics")).text)[name], time.thread_time()
    while time.thread_time() < begun + 0.2:
        pass
    spent = samples((await client.get("/metrics")).text)[name] - before
    assert 0.2 <= spent <= time.thread_time() - begun + 0.1


async def test_series_do_not_grow_with_traffic(client: httpx.AsyncClient) -> None:
    async def random_requests(start: int) -> int:
        for i in range(start, start + 150):
            await client.get(f"/path-{i}")
            await client.post(f"/predict?model=model-{i}&seed={i}", json={"inputs": digits(1)})
            await client.post(f"/generate/family-{i}", json={})
            await client.get(f"/models/{i}", headers={"x-request-id": str(i)})
        return len(samples((await client.get("/metrics")).text))

    await client.get("/metrics")
    assert await random_requests(0) == await random_requests(1000)


async def test_promtool_finds_nothing_wrong(client: httpx.AsyncClient) -> None:
    await client.post("/predict", json={"inputs": digits(1)})
    text = (await client.get("/metrics")).text
    assert samples(text)
    if promtool := shutil.which("promtool"):  # of Debian's package prometheus; elsewhere the parser above has read it
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


async def test_the_containers_health_check_is_not_counted_as_a_prediction(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/predict")).status_code == 200
    seen = samples((await client.get("/metrics")).text)
    assert not any(name == "credence_draws_total" and value for (name, _), value in seen.items())
    assert not any(name == "credence_decisions_total" and value for (name, _), value in seen.items())
