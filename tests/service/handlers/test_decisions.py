"""Decisions and conformal sets come from the checkpoint's calibration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
from random_models import digits, save_model

from models.prediction.calibration import Calibration

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def answered(client: httpx.AsyncClient, query: str, rows: list[list[float]] | None = None) -> dict:
    response = await client.post(f"/predict?{query}", json={"inputs": rows or digits(8)})
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_model_without_calibration_scores_but_does_not_decide(client: httpx.AsyncClient) -> None:
    answer = await answered(client, "interval=0.9")
    np.testing.assert_allclose(answer["ood_score"], answer["mutual_information"])
    assert answer["decision"] is None
    assert answer["interval_method"] == "credible"


async def test_the_threshold_decides_and_is_counted(app: App, tmp_path: Path) -> None:
    async with app() as client:
        scores = sorted((await answered(client, "samples=50"))["ood_score"])
    save_model(tmp_path, "mlp", Calibration(scores[4], 0.05, 1))
    async with app(store=tmp_path) as client:
        answer = await answered(client, "samples=50")
        expected = ["accept" if score <= scores[4] else "abstain" for score in answer["ood_score"]]
        assert answer["decision"] == expected
        assert expected.count("abstain") == 3
        assert 'credence_decisions_total{decision="abstain",model="mlp"} 3.0' in (await client.get("/metrics")).text
        mean_only = await answered(client, "samples=0&interval=0.5")
        assert (mean_only["decision"], mean_only["ood_score"], mean_only["interval_method"]) == (None, None, "credible")


async def test_conformal_sets_and_intervals(app: App, tmp_path: Path) -> None:
    grid = tuple(np.linspace(0.8, 0.99, 100).tolist())
    save_model(tmp_path, "mlp", Calibration(1.0, 0.05, 100, grid))
    save_model(tmp_path, "regression", Calibration(1.0, 0.05, 100, tuple(np.linspace(0.1, 10, 100).tolist())))
    async with app(store=tmp_path) as client:
        answer = await answered(client, "interval=0.5")
        assert answer["interval_method"] == "conformal"
        score = grid[50]
        for probs, members in zip(answer["mean"], answer["prediction_set"], strict=True):
            assert members == [str(c) for c, p in enumerate(probs) if 1 - p <= score or p == max(probs)]
        rows = [row[:3] for row in digits(2)]
        answer = await answered(client, "interval=0.9&model=regression", rows)
        width = np.array(answer["interval"]["upper"]) - answer["mean"]
        np.testing.assert_allclose(width / np.sqrt(answer["total_variance"]), 9.1, atol=0.01)
        too_high = await client.post("/predict?interval=0.999", json={"inputs": digits(1)})
        assert too_high.status_code == 422
        (error,) = too_high.json()["errors"]
        assert error["pointer"] == "/interval"
        assert "allowed is up to 0.9901" in error["detail"]
        body = {
            "inputs": [{"name": "inputs", "shape": [1, 64], "datatype": "FP64", "data": np.ravel(digits(1)).tolist()}],
            "parameters": {"interval": 0.999},
        }
        (error,) = (await client.post("/v2/models/mlp/infer", json=body)).json()["errors"]
        assert error["pointer"] == "/parameters/interval"
