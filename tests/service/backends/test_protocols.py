"""Backends that compute nothing to speak of serve requests through the real app: nothing else knows torch."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from random_models import digits, save_model

from models.checkpoints.checkpoint import Checkpoint, PredictorSpec
from models.specs import Control
from service.app import create_app
from service.backends.generator_jobs import Generation
from service.backends.predictor_jobs import Prediction, PredictJob
from service.backends.protocols import Choice, Cost
from service.handlers.prediction import most_samples
from service.runtime.registry import Registry
from service.scheduling.batching import BatchTerms
from service.settings import Settings

pytestmark = pytest.mark.anyio


class Echo:
    """A classifier of ten classes: each draw is as sure of a class as the row's first ten pixels are bright."""

    name, device, work_weight, max_samples, positions, has_logit_noise = "echo", "abacus", 1.0, None, (), False
    choice = precision = None

    cost = Cost(draw=0.001)

    def terms(self, job: PredictJob) -> BatchTerms:
        return BatchTerms("all requests", job.size, job.size * job.samples, 0.0)

    def run(self, jobs: Sequence[PredictJob], check_cancelled: object) -> list[Prediction]:
        return [
            Prediction(statistics(job.rows.reshape(job.size, -1)[:, :10] + 1), job.samples, job.seed, "fixed")
            for job in jobs
        ]


def statistics(pixels: np.ndarray) -> dict[str, np.ndarray | None]:
    mean = pixels.astype(np.float64) / pixels.sum(-1, keepdims=True)
    entropy = -(mean * np.log(mean)).sum(-1)
    known = {"mean": mean, "aleatoric_variance": mean * (1 - mean), "predictive_entropy": entropy}
    unknown = dict.fromkeys(("epistemic_variance", "total_variance", "mutual_information", "standard_error"))
    return known | {"expected_entropy": entropy} | unknown


class Shades:
    """A generator whose images have one shade, that of their seed or of a code."""

    name, device, work_weight = "shades", "abacus", 1.0
    choice = Choice({"shades": [0.001, 0.002], "others": [0.002, 0.008]})
    operations, levels, distributions = ("generate",), (), {"shade": "uniform"}
    controls = (Control("shade", "continuous", 0.0, 1.0, "brightness"),)

    def most_images(self, seconds: float) -> int:
        return round(seconds * 10)

    def terms(self, job: Any) -> BatchTerms:
        return BatchTerms("all requests", job.size, job.size, 0.0)

    def codes(self, values: Mapping[str, Any], images: int) -> dict[str, np.ndarray]:
        return {name: np.full(images, value, np.float32) for name, value in values.items()}

    def check(self, job: Any) -> None:
        """Refuse nothing."""

    def run(self, jobs: Sequence[Any], check_cancelled: object) -> list[Generation]:
        shades = [job.codes.get("shade", np.array(job.seeds, np.float32) / 10) for job in jobs]
        white = np.ones((1, 8, 8), np.float32)
        return [Generation(np.stack([white * one for one in shade]), {"shade": shade}) for shade in shades]


class Loader:
    """Takes no more of a checkpoint than its kind."""

    def load_backend(self, checkpoint: Checkpoint) -> Echo | Shades:
        return Echo() if isinstance(checkpoint.manifest.model, PredictorSpec) else Shades()

    def count_halvings(self) -> int:
        return 2

    def memory_bytes(self) -> dict[str, int]:
        return {"beads": 3}


@pytest.fixture
async def fake(tmp_path: Path) -> Any:
    """A client of an app whose models are fakes."""
    for name in ("mlp", "vae"):
        save_model(tmp_path, name)
    app = create_app(Settings(store=tmp_path, default_model="mlp", drain_seconds=0.0), Registry(tmp_path, Loader()))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        while (await client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.001)
        yield client


async def test_a_prediction_of_any_backend_is_answered(fake: httpx.AsyncClient) -> None:
    rows = digits(3)
    answer = (await fake.post("/predict", json={"inputs": rows, "samples": 7})).json()
    bright = np.array(rows)[:, :10] + 1
    expected = bright / bright.sum(1, keepdims=True)
    np.testing.assert_allclose(answer["mean"], expected, rtol=1e-5)
    assert answer["label"] == [str(label) for label in expected.argmax(1)]
    assert (answer["samples"], answer["stop_reason"], answer["mutual_information"]) == (7, "fixed", None)
    arrays = await fake.post("/predict", json={"inputs": rows}, headers={"accept": "application/x-npz"})
    np.testing.assert_allclose(np.load(io.BytesIO(arrays.content))["mean"], answer["mean"])


async def test_a_request_may_cost_so_many_seconds_and_the_refusal_says_how_many_draws_that_are(
    fake: httpx.AsyncClient,
) -> None:
    body = {"inputs": digits(4)}  # a draw for a row takes a millisecond
    for samples, status in ((499, 200), (500, 200), (501, 422), (2**63, 422)):
        answer = await fake.post("/predict", json=body | {"samples": samples})
        assert answer.status_code == status, samples
    refused = (await fake.post("/predict", json=body | {"samples": 999})).json()
    assert "allowed for this model and number of rows are 500 samples" in refused["detail"]
    described = (await fake.get("/models/mlp")).json()
    assert (described["cost"]["draw"], described["limits"]["request_seconds"]) == (0.001, 2.0)
    assert (await fake.post("/generate/vae", json={"n": 20})).status_code == 200
    assert "allowed are 1 to 20" in (await fake.post("/generate/vae", json={"n": 21})).json()["detail"]
    assert (await fake.get("/models/vae")).json()["limits"]["images"] == 20


def test_noise_on_logits_new_draws_and_rows_count_and_one_row_with_one_draw_is_always_allowed() -> None:
    cost = Cost(request=0.1, row=0.01, draw=0.001, weights=0.002, noise=0.0001, noise_samples=100)
    assert most_samples(cost, 10, 1.0) == int((1.0 - 0.1 - 0.1) / (0.01 + 0.002))
    assert most_samples(cost, 10, 1.0, 50) == most_samples(cost, 10, 1.0)
    assert most_samples(cost, 10, 1.0, 200) == int(0.8 / (0.11 + 0.002))
    assert (most_samples(cost, 1, 0.001), most_samples(cost, 2, 0.001)) == (1, 0)


async def test_images_of_any_backend_are_answered(fake: httpx.AsyncClient) -> None:
    body = {"seeds": [3, 7], "format": "json"}
    drawn = (await fake.post("/generate/vae", json=body)).json()
    np.testing.assert_allclose(np.array(drawn["images"])[:, 0, 0, 0], [0.3, 0.7])
    given = (await fake.post("/generate/vae", json=body | {"codes": {"shade": 0.25}})).json()
    assert given["codes"] == {"shade": [0.25, 0.25]}
    assert (await fake.post("/generate/vae/mix", json={"coarse": 1})).json()["detail"] == (
        "vae cannot mix; no family that is served can"
    )


async def test_the_catalogue_and_the_metrics_tell_of_any_backend(fake: httpx.AsyncClient) -> None:
    await fake.post("/predict", json={"inputs": [[1.0] * 64] * 4})
    catalogue = {entry["name"]: entry for entry in (await fake.get("/models")).json()["models"]}
    assert catalogue["vae"]["operations"] == ["generate"]
    assert [control["name"] for control in catalogue["vae"]["controls"]] == ["shade"]
    assert (await fake.get("/v2/models/mlp")).json()["platform"] == "credence_echo"
    metrics = (await fake.get("/metrics")).text
    assert 'credence_model_info{backend="echo",device="abacus",method="mc_dropout",model="mlp"' in metrics
    assert 'credence_device_memory_bytes{kind="beads"} 3.0' in metrics
    assert 'credence_batch_rows_sum{model="mlp"} 4.0' in metrics
    assert "credence_memory_ended 2.0" in metrics
    assert 'credence_draws_total{model="mlp"} 200.0' in metrics
    assert (await fake.get("/health/predict")).json()["model"] == "mlp"
    assert 'model="vae",speedup="2.83"' in metrics
    described = [(await fake.get(f"/models/{name}")).json()["backend"] for name in ("mlp", "vae")]
    times = {"shades": [1.0, 2.0], "others": [2.0, 8.0]}
    assert described == [
        {"name": "echo", "device": "abacus"},
        {"name": "shades", "device": "abacus", "milliseconds": times, "speedup": 2.83},
    ]
