"""Which checkpoints serve, and what is said of those that do not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
import safetensors.torch
from random_models import SPECS, digits, save_model

from models.checkpoints import checkpoint
from models.checkpoints.folder import checksums
from models.errors import CheckpointError

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def remove_a_file(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def another_format(folder: Path) -> None:
    rewrite(folder, "manifest.json", lambda c: c.replace(b'"format_version": 1', b'"format_version": 2'))


def nan_weight(folder: Path) -> None:
    def poison(content: bytes) -> bytes:
        weights = safetensors.torch.load(content)
        next(iter(weights.values())).view(-1)[0] = float("nan")
        return safetensors.torch.save(weights)

    rewrite(folder, "weights.safetensors", poison)


def rewrite(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and make its checksum fit."""
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    contents = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "SHA256SUMS"}
    (folder / "SHA256SUMS").write_bytes(checksums(contents))


FAULTS = {
    flip_a_bit: "SHA-256",
    remove_a_file: "manifest.json is missing",
    another_format: "format version 2; this release reads 1",
    nan_weight: "NaN",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_checkpoint_is_refused_by_name_and_the_others_serve(
    app: App, store: Path, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    shutil.copytree(store, tmp_path / "store")
    fault(tmp_path / "store" / "mlp" / "1")
    async with app(store=tmp_path / "store") as client:
        catalogue = (await client.get("/models")).json()
        assert {entry["name"] for entry in catalogue["models"]} == set(SPECS) - {"mlp"}
        (refused,) = catalogue["refused"]
        assert (refused["name"], refused["version"]) == ("mlp", "1")
        assert FAULTS[fault] in refused["reason"]
        assert str(tmp_path) not in refused["reason"]
        assert "\ncredence_models_refused 1.0" in (await client.get("/metrics")).text
        index = (await client.post("/v2/repository/index")).json()
        assert {one["name"] for one in index if one["state"] == "UNAVAILABLE"} == {"mlp"}
        asked = await client.post("/predict?model=mlp", json={"inputs": digits(1)})
        assert (asked.status_code, asked.json()["code"]) == (503, "model-refused")
        assert FAULTS[fault] in asked.json()["detail"]
        assert (await client.post("/predict?model=convnet", json={"inputs": digits(1)})).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
    async with app(store=tmp_path / "store", required_models=["mlp"]) as client:
        assert (await client.get("/health/ready")).status_code == 503


async def test_the_newest_good_version_serves_and_older_ones_on_request(app: App, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store / "mlp", tmp_path / "mlp")
    save_model(tmp_path, "mlp")
    flip_a_bit(save_model(tmp_path, "mlp"))
    async with app(store=tmp_path) as client:
        served = {}
        for query in ("", "?version=1", "?version=2", "?version=3"):
            response = await client.post(f"/predict{query}", json={"inputs": digits(1)})
            served[query] = response.json().get("version", response.status_code)
    assert served == {"": "2", "?version=1": "1", "?version=2": "2", "?version=3": 503}


async def test_an_empty_store_is_live_but_not_ready(app: App, tmp_path: Path) -> None:
    async with app(store=tmp_path / "none") as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["reason"]) == (503, "no model could be loaded")
        assert (await client.post("/predict", json={"inputs": digits(1)})).status_code == 404


async def test_the_catalogue_tells_what_a_request_needs(client: httpx.AsyncClient) -> None:
    models = {entry["name"]: entry for entry in (await client.get("/models")).json()["models"]}
    assert models["mlp"]["inputs"] | {"shape": [1, 8, 8], "low": 0.0, "high": 16.0} == models["mlp"]["inputs"]
    assert models["regression"]["targets"] == ["y [mm]"]
    assert models["infogan"]["route"] == "/generate/infogan"
    one = (await client.get("/models/mlp")).json()
    assert one["limits"]["rows"] == 256
    assert one["card"] == "# mlp"
    assert one["manifest"]["model"]["posterior"]["name"] == "mc_dropout"


OPERATIONS = ("generate", "traverse", "interpolate", "mix", "encode", "reconstruct", "project")


async def test_a_generators_operations_are_those_that_its_routes_take(images: httpx.AsyncClient) -> None:
    generators = [m for m in (await images.get("/models")).json()["models"] if m["task"] == "generation"]
    assert generators
    for model in generators:
        for operation in OPERATIONS:
            address, body = f"/{operation}/{model['family']}", {"inputs": [[0] * 64]}
            if operation in ("traverse", "interpolate", "mix"):
                address, body = f"/generate/{model['family']}/{operation}", {}
            answer = await images.post(address, params={"model": model["name"]}, json=body)
            refused = f"cannot {operation}" in answer.text
            assert refused == (operation not in model["operations"]), (operation, model["operations"])


def test_a_reason_never_holds_a_path(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as refusal:
        checkpoint.load(tmp_path / "mlp" / "1")
    assert str(tmp_path) not in str(refusal.value)
