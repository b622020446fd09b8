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
