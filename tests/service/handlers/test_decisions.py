"""Decisions and conformal sets come from the checkpoint's calibration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from calibrated import calibrated
from random_models import digits, save_model

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def answered(client: httpx.AsyncClient, query: str, rows: list[list[float]] | None = None) -> dict:
    response = await client.post(f"/predict?{query}", json={"inputs": rows or digits(8)})
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_model_without_calibration_does_not_decide_and_says_so(client: httpx.AsyncClient) -> None:
    answer = await answered(client, "interval=0.9")
    assert (answer["decision"], answer["ood_score"], answer["alarms"]) == (None, None, None)
    assert "python -m training calibrate" in answer["decision_reason"]
    assert answer["interval_method"] == "credible"


async def test_the_evidence_decides_and_is_counted(app: App, tmp_path: Path) -> None:
    async with app() as client:
        known = np.array((await answered(client, "samples=50"))["mutual_information"])
    between = float(np.sort(known)[4:6].mean())
    save_model(tmp_path, "mlp", calibrated([between] * 100))
    async with app(store=tmp_path) as client:
        answer = await answered(client, "samples=50&outputs=decision,alarms,ood_score,p_values")
        unlike = known > between
        assert answer["decision"] == ["abstain" if one else "accept" for one in unlike]
        assert answer["alarms"] == [["mutual_information"] if one else [] for one in unlike]
        assert unlike.sum() == 3
        assert (np.array(answer["ood_score"]) > 0).tolist() == unlike.tolist()
        expected = [1 / 101 if one else 1.0 for one in unlike]
        assert answer["p_values"] == {"joint": expected, "mutual_information": expected}
        assert 'credence_decisions_total{decision="abstain",model="mlp"} 3.0' in (await client.get("/metrics")).text
        assert "decision_reason" not in answer


@pytest.mark.parametrize("samples", [0, 1])
async def test_one_function_decides_nothing_but_has_sets(app: App, tmp_path: Path, samples: int) -> None:
    save_model(tmp_path, "mlp", calibrated([1.0] * 100, np.linspace(0.8, 0.99, 100).tolist()))
    async with app(store=tmp_path) as client:
        answer = await answered(client, f"samples={samples}&interval=0.9")
    unknown = ("epistemic_variance", "total_variance", "mutual_information", "standard_error", "ood_score", "decision")
    assert [answer[name] for name in unknown] == [None] * 6
    assert "2 samples or more" in answer["decision_reason"]
    assert answer["interval_method"] == "conformal"
    assert all(answer["prediction_set"])


async def test_conformal_sets_and_intervals(app: App, tmp_path: Path) -> None:
    grid = tuple(np.linspace(0.8, 0.99, 100).tolist())
    save_model(tmp_path, "mlp", calibrated([1.0] * 100, grid))
    save_model(tmp_path, "regression", calibrated([1.0] * 100, np.linspace(0.1, 10, 100).tolist(), "regression"))
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
        assert error["detail"].endswith("allowed is up to 0.99")
        body = {
            "inputs": [{"name": "inputs", "shape": [1, 64], "datatype": "FP64", "data": np.ravel(digits(1)).tolist()}],
            "parameters": {"interval": 0.999},
        }
        (error,) = (await client.post("/v2/models/mlp/infer", json=body)).json()["errors"]
        assert error["pointer"] == "/parameters/interval"


async def test_the_error_of_accepted_rows_is_bounded(app: App, tmp_path: Path) -> None:
    async with app() as client:
        doubt = 1 - np.array((await answered(client, "seed=3"))["mean"]).max(1)
    between = float(np.sort(doubt)[3:5].mean())
    rows = calibrated([1e3] * 500, [0.5] * 500)
    tile = (len(rows.draws), 1)
    sure = np.array([between] * 400 + [1.0] * 100, np.float32)
    rows = replace(rows, doubt=np.tile(sure, tile), loss=np.tile(sure == 1, tile).astype(np.float32))
    save_model(tmp_path, "mlp", rows)
    save_model(tmp_path, "regression", calibrated([1.0] * 40, task="regression"))
    async with app(store=tmp_path) as client:
        answer = await answered(client, "max_error=0.05&seed=3")
        assert answer["alarms"] == [["max_error"] if one > between else [] for one in doubt]
        assert answer["decision"] == ["abstain" if one > between else "accept" for one in doubt]
        assert {"accept", "abstain"} == set(answer["decision"])
        for query, pointer, remedy in (
            ("max_error=0.001", "/max_error", "it takes 4603 that have none"),
            ("max_error=0.05&samples=1", "/max_error", "ask for 2 samples or more"),
            ("max_loss=2", "/max_loss", "give max_error instead"),
            ("max_error=1.5", "/max_error", ""),
        ):
            response = await client.post(f"/predict?{query}", json={"inputs": digits(1)})
            assert response.status_code == 422
            (error,) = response.json()["errors"]
            assert error["pointer"] == pointer
            assert remedy in error["detail"]
