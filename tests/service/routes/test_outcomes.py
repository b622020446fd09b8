"""What came true is reported, judged against the answers, and shown."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from calibrated import calibrated as calibration
from patience import PATIENCE
from prometheus_client.parser import text_string_to_metric_families
from random_models import SPECS, digits, save_model
from running_service import started
from table_models import save_tables

from models.catalogue import Component
from models.guarantees.adaptive import adapt
from service.client import AsyncClient, ClientError
from service.client.parts import join

pytestmark = pytest.mark.anyio

SCORES = tuple(np.linspace(0, 1, 200).tolist())
HOUSE = {"size": 50, "colour": "red", "garage": 1}
NOT_ALLOWED: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"outcomes": []}, "/outcomes"),
    ({"outcomes": [1]}, "/outcomes/0"),
    ({"outcomes": [{"row": 0, "outcome": 1}]}, "/outcomes/0"),
    ({"outcomes": [{"request": "a"}]}, "/outcomes/0"),
    ({"outcomes": [{"request": "a", "row": -1, "outcome": 1}]}, "/outcomes/0/row"),
    ({"outcomes": [{"request": "a", "row": 0, "outcome": 1, "more": 1}]}, "/outcomes/0"),
    ({"outcomes": [{"request": "a" * 200, "row": 0, "outcome": 1}]}, "/outcomes/0/request"),
    ({"inputs": digits(2), "outcomes": ["1"]}, "/outcomes"),
    ({"inputs": digits(1), "outcomes": ["1"], "samples": 3}, ""),
    ({"inputs": [], "outcomes": []}, "/inputs"),
    ({"inputs": 3, "outcomes": []}, "/inputs"),
    ({"model": "houses", "inputs": [{"size": 1}], "outcomes": [1]}, "/inputs/0/colour"),
]
"""Bodies that are refused, and the pointer to what is wrong."""


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of models of every task, of which two are calibrated."""
    folder = tmp_path_factory.mktemp("calibrated") / "store"
    save_model(folder, "mlp", calibration([0.0] * 200, SCORES))
    deviations = np.abs(np.random.default_rng(0).normal(size=300)).tolist()
    save_model(folder, "regression", calibration([0.0] * 300, deviations, "regression"))
    for name in ("segnet", "tunes"):
        save_model(folder, name)
    save_tables(folder)
    return folder


@pytest.fixture
async def service(calibrated: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with a database of its own."""
    async with started(store=calibrated, database_url=f"sqlite:///{tmp_path}/o.sqlite", max_rows=2000) as client:
        yield client


async def predict(client: httpx.AsyncClient, inputs: Any, **options: Any) -> tuple[str, dict[str, Any]]:
    """The request id and the answer of a prediction that is remembered."""
    response = await client.post("/predict", params={"record": True, **options}, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.headers["x-request-id"], response.json()


async def report(client: httpx.AsyncClient, request: str, outcomes: Sequence[Any], **more: Any) -> httpx.Response:
    items = [{"request": request, "row": row, "outcome": outcome} for row, outcome in enumerate(outcomes)]
    return await client.post("/outcomes", json={"outcomes": items, **more})


async def main_stream(client: httpx.AsyncClient, model: str) -> dict[str, Any]:
    """What the outcomes of a model show, of the sets that most answers had."""
    answer = (await client.get(f"/outcomes/{model}")).json()
    assert (answer["model"], answer["version"]) == (model, "1")
    stream: dict[str, Any] = answer["streams"][0]
    return stream


async def test_coverage_error_and_calibration_are_those_of_the_answers(service: httpx.AsyncClient) -> None:
    request, answer = await predict(service, digits(60), interval=0.9)
    truth = [str(i % 10) for i in range(60)]
    response = await report(service, request, truth)
    assert response.json() == {"recorded": 60, "repeated": 0, "skipped": 0}
    shown = await main_stream(service, "mlp")
    mean, true = np.array(answer["mean"]), np.arange(60) % 10
    covered = [name in members for name, members in zip(truth, answer["prediction_set"], strict=True)]
    assert (shown["rows"], shown["level"], shown["method"]) == (60, 0.9, "conformal")
    assert shown["coverage"] == pytest.approx(np.mean(covered))
    assert shown["coverage_low"] < shown["coverage"] < shown["coverage_high"]
    assert shown["error"] == pytest.approx(np.mean(mean.argmax(1) != true))
    assert shown["nll"] == pytest.approx(-np.log(mean[np.arange(60), true]).mean())
    assert shown["brier"] == pytest.approx(np.square(mean - np.eye(10)[true]).sum(1).mean())
    assert 0 <= shown["ece"] <= 1
    by_class = {part["name"]: part for part in shown["by"]["class"]}
    assert {name: part["rows"] for name, part in by_class.items()} == {str(i): 6 for i in range(10)}
    assert by_class["3"]["coverage"] == pytest.approx(np.mean(covered[3::10]))
    assert sum(part["rows"] for part in shown["curve"][:1]) == 20
    assert [point["rows"] for point in shown["curve"]] == [20, 40, 60]


async def test_an_interval_of_a_regression_and_groups_of_a_table(service: httpx.AsyncClient) -> None:
    request, answer = await predict(service, [[1.0, 2.0, 3.0], [1.5, 2.0, 2.0]], model="regression", interval=0.8)
    lower, mean, variance = answer["interval"]["lower"], np.array(answer["mean"]), np.array(answer["total_variance"])
    outcomes = [lower[0][0] - 1, mean[1][0] + 2]
    assert (await report(service, request, outcomes)).status_code == 200
    shown = await main_stream(service, "regression")
    assert (shown["level"], shown["coverage"]) == (0.8, 0.5)
    off = np.array(outcomes)[:, None] - mean
    assert shown["error"] == pytest.approx(abs(off).mean())
    assert shown["square"] == pytest.approx((off**2 / variance).mean())
    assert shown["nll"] == pytest.approx((0.5 * np.log(2 * np.pi * variance) + off**2 / variance / 2).mean())
    body = {"model": "houses", "inputs": [HOUSE, HOUSE | {"colour": "blue"}], "outcomes": [150, {"y": 160.0}]}
    assert (await service.post("/outcomes", json=body)).json()["recorded"] == 2
    shown = await main_stream(service, "houses")
    assert (shown["level"], shown["coverage"]) == (None, None)  # a model without scores has no set unless it is asked
    assert {part["name"]: part["rows"] for part in shown["by"]["group:colour"]} == {"red": 1, "blue": 1}


async def test_steps_pixels_and_labels_count_where_they_are_known(service: httpx.AsyncClient) -> None:
    request, answer = await predict(service, np.full((1, 9 * 12), 0.3).tolist(), model="segnet")
    guess = answer["label"][0]
    outcome = [
        [guess[0][0], *[None] * 11],
        ["sky" if guess[1][0] != "sky" else "car", *[None] * 11],
        *[[None] * 12] * 7,
    ]
    assert (await report(service, request, [outcome])).status_code == 200
    assert (await main_stream(service, "segnet"))["error"] == pytest.approx(0.5)
    request, answer = await predict(service, np.full((1, 24), 0.5).tolist(), model="tunes")
    assert (await report(service, request, [answer["label"][0]])).status_code == 200
    assert (await main_stream(service, "tunes"))["error"] == 0.0
    request, _ = await predict(service, np.full((1, 24), 0.6).tolist(), model="tunes")
    assert (await report(service, request, [[None] * 6])).status_code == 200
    assert (await main_stream(service, "tunes"))["rows"] == 1 + 1


async def test_a_drift_raises_the_alarm_soon_and_not_before(service: httpx.AsyncClient) -> None:
    """Rows whose outcome is in the set at the rate of the level, and from row 2000 on half as often."""
    random, inputs = np.random.default_rng(0), digits(50)
    _, answer = await predict(service, inputs, interval=0.9)
    members = answer["prediction_set"]
    inside = [next(name for name in members[i]) for i in range(50)]
    outside = [next(name for name in answer["classes"] if name not in members[i]) for i in range(50)]
    body: dict[str, Any] = {"inputs": inputs * 10}
    for start in range(0, 3000, 500):
        missed = random.random(500) < (0.1 if start < 2000 else 0.5)
        body["outcomes"] = [outside[i % 50] if miss else inside[i % 50] for i, miss in enumerate(missed)]
        assert (await service.post("/outcomes", json=body)).status_code == 200
        shown = await main_stream(service, "mlp")
        assert shown["alarm"] == (start >= 2000), shown["evidence"]
    assert shown["rows"] == 3000
    assert 2000 < shown["alarm_at"] < 2150
    listed = (await service.get("/outcomes")).json()["models"]
    assert listed == [{"model": "mlp", "version": "1", "rows": 3000, "alarm": True}]
    text = (await service.get("/metrics")).text
    metrics = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "outcome" in sample.name
    }
    assert metrics["credence_outcome_evidence", "mlp"] == pytest.approx(shown["evidence"])
    assert metrics["credence_outcome_coverage", "", "all", "mlp"] == pytest.approx(shown["coverage"])
    assert metrics["credence_outcome_level", "mlp"] == 0.9
    assert metrics["credence_outcome_rows", "mlp"] == 3000


async def test_an_adaptive_interval_holds_its_level_under_drift(service: httpx.AsyncClient) -> None:
    """Outcomes are three times as far off from row 1000 on; answers and outcomes come in batches of 50."""
    random, covered = np.random.default_rng(1), []
    inputs = random.normal(size=(50, 3)).tolist()
    options = {"model": "regression", "interval": 0.9, "interval_method": "adaptive", "samples": 20, "record": False}
    for start in range(0, 2000, 50):
        request, answer = await predict(service, inputs, **options)
        assert answer["interval_method"] == "adaptive"
        assert answer["interval"]["level"] == 0.9
        mean, deviation = np.array(answer["mean"]), np.sqrt(answer["total_variance"])
        truth = mean + deviation * random.normal(size=(50, 1)) * (1 if start < 1000 else 3)
        inside = (truth >= answer["interval"]["lower"]) & (truth <= answer["interval"]["upper"])
        covered += inside[:, 0].tolist()
        assert (await report(service, request, truth[:, 0].tolist())).json()["recorded"] == 50
    assert np.mean(covered[:1000]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(covered[1000:1100]) < 0.85
    assert np.mean(covered[1300:]) == pytest.approx(0.9, abs=0.03)
    assert answer["adapted_level"] > 0.95
    shown = (await service.get("/outcomes/regression")).json()
    assert shown["levels"]["0.9"] > 0.95
    assert shown["streams"][0]["method"] == "adaptive"
    usual = await service.post("/predict", params=options | {"interval_method": ""}, json={"inputs": inputs})
    assert usual.status_code == 422
    _, usual = await predict(service, inputs, **{name: options[name] for name in ("model", "interval", "samples")})
    assert usual["interval_method"] == "conformal"
    assert np.all(
        np.subtract(usual["interval"]["upper"], usual["interval"]["lower"])
        < np.subtract(answer["interval"]["upper"], answer["interval"]["lower"])
    )


async def test_outcomes_of_a_quantile_regression_are_scored_on_their_side_of_the_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The level follows whether an outcome is within the interval: an end is met from inside, or from beyond."""
    spec = msgspec.structs.replace(SPECS["regression"], likelihood=Component("quantile"))
    monkeypatch.setitem(SPECS, "regression", spec)
    scores = np.random.default_rng(0).exponential(size=300).tolist()
    save_model(tmp_path / "store", "regression", calibration([0.0] * 300, scores, "regression"))
    options = {"model": "regression", "interval": 0.9, "interval_method": "adaptive"}
    async with started(store=tmp_path / "store", database_url=f"sqlite:///{tmp_path}/o.sqlite") as client:
        expected = 0.9
        for number in range(12):
            request, answer = await predict(client, [[0.5 * number, 2.0, 3.0]], **options)
            assert answer["adapted_level"] == pytest.approx(expected)
            (lower,), (upper,) = answer["interval"]["lower"][0], answer["interval"]["upper"][0]
            missed = number % 2
            inwards = (-1e-4 if missed else 1e-4) * (upper - lower)
            outcome = lower + inwards if number % 4 < 2 else upper - inwards
            assert (await report(client, request, [outcome])).status_code == 200
            expected = adapt(expected, 0.9, missed)
        shown = await main_stream(client, "regression")
        assert (shown["method"], shown["rows"], shown["coverage"]) == ("adaptive", 12, 0.5)


async def test_a_set_of_classes_adapts_too(service: httpx.AsyncClient) -> None:
    """After outcomes that the model finds unlikely, its sets are larger."""
    options = {"interval": 0.9, "interval_method": "adaptive"}
    sizes = []
    for _ in range(5):
        request, answer = await predict(service, digits(40), **options)
        sizes.append(np.mean([len(members) for members in answer["prediction_set"]]))
        least = [answer["classes"][i] for i in np.argmin(answer["mean"], 1)]
        assert (await report(service, request, least)).status_code == 200
    assert sizes[0] + 3 < sizes[-1]
    npz = await service.post(
        "/predict", params=options, json={"inputs": digits(1)}, headers={"accept": "application/x-npz"}
    )
    assert npz.status_code == 200
    tensor = {"name": "inputs", "shape": [2, 64], "datatype": "FP64", "data": digits(2)}
    v2 = await service.post("/v2/models/mlp/infer", json={"inputs": [tensor], "parameters": options})
    assert v2.json()["parameters"]["interval_method"] == "adaptive"
    assert (await report(service, v2.headers["x-request-id"], ["1", "2"])).json()["recorded"] == 2
    rows = await service.post("/v1/models/mlp:predict", params=options, json={"instances": digits(2)})
    assert rows.json()["interval_method"] == "adaptive"


async def test_a_level_that_cannot_be_adapted_is_refused(service: httpx.AsyncClient) -> None:
    for options, inputs, pointer in (
        ({"interval_method": "adaptive"}, digits(1), "/interval"),
        ({"interval_method": "adaptive", "interval": 0.9, "model": "plain"}, [[1, 2, 3]], "/interval_method"),
        ({"interval_method": "other", "interval": 0.9}, digits(1), "/interval_method"),
    ):
        response = await service.post("/predict", params=options, json={"inputs": inputs})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_repeats_change_nothing_and_contradictions_are_refused(service: httpx.AsyncClient) -> None:
    request, _ = await predict(service, digits(2))
    assert (await report(service, request, ["1", 2])).json() == {"recorded": 2, "repeated": 0, "skipped": 0}
    assert (await report(service, request, [1, "2"])).json() == {"recorded": 0, "repeated": 2, "skipped": 0}
    refused = await report(service, request, ["1", "3"])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/outcomes/1/outcome")
    refused = await report(service, "another", ["1"])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/outcomes/0")
    assert "record=true" in refused.json()["detail"]
    skipped = await report(service, "another", ["1"], on_unknown="skip")
    assert skipped.json() == {"recorded": 0, "repeated": 0, "skipped": 1}
    assert (await main_stream(service, "mlp"))["rows"] == 2


async def test_an_outcome_that_cannot_be_is_refused(service: httpx.AsyncClient) -> None:
    request, _ = await predict(service, digits(1))
    for outcome in ("ten", None, True, [1], {"0": 1}, 10, 1.0):
        refused = (await report(service, request, [outcome])).json()
        assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/outcomes/0/outcome")
        assert "no class of this model" in refused["detail"]
    for outcome in ("x", None, float("nan"), 1e300, [1.0, 2.0], {"z": 1.0}, {}, True):
        text = json.dumps({"model": "plain", "inputs": [[1.0, 2.0, 3.0]], "outcomes": [outcome]})
        response = await service.post("/outcomes", content=text, headers={"content-type": "application/json"})
        assert response.status_code == 422, outcome
        assert response.json()["errors"][0]["pointer"].startswith("/outcomes/0")
        assert "y [mm]" in response.json()["detail"]
    assert (await service.get("/outcomes")).json()["models"] == []


async def test_a_body_that_is_none_is_refused(service: httpx.AsyncClient) -> None:
    for body, pointer in NOT_ALLOWED:
        response = await service.post("/outcomes", json=body)
        assert response.status_code == 422, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["errors"][0]["pointer"] == pointer
    response = await service.post("/outcomes", content=b"a,b", headers={"content-type": "text/csv"})
    assert response.status_code == 415
    assert (await service.get("/outcomes/nobody")).status_code == 404
    assert (await service.get("/outcomes/mlp?x=1")).status_code == 422


async def test_nothing_is_remembered_unless_it_is_asked_for(calibrated: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.sqlite"
    async with started(store=calibrated, database_url=url) as client:
        request = (await client.post("/predict", json={"inputs": digits(1)})).headers["x-request-id"]
        assert (await report(client, request, ["1"])).status_code == 422
    async with started(store=calibrated, database_url=url, outcomes="all") as client:
        answer = await client.post("/v1/models/mlp:predict", json={"instances": digits(1)})
        assert (await report(client, answer.headers["x-request-id"], ["1"])).status_code == 200
    async with started(store=calibrated, database_url=url, outcomes="off") as client:
        for refused in (
            await client.post("/predict?record=true", json={"inputs": digits(1)}),
            await report(client, request, ["1"]),
            await client.get("/outcomes"),
            await client.get("/outcomes/mlp"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (403, "outcomes-off")


async def test_what_is_known_outlasts_the_service(calibrated: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/o.sqlite"
    async with started(store=calibrated, database_url=url) as client:
        request, _ = await predict(client, digits(30))
        assert (await report(client, request, ["1"] * 20)).status_code == 200
        before = await main_stream(client, "mlp")
    async with started(store=calibrated, database_url=url) as client:
        while not client.runtime.outcomes.watches:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        assert await main_stream(client, "mlp") == before
        rest = [{"request": request, "row": row, "outcome": "2"} for row in range(20, 30)]
        assert (await client.post("/outcomes", json={"outcomes": rest})).json()["recorded"] == 10
        assert (await main_stream(client, "mlp"))["rows"] == 30


async def test_a_database_that_cannot_be_written_hinders_nobody_else(calibrated: Path, tmp_path: Path) -> None:
    async with started(store=calibrated, database_url=f"sqlite:///{tmp_path}/none/o.sqlite") as client:
        refused = await client.post("/outcomes", json={"inputs": digits(1), "outcomes": ["1"]})
        assert (refused.status_code, refused.json()["code"]) == (503, "outcomes-unavailable")
        assert "CREDENCE_DATABASE_URL" in refused.json()["detail"]
        assert str(tmp_path) not in refused.text
        refused = await client.post("/predict?record=true", json={"inputs": digits(1)})
        assert refused.status_code == 503
        assert (await client.post("/predict", json={"inputs": digits(1)})).status_code == 200
        assert "credence_outcomes_broken 1.0" in (await client.get("/metrics")).text
        (tmp_path / "none").mkdir()
        async with asyncio.timeout(PATIENCE):  # by itself: who is refused cannot try
            while (await client.post("/predict?record=true", json={"inputs": digits(1)})).status_code != 200:
                await asyncio.sleep(0.2)
        again = await client.post("/outcomes", json={"inputs": digits(1), "outcomes": ["1"]})
        assert again.status_code == 200


async def test_an_answer_that_was_asked_to_be_remembered_is_durable_before_it_is_given(
    calibrated: Path, tmp_path: Path
) -> None:
    async with started(store=calibrated, database_url=f"sqlite:///{tmp_path}/o.sqlite", outcomes="all") as client:
        database = sqlite3.connect(tmp_path / "o.sqlite")
        for _ in range(20):
            request, _ = await predict(client, digits(1))
            assert database.execute(
                "SELECT count(*) FROM credence_answers WHERE request = ?", [request]
            ).fetchone() == (1,)
        database.close()
        for file in tmp_path.glob("o.sqlite*"):
            file.unlink()
        refused = await client.post("/predict?record=true", json={"inputs": digits(1)})
        assert (refused.status_code, refused.json()["code"]) == (503, "outcomes-unavailable")
        async with asyncio.timeout(PATIENCE):  # in a new file
            while (await client.post("/predict?record=true", json={"inputs": digits(1)})).status_code != 200:
                await asyncio.sleep(0.2)
    async with started(store=calibrated, database_url=f"sqlite:///{tmp_path}/none/o.sqlite", outcomes="all") as client:
        refused = await client.post("/predict?record=true", json={"inputs": digits(1)})  # the first: nobody knew
        assert (refused.status_code, refused.json()["code"]) == (503, "outcomes-unavailable")
        assert (await client.post("/predict", json={"inputs": digits(1)})).status_code == 200


async def test_the_client_reports_outcomes_of_its_answers(service: httpx.AsyncClient) -> None:
    rows = np.array(digits(100))
    transport = httpx.ASGITransport(service.application)  # type: ignore[attr-defined]
    async with AsyncClient("http://test", transport=transport) as client:
        answer = await client.predict(rows, record=True, interval=0.9, interval_method="adaptive")
        assert answer.adapted_level == 0.9
        assert sum(count for _, count in answer.requests) == 100
        truth = [i % 10 if i < 90 else None for i in range(100)]
        assert await client.report_outcomes(answer, truth) == {"recorded": 90, "repeated": 0, "skipped": 0}
        assert (await client.report_outcomes(answer, np.arange(100) % 10))["recorded"] == 10
        assert (await client.outcomes("mlp"))["streams"][0]["rows"] == 100
        with pytest.raises(ClientError, match="99 outcomes for 100 rows"):
            await client.report_outcomes(answer, truth[:99])
        joined = join([answer, answer])
        assert joined.requests == answer.requests * 2
        forgotten = replace(answer, requests=(("forgotten", 100),))
        assert (await client.report_outcomes(forgotten, truth, on_unknown="skip"))["skipped"] == 90
