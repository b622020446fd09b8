"""A service whose checkpoints lie in a real S3 store: new ones are served, and a store that is away costs nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import typer
from patience import happens
from random_models import digits, save_model
from running_service import started
from s3_server import Answer, Bucket, Proxy, send
from typer.testing import CliRunner, Result

from models.checkpoints.objects import ObjectStore
from models.checkpoints.publishing import publish
from service.__main__ import connect, running
from service.client import command
from service.runtime.audit.command import replaying

pytestmark = pytest.mark.anyio

ROWS = {"inputs": digits(1), "samples": 2}


def settings(bucket: Bucket, folder: Path, **more: Any) -> dict[str, Any]:
    return {"store": f"s3://{bucket.name}/lab", "store_cache": folder / "cache", "poll_seconds": 0.05, **more}


def refuse_all(handler: Any, answer: Answer) -> bool:
    send(handler, Answer(answer.method, answer.path, 503, {}, b"<Error><Code>SlowDown</Code></Error>"))
    return True


async def ready(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    response = await client.get("/health/ready")
    return response.status_code, response.json()


async def test_new_versions_are_served_and_a_store_that_is_away_costs_nothing(
    tmp_path: Path, s3: Proxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.checkpoints.objects.CALL_SECONDS", 2)
    store = ObjectStore(f"s3://{bucket.name}/lab")
    async with started(**settings(bucket, tmp_path)) as client:
        served = client.runtime.registry  # type: ignore[attr-defined]
        status, told = await ready(client)
        assert (status, told["reason"]) == (503, "no model could be loaded")
        assert told["store"] == "the store has no checkpoint; is its address right?; what is loaded is served"
        publish(save_model(tmp_path / "made", "mlp"), store)
        await happens(lambda: ("mlp", 1) in served.served)
        publish(save_model(tmp_path / "made", "mlp"), store)
        await happens(lambda: ("mlp", 2) in served.served)
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "2"
        await happens(lambda: client.runtime.follower.fault is None)  # type: ignore[attr-defined]
        assert await ready(client) == (200, {"status": "ready", "models": 2})
        s3.fault = refuse_all
        await happens(lambda: client.runtime.follower.fault)  # type: ignore[attr-defined]
        assert (await client.post("/predict", json=ROWS)).status_code == 200
        status, told = await ready(client)
        assert (status, told["models"]) == (200, 2)
        assert told["store"].endswith("; what is loaded is served")
        assert bucket.name not in told["store"]
        assert "credence_store_broken 1.0" in (await client.get("/metrics")).text
        refused = await client.post("/models/mlp/load")
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unavailable")
        assert (await client.post("/models/mlp/load?version=1")).status_code == 200
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "1"
    async with started(**settings(bucket, tmp_path, poll_seconds=3600)) as client:  # it begins without the store
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "2"
        assert "store" in (await ready(client))[1]
        s3.fault = lambda handler, answer: False
        assert (await client.post("/models/mlp/load")).status_code == 200
        assert "store" not in (await ready(client))[1]
        assert "credence_store_broken 0.0" in (await client.get("/metrics")).text


async def test_a_damaged_version_is_refused_with_its_reason_until_it_is_mended(
    tmp_path: Path, s3: Proxy, bucket: Bucket
) -> None:
    store = ObjectStore(f"s3://{bucket.name}/lab")
    publish(save_model(tmp_path / "made", "mlp"), store)
    publish(second := save_model(tmp_path / "made", "mlp", seed=2), store)
    bucket.put("lab/mlp/2/weights.safetensors", b"other weights")
    async with started(**settings(bucket, tmp_path, poll_seconds=3600)) as client:
        catalogue = (await client.get("/models")).json()
        assert [(one["name"], one["version"]) for one in catalogue["refused"]] == [("mlp", "2")]
        assert "weights.safetensors does not have the SHA-256" in catalogue["refused"][0]["reason"]
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "1"
        refused = await client.post("/models/mlp/load")
        assert (refused.status_code, refused.json()["code"]) == (503, "model-refused")
        assert (await ready(client))[0] == 200
        publish(second, store)
        assert (await client.post("/models/mlp/load")).status_code == 200
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "2"


def test_a_file_is_predicted_from_the_store_and_its_audit_is_replayed(
    tmp_path: Path, s3: Proxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python -m service predict`` and ``replay`` bring the model that they are asked for, and no other."""
    monkeypatch.setenv("CREDENCE_STORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("models.checkpoints.objects.CALL_SECONDS", 2)
    address = f"s3://{bucket.name}/lab"
    for name in ("mlp", "regression"):
        publish(save_model(tmp_path / "made", name), ObjectStore(address))
    np.save(tmp_path / "rows.npy", np.array(digits(3), np.float32))

    def predict(store: object, out: str, model: str = "mlp") -> Result:
        told = ["--model", model, "--store", str(store), "--out", str(tmp_path / out)]
        return CliRunner().invoke(command.app, ["predict", str(tmp_path / "rows.npy"), *told], obj=connect)

    for store, out in ((address, "there.csv"), (tmp_path / "made", "here.csv")):
        done = predict(store, out)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "there.csv").read_text() == (tmp_path / "here.csv").read_text()
    assert [one.name for one in (tmp_path / "cache").glob("*/[!.]*")] == ["mlp"]

    line, body = asyncio.run(audited(tmp_path))
    replay = typer.Typer()
    replay.command()(replaying(running))
    replayed = CliRunner().invoke(replay, [line, "--input", str(body), "--store", address])
    assert (replayed.exit_code, replayed.stderr) == (0, "the answer is the same to the bit\n"), replayed.output

    assert_refused(predict(address, "a.csv", "regresion"), "there are: mlp, regression; did you mean 'regression'?")
    assert_refused(predict("s3://a b", "a.csv"), "CREDENCE_STORE: .*allowed are s3://BUCKET/PREFIX, gs://")
    s3.fault = refuse_all
    assert_refused(predict(address, "a.csv", "regression"), f"{address}: the store .*")
    assert predict(address, "again.csv").exit_code == 0  # what was brought before is served, and the log says so
    unbrought = line.replace('"model":"mlp"', '"model":"regression"')
    assert_refused(CliRunner().invoke(replay, [unbrought, "--input", str(body), "--store", address]), f"{address}: ")


async def audited(folder: Path) -> tuple[str, Path]:
    """The line of a prediction, and its body in a file."""
    body = folder / "body"
    async with started(store=folder / "made", audit_file=folder / "audit.jsonl", default_model="mlp") as client:
        response = await client.post("/predict", json=ROWS)
        body.write_bytes(response.request.content)
    return (folder / "audit.jsonl").read_text().strip(), body


def assert_refused(result: Result, reason: str) -> None:
    assert result.exit_code == 2
    assert re.fullmatch(rf"error: .*{reason}.*\n", result.stderr.splitlines(keepends=True)[-1]), result.stderr
