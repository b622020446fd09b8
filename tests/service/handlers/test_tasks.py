"""Tasks with more than one outcome a row, and posteriors and likelihoods with limits of their own, over HTTP."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image
from random_models import digits

pytestmark = pytest.mark.anyio


async def predict(client: httpx.AsyncClient, inputs: object, **options: object) -> dict:
    response = await client.post("/predict", params=options, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.json()


def scenes(count: int) -> list:
    return np.random.default_rng(0).random((count, 9, 12)).tolist()


def tunes(count: int) -> list:
    return np.random.default_rng(0).integers(0, 2, (count, 6, 4)).tolist()


async def test_a_segmentation_answers_for_every_pixel(client: httpx.AsyncClient) -> None:
    answer = await predict(client, scenes(2), model="segnet", samples=8)
    assert answer["task"] == "segmentation"
    assert np.shape(answer["mean"]) == (2, 9, 12, 3)
    assert np.shape(answer["mutual_information"]) == np.shape(answer["label"]) == (2, 9, 12)
    total = np.array(answer["aleatoric_variance"]) + answer["epistemic_variance"]
    np.testing.assert_allclose(total, answer["total_variance"], atol=1e-6)
    assert answer["label"][0][0][0] == answer["classes"][np.argmax(answer["mean"][0][0][0])]


async def test_a_segmentation_is_also_a_picture(client: httpx.AsyncClient) -> None:
    body, headers = {"inputs": scenes(2)}, {"accept": "image/png"}
    response = await client.post("/predict?model=segnet&samples=4", json=body, headers=headers)
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.size == (24, 18)
        assert picture.text["model"] == '"segnet"'
    refused = await client.post("/predict?model=mlp", json={"inputs": digits(1)}, headers=headers)
    assert refused.status_code == 406


async def test_a_picture_goes_in_and_a_picture_comes_out(client: httpx.AsyncClient) -> None:
    file = io.BytesIO()
    Image.fromarray(np.arange(40 * 50, dtype=np.uint16).reshape(40, 50).astype(np.uint8)).save(file, "PNG")
    headers = {"content-type": "image/png", "accept": "image/png"}
    response = await client.post("/predict?model=segnet", content=file.getvalue(), headers=headers)
    assert response.status_code == 200


async def test_labels_of_every_step(client: httpx.AsyncClient) -> None:
    answer = await predict(client, tunes(2), model="tunes")
    mean = np.array(answer["mean"])
    assert mean.shape == (2, 6, 4)
    for row, steps in enumerate(answer["label"]):
        for step, names in enumerate(steps):
            assert names == [n for n, p in zip("cdef", mean[row, step], strict=True) if p >= 0.5]


async def test_labels_have_no_interval(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?model=tunes&interval=0.9", json={"inputs": tunes(1)})
    assert response.json()["errors"][0]["pointer"] == "/interval"


async def test_an_ensemble_says_how_many_members_answered(client: httpx.AsyncClient) -> None:
    few, many = [await predict(client, digits(2), model="ensemble", samples=s) for s in (2, 200)]
    assert (few["samples"], many["samples"]) == (2, 3)
    other = await predict(client, digits(2), model="ensemble", samples=200, seed=9)
    assert other["mean"] == many["mean"]
    auto = await predict(client, digits(2), model="ensemble", samples="auto", tolerance=1e-9)
    assert (auto["samples"], auto["stop_reason"]) == (3, "samples")


async def test_logit_noise_has_its_own_number_of_samples(client: httpx.AsyncClient) -> None:
    default = await predict(client, digits(1), model="logits")
    same, fewer = [await predict(client, digits(1), model="logits", aleatoric_samples=t) for t in (100, 2)]
    assert same["mean"] == default["mean"] != fewer["mean"]
    for model, samples in (("mlp", 5), ("logits", 0), ("logits", 10_000)):
        query = f"/predict?model={model}&aleatoric_samples={samples}"
        assert (await client.post(query, json={"inputs": digits(1)})).status_code == 422


@pytest.mark.parametrize(
    ("accept", "got"),
    [
        ("image/png, application/json;q=0.9", "application/json"),
        ("image/*, */*;q=0.8", "application/json"),
        ("image/png, application/x-npz;q=0.1", "application/x-npz"),
    ],
)
async def test_who_would_rather_have_a_picture_gets_what_there_is(
    client: httpx.AsyncClient, accept: str, got: str
) -> None:
    body = {"inputs": [[0.0] * 64]}
    response = await client.post("/predict?model=mlp", json=body, headers={"accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (200, got)


async def test_all_accept_headers_count(client: httpx.AsyncClient) -> None:
    accept = [("accept", "text/html"), ("accept", "application/x-npz")]
    response = await client.post("/predict?model=mlp", json={"inputs": [[0.0] * 64]}, headers=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-npz")


async def test_a_picture_tells_the_seed_that_was_drawn_for_it(client: httpx.AsyncClient) -> None:
    query = {"model": "segnet", "seed": "random"}
    drawn = await client.post("/predict", params=query, json={"inputs": scenes(1)}, headers={"accept": "image/png"})
    with Image.open(io.BytesIO(drawn.content)) as picture:
        query["seed"] = picture.text["seed"]
    again = await client.post("/predict", params=query, json={"inputs": scenes(1)}, headers={"accept": "image/png"})
    assert again.content == drawn.content


@pytest.mark.parametrize(("option", "value"), [("draws", True), ("covariance", True), ("outputs", "mean")])
async def test_what_a_picture_cannot_show_is_refused(client: httpx.AsyncClient, option: str, value: object) -> None:
    for media, status in (("image/png", 422), ("application/json", 200)):
        response = await client.post(
            "/predict",
            params={"model": "segnet", option: value, "samples": 2},
            json={"inputs": scenes(1)},
            headers={"accept": media},
        )
        assert response.status_code == status
        if status == 422:
            assert response.json()["errors"][0]["pointer"] == f"/{option}"


async def test_an_option_that_is_off_is_no_matter_for_a_picture(client: httpx.AsyncClient) -> None:
    query = {"model": "segnet", "draws": False, "samples": 2}
    drawn = await client.post("/predict", params=query, json={"inputs": scenes(1)}, headers={"accept": "image/png"})
    assert drawn.status_code == 200
