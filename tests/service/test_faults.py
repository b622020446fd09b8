"""Faults that a healthy machine does not have, injected: what the client and the operator then see."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from patience import PATIENCE, happens
from random_models import digits
from torch import nn

from service.runtime.registry import ServedPredictor
from service.runtime.runtime import DEVICE_LOST_STATUS
from service.scheduling.terms import LONG_SECONDS

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def client(new_client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of a service for each test: they damage it."""
    return new_client


class Faulty(nn.Module):
    """A network that does something else for rows whose first pixel is marked."""

    def __init__(self, network: nn.Module, fault: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network, self.fault = network, fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fault(x, self.network(x))


def plant(client: httpx.AsyncClient, fault: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    """Put a fault behind the first layer's input of the served MLP."""
    posterior = client.runtime.registry.served["mlp", 1].backend.model.posterior
    posterior.network.layers[0] = Faulty(posterior.network.layers[0], fault)


def marked(count: int) -> list[list[float]]:
    return [[16.0, *row[1:]] for row in digits(count)]


def unmarked(count: int) -> list[list[float]]:
    return [[0.0, *row[1:]] for row in digits(count)]


def nan_where_marked(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.where(x.flatten(1)[:, :1] > 0.99, float("nan"), y)


def raise_where_marked(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if (x.flatten(1)[:, 0] > 0.99).any():
        raise RuntimeError("device-side assert at 0xdeadbeef")
    return y


async def test_an_answer_that_is_not_finite_is_our_fault_and_says_so(client: httpx.AsyncClient) -> None:
    plant(client, nan_where_marked)
    response = await client.post("/predict", json={"inputs": marked(1)})
    assert (response.status_code, response.json()["code"]) == (500, "non-finite-output")
    assert (await client.post("/predict", json={"inputs": unmarked(1)})).status_code == 200
    assert 'reason="non-finite-output"} 1.0' in (await client.get("/metrics")).text


@pytest.mark.parametrize("fault", [nan_where_marked, raise_where_marked])
async def test_a_bad_row_never_fails_its_neighbours(client: httpx.AsyncClient, fault: Any) -> None:
    plant(client, fault)
    jobs = [marked(1) if i % 3 == 0 else unmarked(1) for i in range(24)]
    responses = await asyncio.gather(*(client.post("/predict", json={"inputs": rows}) for rows in jobs))
    assert [r.status_code for r in responses] == [500 if i % 3 == 0 else 200 for i in range(24)]
    alone = (await client.post("/predict", json={"inputs": jobs[1]})).json()["mean"]
    assert abs(torch.tensor(responses[1].json()["mean"]) - torch.tensor(alone)).max() < 1e-5


async def test_an_unexpected_error_leaks_nothing_and_makes_the_service_unready(client: httpx.AsyncClient) -> None:
    broken = True

    def raise_while_broken(_x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if broken:
            raise RuntimeError("device-side assert at 0xdeadbeef")
        return y

    for served in client.runtime.registry.served.values():
        if isinstance(served, ServedPredictor):
            network = served.backend.model.posterior.network
            network.forward = lambda x, forward=network.forward: raise_while_broken(x, forward(x))
    response = await client.post("/predict", json={"inputs": unmarked(1)})
    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert "0xdeadbeef" not in response.text
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health/ready")).json()["reason"] == "the last prediction failed on the device"
    assert (await client.get("/health/predict")).status_code == 500
    assert (await client.get("/v2/health/ready")).status_code == 503
    assert "\ncredence_ready 0.0" in (await client.get("/metrics")).text
    broken = False
    assert (await client.get("/health/predict")).json()["model"] == "mlp"
    assert (await client.get("/health/ready")).status_code == 200
    assert "\ncredence_ready 1.0" in (await client.get("/metrics")).text


async def test_a_generator_that_failed_is_tried_until_it_works_again(
    images_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with images_app() as client:
        model = client.runtime.registry.served["vae", 1].backend.model
        with monkeypatch.context() as broken:
            broken.setattr(model, "images", lambda latents: latents["no such thing"])
            assert (await client.post("/generate/vae")).status_code == 500
            assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/ready")).status_code == 200


class Gate:
    """Holds the device until it is let go; batches are said to be long, so that a thread runs them."""

    def __init__(self, client: Any) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        backend = client.runtime.registry.served["mlp", 1].backend
        backend.timing = replace(backend.timing, batch=2 * LONG_SECONDS)

    def __call__(self, _x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.entered.set()
        self.leave.wait(PATIENCE)
        return y


async def test_a_deadline_frees_the_work_and_the_model_is_not_run(client: httpx.AsyncClient) -> None:
    gate = Gate(client)
    plant(client, gate)
    first = asyncio.ensure_future(client.post("/predict", json={"inputs": unmarked(1)}))
    await happens(gate.entered.is_set)
    late = await client.post("/predict?seed=9", json={"inputs": unmarked(1)}, headers={"x-request-timeout-ms": "20"})
    assert (late.status_code, late.json()["code"]) == (504, "deadline-exceeded")
    gate.leave.set()
    assert (await first).status_code == 200
    assert client.runtime.telemetry.registry.get_sample_value("credence_batch_rows_count", {"model": "mlp"}) == 1


async def test_a_full_queue_says_when_to_come_back_and_health_stays(app: App) -> None:
    async with app(max_queue_requests=2) as client:
        gate = Gate(client)
        plant(client, gate)
        accepted = [asyncio.ensure_future(client.post("/predict", json={"inputs": unmarked(1)}))]
        await happens(gate.entered.is_set)
        accepted += [asyncio.ensure_future(client.post("/predict", json={"inputs": unmarked(1)})) for _ in range(2)]
        registry = client.runtime.telemetry.registry
        await happens(lambda: registry.get_sample_value("credence_queue_rows") == 2)
        refused = await client.post("/predict", json={"inputs": unmarked(1)})
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200
        gate.leave.set()
        assert [r.status_code for r in await asyncio.gather(*accepted)] == [200, 200, 200]


async def test_draining_is_not_ready_and_closing_refuses(client: httpx.AsyncClient) -> None:
    client.runtime.drain()
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.post("/predict", json={"inputs": unmarked(1)})).status_code == 200
    assert (await client.get("/health/predict")).status_code == 200
    client.runtime.close()
    response = await client.post("/predict", json={"inputs": unmarked(1)})
    assert (response.status_code, response.json()["code"]) == (503, "draining")
    assert (await client.get("/health/predict")).status_code == 503
    assert (await client.get("/health/ready")).status_code == 503


FAR = [[3e38] * 3, [1.0] * 3]
"""Rows of three features, the first of which lies beyond what float32 can compute with."""


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


async def test_finite_rows_beyond_all_arithmetic_are_refused_and_call_nobody(client: httpx.AsyncClient) -> None:
    tensor = {"name": "inputs", "shape": [2, 3], "datatype": "FP64", "data": FAR}
    arrays = {"content": npy(np.array(FAR)), "headers": {"content-type": "application/x-npy"}}
    answers = [
        await client.post("/predict?model=regression", json={"inputs": FAR}),
        await client.post("/predict?model=regression", **arrays),
        await client.post("/v2/models/regression/infer", json={"inputs": [tensor]}),
        await client.post("/v1/models/regression:predict", json={"instances": FAR}),
        await client.post("/acquire?model=regression&n=1&acquisition=bald", json={"inputs": FAR}),
        await client.post("/acquire?model=regression&n=1&acquisition=epig", json={"inputs": [[1e20, 1, 1], FAR[1]]}),
        await client.post("/outcomes", json={"model": "regression", "inputs": FAR, "outcomes": [1.0, 2.0]}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "value-not-allowed")] * 7
    assert "the model's answer to row 0 is beyond" in answers[0].json()["detail"]
    assert answers[0].json()["errors"][0]["pointer"] == "/inputs/0"
    pool = {"inputs": FAR[1:] * 300, "targets": [*FAR[1:] * 299, FAR[0]], "n": 1, "acquisition": "epig", "samples": 2}
    far = await client.post("/acquire?model=regression", json=pool)
    assert (far.status_code, far.json()["errors"][0]["pointer"]) == (422, "/targets/299")
    assert 'reason="non-finite-output"' not in (await client.get("/metrics")).text


async def test_a_model_that_is_broken_answers_far_rows_as_broken_ones(client: httpx.AsyncClient) -> None:
    with torch.no_grad():
        for weights in client.runtime.registry.served["regression", 1].backend.model.parameters():
            weights.fill_(float("nan"))
    response = await client.post("/predict?model=regression", json={"inputs": FAR})
    assert (response.status_code, response.json()["code"]) == (500, "non-finite-output")


async def test_where_memory_ends_the_same_answer_comes_from_halves(client: httpx.AsyncClient) -> None:
    body = {"inputs": unmarked(200), "samples": 50}
    whole = (await client.post("/predict", json=body)).json()["mean"]
    room = 60

    def run_out(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if y.numel() > room * y.shape[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return y

    plant(client, run_out)
    answer = await client.post("/predict", json=body)
    assert answer.status_code == 200
    assert np.abs(np.subtract(answer.json()["mean"], whole)).max() < 1e-5
    assert "\ncredence_memory_ended 0.0" not in (await client.get("/metrics")).text
    room = 0
    refused = await client.post("/predict", json=body)
    assert (refused.status_code, refused.json()["code"]) == (503, "out-of-memory")
    assert "retry-after" in refused.headers


async def test_a_lost_device_answers_503_to_all_and_ends_the_process_for_a_restart(client: httpx.AsyncClient) -> None:
    ended: list[str] = []
    client.runtime.end = lambda: ended.append(client.runtime.phase)

    def lose(_x: torch.Tensor, _y: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with `TORCH_USE_CUDA_DSA`")

    plant(client, lose)
    answers = await asyncio.gather(*(client.post("/predict", json={"inputs": unmarked(1)}) for _ in range(5)))
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(503, "device-lost")}
    assert all("Retry-After" in one.headers for one in answers)
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/health/live")).status_code == 200
    assert (ended, client.runtime.exit_status) == (["lost"], DEVICE_LOST_STATUS)
    client.runtime.drain()
    assert (await client.post("/predict", json={"inputs": unmarked(1)})).json()["code"] == "device-lost"
