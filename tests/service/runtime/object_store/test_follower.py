"""A service whose checkpoints lie in a real S3 store: new ones are served, and a store that is away costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import happens
from random_models import digits, save_model
from running_service import started
from s3_server import Answer, Bucket, Proxy, send

from models.checkpoints.objects import ObjectStore
from models.checkpoints.publishing import publish

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


async def test_one_model_is_run_here_from_the_store(tmp_path: Path, s3: Proxy, bucket: Bucket) -> None:
    """``python -m service predict`` brings the model that it is asked for, and no other."""
    from service.__main__ import running
    from service.settings import Settings

    store = ObjectStore(f"s3://{bucket.name}/lab")
    for name in ("mlp", "regression"):
        publish(save_model(tmp_path / "made", name), store)
    chosen = Settings(**settings(bucket, tmp_path, device="cpu"))
    async with running(chosen, "mlp") as application:
        assert [*application.state.runtime.registry.served] == [("mlp", 1)]
    assert [path.name for path in chosen.store_folder.glob("[!.]*")] == ["mlp"]
