"""What images tell of their codes, and what the codes make of the images."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from random_models import digits

pytestmark = pytest.mark.anyio

ROWS = digits(3)


async def answered(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def model(client: httpx.AsyncClient, family: str) -> Any:
    return client.runtime.registry.generator(family, None, None).backend.model


def pixels(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows).reshape(-1, 1, 8, 8) / 16


async def test_a_vaes_posterior(images: httpx.AsyncClient) -> None:
    answer = await answered(images, "/encode/vae", inputs=ROWS)
    posterior = model(images, "vae").encode(pixels(ROWS))
    np.testing.assert_allclose(answer["codes"]["z"]["mean"], posterior.mean, atol=1e-5)
    np.testing.assert_allclose(answer["codes"]["z"]["variance"], posterior.log_variance.exp(), atol=1e-5)
    assert (answer["model"], answer["family"]) == ("vae", "vae")


async def test_the_codes_that_q_reads(images: httpx.AsyncClient) -> None:
    codes = (await answered(images, "/encode/infogan", inputs=ROWS))["codes"]
    assert codes.keys() == {"digit", "c1", "c2"}
    probabilities = np.array(codes["digit"]["probabilities"])
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert codes["digit"]["value"] == probabilities.argmax(1).tolist()
    assert codes["digit"]["value"] == model(images, "infogan").read(pixels(ROWS), "digit").tolist()
    assert np.shape(codes["c1"]["mean"]) == np.shape(codes["c1"]["variance"]) == (3,)
    assert (np.array(codes["c1"]["variance"]) > 0).all()


@pytest.mark.parametrize("path", ["/encode/vae", "/encode/infogan", "/reconstruct/vae"])
async def test_an_image_does_not_depend_on_its_neighbours(images: httpx.AsyncClient, path: str) -> None:
    together, alone = [await answered(images, path, inputs=rows) for rows in (ROWS, ROWS[1:2])]
    for name in ("mean", "total_variance"):
        if name in together:
            np.testing.assert_allclose(together[name][1], alone[name][0], atol=1e-4)
    for control, code in alone["codes"].items():
        for part, values in code.items():
            np.testing.assert_allclose(together["codes"][control][part][1], values[0], atol=1e-5)


async def test_every_way_to_send_an_image_is_read_alike(images: httpx.AsyncClient) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    png, npy = io.BytesIO(), io.BytesIO()
    Image.fromarray(grey).save(png, "PNG")
    raw = grey[None].astype(np.float32) / 255 * 16
    np.save(npy, raw)
    bodies = {"image/png": png.getvalue(), "application/x-npy": npy.getvalue()}
    means = [(await answered(images, "/encode/vae", inputs=raw.tolist()))["codes"]["z"]["mean"]]
    for media, content in bodies.items():
        response = await images.post("/encode/vae?model=vae", content=content, headers={"content-type": media})
        means.append(response.json()["codes"]["z"]["mean"])
    np.testing.assert_allclose(means[1:], [means[0]] * 2, atol=1e-5)


async def test_the_law_of_total_variance(images: httpx.AsyncClient) -> None:
    answer = await answered(images, "/reconstruct/vae", inputs=ROWS, samples=400, seed=5)
    mean, aleatoric, epistemic, total = (
        np.array(answer[name]) for name in ("mean", "aleatoric_variance", "epistemic_variance", "total_variance")
    )
    assert mean.shape == (3, 1, 8, 8)
    np.testing.assert_allclose(aleatoric + epistemic, total, atol=1e-6)
    # A grey value is Bernoulli's between 0 and 16, so its whole variance is known from its mean.
    np.testing.assert_allclose(total, mean * (16 - mean), atol=1e-3)
    assert (epistemic > 0).all()
    vae = model(images, "vae")
    posterior = vae.encode(pixels(ROWS))
    noise = torch.randn(20_000, 1, 4, generator=torch.Generator().manual_seed(0))
    drawn = vae.images({"z": posterior.sample(noise).flatten(0, 1)}).reshape(20_000, 3, 1, 8, 8) * 16
    np.testing.assert_allclose(mean, drawn.mean(0), atol=1.0)
    np.testing.assert_allclose(epistemic.mean((1, 2, 3)), drawn.var(0).mean((1, 2, 3)), rtol=0.25)


async def test_without_samples_it_is_the_image_of_the_posteriors_mean(images: httpx.AsyncClient) -> None:
    answer = await answered(images, "/reconstruct/vae", inputs=ROWS, samples=0)
    assert answer["epistemic_variance"] is answer["total_variance"] is None
    vae = model(images, "vae")
    expected = vae.images({"z": vae.encode(pixels(ROWS)).mean}) * 16
    np.testing.assert_allclose(answer["mean"], expected, atol=1e-4)


async def test_a_seed_repeats_and_another_does_not(images: httpx.AsyncClient) -> None:
    answers = [await answered(images, "/reconstruct/vae", inputs=ROWS, samples=5, seed=seed) for seed in (1, 1, 2)]
    assert answers[0] == answers[1]
    assert answers[0]["mean"] != answers[2]["mean"]
    fresh = await images.post("/reconstruct/vae", json={"inputs": ROWS, "seed": "random"})
    assert fresh.headers["cache-control"] == "no-store"


async def test_as_arrays_and_as_a_picture(images: httpx.AsyncClient) -> None:
    body = {"inputs": ROWS, "samples": 10}
    answer = await answered(images, "/reconstruct/vae", **body)
    npz = await images.post("/reconstruct/vae", json=body, headers={"accept": "application/x-npz"})
    arrays = np.load(io.BytesIO(npz.content))
    np.testing.assert_allclose(arrays["mean"], answer["mean"], atol=1e-6)
    np.testing.assert_allclose(arrays["z_variance"], answer["codes"]["z"]["variance"], atol=1e-6)
    picture = await images.post("/reconstruct/vae", json=body, headers={"accept": "image/png"})
    sheet = Image.open(io.BytesIO(picture.content))
    assert sheet.size == (4 * 66 - 2, 3 * 66 - 2)
    assert json.loads(sheet.text["columns_are"])[:2] == ["input", "mean"]
    codes = await images.post("/encode/infogan", json={"inputs": ROWS}, headers={"accept": "application/x-npz"})
    assert np.load(io.BytesIO(codes.content))["digit_value"].shape == (3,)


ONE = ROWS[:1]
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "a family that reads nothing": ("/encode/layered", {"inputs": ONE}, 422, "families that can: infogan, vae"),
    "a family that tells no pixels": ("/reconstruct/infogan", {"inputs": ONE}, 422, "families that can: vae"),
    "no such family": ("/encode/nope", {"inputs": ONE}, 404, "infogan, layered, vae"),
    "no inputs": ("/encode/vae", {}, 422, '"inputs"'),
    "wrong shape": ("/encode/vae", {"inputs": [[1, 2]]}, 422, "(rows, 1, 8, 8)"),
    "out of range": ("/encode/vae", {"inputs": [[17.0] * 64]}, 422, "0 to 16"),
    "not finite": ("/reconstruct/vae", {"inputs": [[1e400] * 64]}, 422, "0 to 16"),
    "too many images": ("/reconstruct/vae", {"inputs": digits(65)}, 422, "at most 64"),
    "too many samples": ("/reconstruct/vae", {"inputs": ONE, "samples": 1001}, 422, "0 to 1000"),
    "a huge number of samples": ("/reconstruct/vae", {"inputs": ONE, "samples": 10**30}, 422, "0 to 1000"),
    "negative samples": ("/reconstruct/vae", {"inputs": ONE, "samples": -1}, 422, "greater than or equal to 0"),
    "samples of an encoding": ("/encode/vae", {"inputs": ONE, "samples": 3}, 422, "options are: model, version"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(images: httpx.AsyncClient, case: str) -> None:
    path, body, status, allowed = REFUSED[case]
    content = json.dumps(body).replace("Infinity", "1e400")
    response = await images.post(path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]
