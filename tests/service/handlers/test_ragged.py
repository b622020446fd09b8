"""Sequences of different lengths over HTTP: a shorter one is answered as if it were alone, and ends where it ends."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from calibrated import calibrated

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, PredictorSpec, save
from models.checkpoints.selftest import canary_examples
from models.specs import InputSpec, OutputSpec

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

PULSES = InputSpec("sequence", (12, 1), (80.0,), (9.0,), ragged=True)
LONG, SHORT = [[70.0 + step] for step in range(12)], [[70.0], [71.0], [72.0]]
OUTPUTS = {
    "label": OutputSpec("classification", ("sick", "well")),
    "steps": OutputSpec("classification", ("sick", "well")),
    "next": OutputSpec("regression", ("pulse",), (80.0,), (9.0,)),
}
LIKELIHOODS = {"classification": "categorical", "regression": "heteroscedastic_gaussian"}


@pytest.fixture(scope="module")
def pulses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pulses")
    for name, outputs in OUTPUTS.items():
        network = Component("recurrent", {"hidden": 8, "many": name != "label"})
        likelihood = Component(LIKELIHOODS[outputs.task])
        spec = PredictorSpec(network, Component("mc_dropout"), likelihood, PULSES, outputs)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = spec.build()
        scores = np.linspace(0.1, 0.9, 100).tolist() if name == "label" else ()
        calibration = calibrated([1.0] * 100, scores, outputs.task)
        manifest = Manifest(name, 0, spec, "pulses", 0, {})
        save(folder, manifest, model, canary_examples(model, PULSES.example(2)), "# Pulses", calibration=calibration)
    return folder


async def predict(client: httpx.AsyncClient, inputs: object, **options: object) -> dict:
    response = await client.post("/predict", params={"samples": 5, **options}, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture(scope="module")
async def client(app: App, pulses: Path):
    async with app(store=pulses, default_model="label") as client:
        yield client


async def test_a_shorter_sequence_is_answered(client: httpx.AsyncClient) -> None:
    together = await predict(client, [LONG, SHORT], interval=0.9)
    for row, sequence in enumerate((LONG, SHORT)):
        alone = await predict(client, [sequence], interval=0.9)
        for name in ("mean", "ood_score", "mutual_information"):
            np.testing.assert_allclose(alone[name][0], together[name][row], atol=1e-6)
        assert alone["prediction_set"][0] == together["prediction_set"][row]
    flat = await predict(client, [[70, 71, 72]])
    np.testing.assert_allclose(flat["mean"][0], together["mean"][1], atol=1e-6)


@pytest.mark.parametrize("model", ["steps", "next"])
async def test_answers_at_every_step_end_with_their_sequence(client: httpx.AsyncClient, model: str) -> None:
    options = {"model": model, "interval": 0.9, "draws": True}
    together, alone = [await predict(client, rows, **options) for rows in ([LONG, SHORT], [LONG[:3]])]
    for name in ("mean", "total_variance", "predictive_entropy", "mutual_information", "standard_error"):
        assert [len(steps) for steps in together[name]] == [12, 3]
        np.testing.assert_allclose(together[name][1], alone[name][0], atol=1e-4)
    assert [[len(steps) for steps in draw] for draw in together["draws"]] == [[12, 3]] * 5
    np.testing.assert_allclose(together["ood_score"][1], alone["ood_score"][0], rtol=1e-3)
    if model == "steps":
        assert [len(steps) for steps in together["label"]] == [len(s) for s in together["prediction_set"]] == [12, 3]
        assert set(together["label"][1]) <= {"sick", "well"}
    else:
        assert [len(steps) for steps in together["interval"]["lower"]] == [12, 3]
    body = await client.post(f"/predict?model={model}&samples=5", json={"inputs": [SHORT]})
    assert "null" not in body.text.replace('"decision":null', "")


async def test_arrays_hold_nan_after_the_end_and_no_label(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/predict?model=steps&samples=5", json={"inputs": [LONG, SHORT]}, headers={"accept": "application/x-npz"}
    )
    with np.load(io.BytesIO(response.content)) as answer:
        assert np.isnan(answer["mean"][1, 3:]).all()
        assert not np.isnan(answer["mean"][1, :3]).any()
        assert (answer["label"][1, 3:] == "").all()
        assert not np.isnan(answer["ood_score"]).any()


async def test_other_bodies_may_be_shorter_too(client: httpx.AsyncClient) -> None:
    expected = await predict(client, [SHORT])
    file = io.BytesIO()
    np.save(file, np.array([SHORT]))
    headers = {"content-type": "application/x-npy"}
    array = await client.post("/predict?samples=5", content=file.getvalue(), headers=headers)
    assert array.json()["mean"] == expected["mean"]
    tensor = {"name": "inputs", "shape": [1, 3, 1], "datatype": "FP32", "data": [70, 71, 72]}
    inferred = await client.post("/v2/models/label/infer", json={"inputs": [tensor], "parameters": {"samples": 5}})
    outputs = {output["name"]: output["data"] for output in inferred.json()["outputs"]}
    np.testing.assert_allclose(outputs["mean"], expected["mean"][0])


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([LONG, [*LONG, [90.0]]], "of a longer sequence send the last ones"),
        ([[*LONG, [90.0]]], "allowed is (steps, 1) with 1 to 12 steps"),
        ([LONG, [[1.0, 2.0]]], "the list at /inputs/1/0 has 2 items"),
        ([LONG, [*SHORT[:1], [None]]], "/inputs/1/1/0"),
    ],
)
async def test_what_cannot_be_read_is_refused(client: httpx.AsyncClient, inputs: list, said: str) -> None:
    response = await client.post("/predict", json={"inputs": inputs})
    assert response.status_code == 422
    assert said in response.text


async def test_nan_in_a_sequence_is_no_end(client: httpx.AsyncClient) -> None:
    content = '{"inputs": [[[70], [71], [NaN]]]}'
    response = await client.post("/predict", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/inputs/0/2/0"
