"""POST /calibrated: outputs of a model that lives elsewhere are answered as the model itself would be here."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import torch
from random_models import CLASSES, DIGITS, DROPOUT, MLP
from running_service import started
from sent_outputs import class_outputs, target_outputs, written
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, PredictorSpec, save
from models.checkpoints.selftest import canary_examples
from models.prediction.predictor import Predictor
from service.backends.onnx_loader import loader_of
from service.client import AsyncClient
from service.runtime.registry import Registry
from service.settings import Settings
from training.data import Split
from training.run.fit import calibrate_all
from training.run.outputs.calibrate_outputs import calibrate_outputs
from training.run.outputs.read import Named, read_outputs

pytestmark = pytest.mark.anyio

ROWS, DRAWS = 600, 50
SENT = {"classes": class_outputs(1500, 0, draws=6), "target": target_outputs(1500, 0)}


def rows_of_digits(count: int, seed: int) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 16


@torch.inference_mode()
def sent_by(model: Predictor, rows: Tensor) -> dict[str, np.ndarray[Any, Any]]:
    """What somebody sends of a network of this house: its logits, of each draw if it has any, and its features."""
    x, draws = model.inputs.standardise(rows), model.posterior.sample(0, model.available_samples(DRAWS))
    logits = torch.cat([*model.functions.outputs(x, draws)])
    _, features, _ = model.observe(rows)
    return {"logits": (logits if draws else logits[0]).numpy(), "features": features.numpy()}


def calibrate_elsewhere(store: Path, name: str, arrays: dict[str, Any]) -> None:
    file = read_outputs(written(store.parent, f"{name}.npz", **arrays), Named())
    calibrate_outputs(name, file, f"{name}.npz", "python -m training calibrate", store)


def save_here_and_elsewhere(store: Path, name: str, posterior: Component) -> None:
    """Save one network with its calibration, and a calibration of its outputs on the same rows."""
    spec = PredictorSpec(MLP, posterior, Component("categorical"), DIGITS, CLASSES)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = spec.build().requires_grad_(False)
    rows = rows_of_digits(ROWS, 1)
    arrays = sent_by(model, rows)
    logits = torch.from_numpy(arrays["logits"]).reshape(-1, ROWS, 10).mean(0)
    outcomes = torch.multinomial((3 * logits).softmax(-1), 1, generator=torch.Generator().manual_seed(2))[:, 0]
    calibrate_elsewhere(store, f"{name}-sent", {**arrays, "outcomes": outcomes.numpy()})
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0)).tensor_split(3)
    reference, calibrating, held_out = (Split(rows[part], outcomes[part]) for part in order)
    spec, calibration = calibrate_all(model, spec, reference, calibrating)
    manifest = Manifest(name, 0, spec, "random", 0, {})
    save(store, manifest, model, canary_examples(model, held_out.inputs[:4]), f"# {name}", calibration=calibration)


@pytest.fixture(scope="module")
def sent_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("sent") / "store"
    store.mkdir()
    save_here_and_elsewhere(store, "drawn", DROPOUT)
    save_here_and_elsewhere(store, "single", Component("deterministic"))
    for name, arrays in SENT.items():
        calibrate_elsewhere(store, name, arrays)
    return store


@pytest.fixture(scope="module")
async def sent(sent_store: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with started(store=sent_store, default_model="drawn", max_rows=2000) as client:
        yield client


def lists(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in arrays.items() if name != "outcomes"}


@pytest.mark.parametrize("name", ["drawn", "single"])
async def test_outputs_are_answered_as_the_network_itself(sent: httpx.AsyncClient, name: str) -> None:
    """The same probabilities, entropies and sets; and the same decisions, where all evidence is sent."""
    rows = rows_of_digits(20, 7)
    model = sent.runtime.registry.predictor(name, None).backend.model  # type: ignore[attr-defined]
    options = f"interval=0.8&outputs=mean,prediction_set,p_values,decision,ood_score,{ENTROPIES}"
    here = await sent.post(f"/predict?model={name}&{options}", json={"inputs": rows.tolist()})
    there = await sent.post(f"/calibrated/{name}-sent?{options}", json=lists(sent_by(model, rows)))
    assert (here.status_code, there.status_code) == (200, 200), there.text
    one, other = here.json(), there.json()
    for field in ("mean", *ENTROPIES.split(",")):
        if one[field] is None:
            assert other[field] is None
        else:
            np.testing.assert_allclose(other[field], one[field], atol=1e-5)
    assert other["prediction_set"] == one["prediction_set"]
    own = {"predictive_entropy", "mahalanobis", "neighbour", "mutual_information" if name == "drawn" else "energy"}
    for kind in own:  # the energy of draws is that of the first one, and of a network here that of its mean function
        np.testing.assert_allclose(other["p_values"][kind], one["p_values"][kind], atol=0.006)


ENTROPIES = "predictive_entropy,expected_entropy,mutual_information"


async def test_levels_and_false_alarms_hold_on_new_rows(sent: httpx.AsyncClient) -> None:
    """Within three standard errors of the calibration rows and of 2000 new ones."""
    for name, make in (("classes", class_outputs), ("target", target_outputs)):
        new = make(2000, 1, 6) if name == "classes" else make(2000, 1)
        arrays = {array: new[array] for array in new if array in SENT[name] and array != "outcomes"}
        file = io.BytesIO()
        np.savez(file, **arrays)
        headers = {"Content-Type": "application/x-npz", "Accept": "application/x-npz"}
        answer = await sent.post(f"/calibrated/{name}?interval=0.9", content=file.getvalue(), headers=headers)
        assert answer.status_code == 200, answer.text
        said = np.load(io.BytesIO(answer.content))
        if name == "classes":
            pairs = zip(said["prediction_set"].tolist(), new["outcomes"].tolist(), strict=True)
            held = np.array([str(outcome) in members.split(",") for members, outcome in pairs])
        else:
            lower, upper = said["interval_lower"][:, 0], said["interval_upper"][:, 0]
            held = (lower <= new["outcomes"]) & (new["outcomes"] <= upper)
        assert held.mean() == pytest.approx(0.9, abs=3 * (0.09 * (1 / 2000 + 1 / 500)) ** 0.5)
        alarms = (said["decision"] == "abstain").mean()
        assert alarms == pytest.approx(0.05, abs=3 * (0.0475 * (1 / 2000 + 1 / 500)) ** 0.5)


async def test_fewer_draws_and_any_type_of_body_are_answered(sent: httpx.AsyncClient) -> None:
    arrays = {name: SENT["classes"][name] for name in ("logits", "features")}
    few = {"logits": arrays["logits"][:3, :2], "features": arrays["features"][:2]}
    answer = (await sent.post("/calibrated/classes?draws=true", json={**lists(few), "interval": 0.9})).json()
    assert answer["samples"] == 3
    assert np.shape(answer["draws"]) == (3, 2, 4)
    np.testing.assert_allclose(np.mean(answer["draws"], 0), answer["mean"], atol=1e-6)
    one = {"mean": SENT["target"]["mean"][:4, 0].tolist(), "variance": SENT["target"]["variance"][:4, 0].tolist()}
    answer = (await sent.post("/calibrated/target", json=one)).json()
    np.testing.assert_allclose(np.ravel(answer["mean"]), one["mean"], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(answer["aleatoric_variance"]), one["variance"], rtol=1e-4)
    assert answer["epistemic_variance"] is None


async def test_the_client_sends_outputs_in_parts(sent: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(sent.application)  # type: ignore[attr-defined]
    async with AsyncClient("http://test", transport=transport) as client:
        arrays = {name: SENT["classes"][name] for name in ("logits", "features")}
        answer = await client.calibrated("classes", arrays, interval=0.9)
        assert answer.mean.shape == (1500, 4)
        assert len(answer.decision) == 1500


async def test_what_came_true_is_reported(sent_store: Path) -> None:
    async with started(store=sent_store, default_model="drawn", outcomes="asked") as client:
        first = {"logits": SENT["classes"]["logits"][:, :40], "features": SENT["classes"]["features"][:40]}
        answer = await client.post("/calibrated/classes?interval=0.9&interval_method=adaptive", json=lists(first))
        assert answer.status_code == 200, answer.text
        request = answer.headers["x-request-id"]
        outcomes = [
            {"request": request, "row": row, "outcome": str(outcome)}
            for row, outcome in enumerate(SENT["classes"]["outcomes"][:40].tolist())
        ]
        assert (await client.post("/outcomes", json={"outcomes": outcomes})).json()["recorded"] == 40
        shown = (await client.get("/outcomes/classes")).json()
        assert sum(stream["rows"] for stream in shown["streams"]) >= 40


async def test_the_model_is_described_and_its_examples_can_be_sent(sent: httpx.AsyncClient) -> None:
    entry = (await sent.get("/models/classes")).json()
    assert entry["route"] == "/calibrated/classes"
    assert entry["takes"] == {"logits": "(draws, rows, 4) with 2 to 6 draws", "features": "(rows, 2)"}
    assert entry["limits"]["draws"] == 6
    examples = (await sent.get("/models/classes/examples")).json()["inputs"]
    assert (await sent.post("/calibrated/classes", json=examples)).status_code == 200
    document = (await sent.get("/openapi.json")).json()["paths"]["/calibrated/{name}"]["post"]
    answer = (await sent.post("/calibrated/classes", json=examples)).json()
    assert set(answer) <= set(document["responses"]["200"]["content"]["application/json"]["schema"]["properties"])
    assert (await sent.get("/v1/models")).json() == {"models": ["drawn", "single"]}
    index = (await sent.post("/v2/repository/index", json={})).json()
    assert {one["name"] for one in index} == {"drawn", "single"}
    metrics = (await sent.get("/metrics")).text
    assert 'credence_decisions_total{decision="accept",model="classes"}' in metrics


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/calibrated/target", {"logits": [[1, 2]]}, 422, "given is logits; this calibration takes mean"),
        ("/calibrated/target", {"mean": [1.0], "variance": [-1.0]}, 422, "/variance/0/0; allowed are variances"),
        ("/calibrated/target", {"mean": [1.0], "variance": [None]}, 422, "the value at /variance/0 is null"),
        ("/calibrated/target", {"mean": [[1.0], []], "variance": [[1.0], [1.0]]}, 422, "differ in length"),
        ("/calibrated/target", {"mean": "all", "variance": [1.0]}, 422, "mean is not a list"),
        ("/calibrated/target", {"mean": [1.0], "variance": [1.0], "samples": 5}, 422, "there is no such option"),
        ("/calibrated/target", {"mean": [1.0] * 2001, "variance": [1.0] * 2001}, 422, "mean has 2001 rows; this"),
        ("/calibrated/target", {}, 422, "given is nothing; this calibration takes mean (rows, 1) and variance"),
        ("/calibrated/target", {"inputs": [[1.0]]}, 422, "there is no such option"),
        ("/calibrated/drawn", {"logits": [[1.0]]}, 422, "drawn has a network here and takes rows"),
        ("/calibrated/nobody", {"logits": [[1.0]]}, 404, "no such model; there are: classes, drawn"),
        ("/predict?model=classes", {"inputs": [[1.0]]}, 422, "send them to POST /calibrated/classes"),
        ("/acquire?model=classes&n=1", {"inputs": [[1.0]]}, 422, "send them to POST /calibrated/classes"),
        ("/v1/models/classes:predict", {"instances": [[1.0]]}, 422, "send them to POST /calibrated/classes"),
        ("/outcomes", {"model": "classes", "inputs": [[1.0]], "outcomes": [1]}, 422, "POST /calibrated/classes"),
    ],
)
async def test_what_does_not_go_together_is_refused_with_the_remedy(
    sent: httpx.AsyncClient, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    response = await sent.post(path, json=body)
    assert (response.status_code, words in response.json()["detail"]) == (status, True), response.text


async def test_a_backend_of_graphs_alone_serves_it_too(sent_store: Path) -> None:
    """There is nothing to run, so that no graph is missed."""
    settings = Settings(store=sent_store, backend="onnx")
    registry = Registry(sent_store, loader_of(settings), only="classes")
    loaded = registry.load(registry.read(registry.find_new()))
    assert [name for name, _ in loaded.served] == ["classes"]


async def test_other_bodies_are_refused(sent: httpx.AsyncClient) -> None:
    for content, media, status in (
        (b"PK\x03\x04", "application/x-npz", 422),
        (b"a,b\n1,2\n", "text/csv", 415),
        (b'{"logits": [[NaN, 1, 2, 3]]}', "application/json", 422),
        (msgspec.json.encode({"logits": [[[1, 2, 3, 4]]], "features": [[1, 2]]}), "application/json", 422),
    ):
        response = await sent.post("/calibrated/classes", content=content, headers={"Content-Type": media})
        assert response.status_code == status, response.text
