"""Networks from elsewhere that answer at every pixel, imported and then asked through the service."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from running_service import started
from typer.testing import CliRunner

from training.cli.commands import app

pytestmark = pytest.mark.anyio

CODE = """
import torch
from torch import nn


def net(conv, channels, outputs, dropout):
    torch.manual_seed(0)
    return nn.Sequential(conv(channels, 4, 3, padding=1), nn.ReLU(), dropout(0.3), conv(4, outputs, 1))


class Depth(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = net(nn.Conv2d, 1, 2, nn.Dropout2d)

    def forward(self, x):
        both = self.body(x)
        return both[:, 0], both[:, 1]


def labels():
    return net(nn.Conv2d, 3, 12, nn.Dropout2d)


def voxels():
    return net(nn.Conv3d, 1, 3, nn.Dropout3d)


def mean():
    return net(nn.Conv2d, 1, 1, nn.Dropout2d)
"""
IMAGE = ("--inputs", "image:1x8x12", "--mean", "0")
REGRESSION = ("--task", "regression", "--target", "metres")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of what is imported here, beside the rows that two models are calibrated on."""
    folder = tmp_path_factory.mktemp("pixels")
    (folder / "pixel_networks.py").write_text(CODE)
    stream = np.random.default_rng(0)
    x = stream.integers(0, 65536, (90, 1, 8, 12)).astype(np.uint16)
    depth = (x[:, 0] / 65535 + 0.1 * stream.standard_normal((90, 8, 12))).astype(np.float32)
    depth[:, 0] = np.nan  # the sensor sees no first line
    np.savez(folder / "depth.npz", x=x, y=depth)
    volumes = stream.standard_normal((60, 1, 4, 6, 8)).astype(np.float16)
    np.savez(folder / "volumes.npz", x=volumes, y=np.digitize(volumes[:, 0], (-0.5, 0.5)))
    data = ("--data", str(folder / "depth.npz"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        run(folder, "depth", "Depth", *IMAGE, "--scale", "65535", *REGRESSION, *data)
        run(folder, "mean", "mean", *IMAGE, "--scale", "1", "--range", "0,65535", *REGRESSION, *data)
        run(folder, "labels", "labels", "--inputs", "image:3x512x512", "--posterior", "deterministic")
        run(folder, "voxels", "voxels", "--inputs", "volume:1x4x6x8", "--data", str(folder / "volumes.npz"))
        refused = CliRunner().invoke(
            app, ["import", "eight", "--from", "pixel_networks:mean", *IMAGE, *REGRESSION, *data, "--out", str(folder)]
        )
        assert "and the model takes values from 0 to 255" in refused.output
    sys.modules.pop("pixel_networks")
    return folder


def run(folder: Path, name: str, network: str, *arguments: str) -> None:
    told = ["import", name, "--from", f"pixel_networks:{network}", *arguments, "--out", str(folder / "store")]
    result = CliRunner().invoke(app, told)
    assert result.exit_code == 0, result.output


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(pixels: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


async def ask(
    client: httpx.AsyncClient, model: str, body: bytes, sent: str, accept: str, **options: Any
) -> httpx.Response:
    headers = {"content-type": sent, "accept": accept}
    return await client.post("/predict", params={"model": model, **options}, content=body, headers=headers)


async def test_every_pixel_has_an_answer_whatever_form_the_rows_have(folder: Path) -> None:
    """Real values, classes of large pictures and of voxels: arrays, pictures of them, and refusals that say why."""
    x, volumes = (np.load(folder / f"{name}.npz")["x"][:2] for name in ("depth", "volumes"))
    array, json, picture = "application/x-npy", "application/json", "image/png"
    async with started(store=folder / "store", default_model="depth") as client:
        listed = {one["name"]: one for one in (await client.get("/models")).json()["models"]}
        assert listed["depth"]["inputs"]["high"] == 65535
        assert listed["depth"]["positions"] == [8, 12]

        answer = (await ask(client, "depth", npy(x), array, json, interval=0.8)).json()
        assert np.shape(answer["mean"]) == np.shape(answer["interval"]["upper"]) == (2, 8, 12, 1)
        assert (np.array(answer["total_variance"]) > np.array(answer["aleatoric_variance"])).all()
        of_picture = (await ask(client, "depth", png(x[0, 0]), picture, json)).json()
        np.testing.assert_allclose(of_picture["mean"], answer["mean"][:1], rtol=1e-5, atol=1e-6)
        shown = await ask(client, "depth", png(x[0, 0]), picture, picture)
        image = Image.open(io.BytesIO(shown.content))
        assert image.size == (2 * 12, 8)
        assert image.getextrema() == (0, 255)
        assert "mean_range" in image.text  # type: ignore[attr-defined]
        refused = await ask(client, "depth", png(x[0, 0]), picture, picture, interval=0.8)
        assert "a picture has no interval" in refused.json()["detail"]
        refused = await ask(client, "depth", png((x[0, 0] // 257).astype(np.uint8)), picture, json)
        assert "has 8 bits a channel, and this model takes 16" in refused.json()["detail"]
        refused = await ask(client, "depth", npy(-1 - x.astype(np.int32)), array, json)
        assert "allowed are numbers from 0 to 65535" in refused.json()["detail"]
        assert (await ask(client, "mean", npy(x), array, json)).json()["aleatoric_variance"][0][0][0][0] > 0

        large = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
        rows = large.transpose(2, 0, 1)[None]
        one, other = [
            await ask(client, "labels", body, sent, "application/x-npz", samples=0)
            for body, sent in ((png(large), picture), (npy(rows.astype(np.float32)), array))
        ]
        with np.load(io.BytesIO(one.content)) as a, np.load(io.BytesIO(other.content)) as b:
            assert a["mean"].shape == (1, 512, 512, 12)
            np.testing.assert_array_equal(a["mean"], b["mean"])
        shown = await ask(client, "labels", png(large), picture, picture, samples=0)
        assert Image.open(io.BytesIO(shown.content)).size == (1024, 512)
        refused = await ask(client, "labels", png(large), picture, json, samples=0)
        assert "allowed are 1000000 in JSON; name fewer outputs, or accept" in refused.json()["detail"]
        label = (await ask(client, "labels", png(large), picture, json, samples=0, outputs="label")).json()["label"]
        assert np.shape(label) == (1, 512, 512)
        refused = await ask(client, "labels", b'{"inputs": [' + b"0," * 1_000_001 + b"0]}", json, json)
        assert refused.status_code == 413
        assert "of JSON or CSV: send fewer rows, or an array" in refused.json()["detail"]

        of_voxels = (await ask(client, "voxels", npy(volumes), array, json)).json()
        assert np.shape(of_voxels["label"]) == (2, 4, 6, 8)
        assert of_voxels["decision"][0] in ("accept", "abstain")
        shown = await ask(client, "voxels", npy(volumes), array, picture, interval=0.9)
        assert Image.open(io.BytesIO(shown.content)).size == ((2 + 3) * 8, 2 * 6)
        refused = await ask(client, "voxels", png(x[0, 0]), picture, json)
        assert "this model takes volumes" in refused.json()["detail"]
