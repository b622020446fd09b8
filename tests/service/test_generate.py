"""What an answer to /generate must be, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import numpy as np
import pytest
from PIL import Image

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.anyio

FAMILIES = ("vae", "infogan")


async def arrays(client: httpx.AsyncClient, family: str, **body: object) -> np.ndarray:
    response = await client.post(f"/generate/{family}", json=body, headers={"accept": "application/x-npy"})
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_image_is_made_by_its_own_seed_alone(client: httpx.AsyncClient, family: str) -> None:
    together = await arrays(client, family, seeds=[7, 8, 9])
    alone = await arrays(client, family, seed=8)
    counted = await arrays(client, family, seed=7, n=3)
    ranged = await arrays(client, family, seeds="7-8, 9")
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)
    np.testing.assert_allclose(together, counted, atol=1e-5)
    np.testing.assert_allclose(together, ranged, atol=1e-5)
    assert abs(together[0] - together[1]).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_image_does_not_depend_on_other_requests_or_a_restart(app: App, family: str) -> None:
    async with app() as client:
        alone = await arrays(client, family, seed=3)
        crowd = await asyncio.gather(*(arrays(client, family, seed=s, n=1 + s % 5) for s in range(20)))
    async with app() as client:
        again = await arrays(client, family, seed=3)
    np.testing.assert_allclose(crowd[3][0], alone[0], atol=1e-5)
    np.testing.assert_allclose(again, alone, atol=1e-5)


async def test_codes_hold_what_they_set_and_nothing_else(client: httpx.AsyncClient) -> None:
    specification = (await client.get("/generate/infogan")).json()
    controls = {control["name"]: control for control in specification["controls"]}
    categorical = next(c for c in controls.values() if c["kind"] == "categorical")
    values = [0, 1, 2]
    response = await client.post("/generate/infogan", json={"seeds": [5, 5, 5], "codes": {categorical["name"]: values}})
    answer = response.json()
    assert answer["codes"][categorical["name"]] == values
    free = await client.post("/generate/infogan", json={"seed": 5})
    for name, drawn in free.json()["codes"].items():
        if name != categorical["name"]:
            assert answer["codes"][name] == drawn * 3
    assert len(set(answer["images"])) == 3


async def test_a_given_z_is_the_whole_code(client: httpx.AsyncClient) -> None:
    z = [0.5, -0.5, 1.0, 0.0]
    first = await arrays(client, "vae", z=z, seeds=[1, 2])
    np.testing.assert_array_equal(first[0], first[1])
    each = await arrays(client, "vae", z=[z, [0.0] * 4], seeds=[1, 2])
    np.testing.assert_allclose(each[0], first[0], atol=1e-6)
    assert abs(each[1] - first[1]).max() > 1e-3


async def test_one_picture_says_how_it_was_made(client: httpx.AsyncClient) -> None:
    response = await client.post("/generate/infogan", json={"n": 10, "seed": 3}, headers={"accept": "image/png"})
    picture = Image.open(io.BytesIO(response.content))
    assert response.headers["content-type"] == "image/png"
    assert picture.size == (4 * 66, 3 * 66)
    assert json.loads(picture.text["seeds"]) == list(range(3, 13))
    assert json.loads(picture.text["model"]) == "infogan"


async def test_the_formats_of_a_json_answer_agree(client: httpx.AsyncClient) -> None:
    body = {"n": 2, "seed": 3}
    pixels = await arrays(client, "vae", **body)
    answers = {
        f: (await client.post("/generate/vae", json={**body, "format": f})).json() for f in ("png", "npy", "json")
    }
    np.testing.assert_allclose(answers["json"]["images"], pixels, atol=1e-6)
    for i in range(2):
        npy = np.load(io.BytesIO(base64.b64decode(answers["npy"]["images"][i])))
        png = np.asarray(Image.open(io.BytesIO(base64.b64decode(answers["png"]["images"][i]))))
        np.testing.assert_allclose(npy, pixels[i], atol=1e-6)
        np.testing.assert_allclose(png / 255, pixels[i, 0], atol=0.5 / 255 + 1e-6)
    sheet = await client.post("/generate/vae", json={**body, "layout": "grid"})
    assert len(sheet.json()["images"]) == 1


async def test_random_seeds_differ_and_are_echoed(client: httpx.AsyncClient) -> None:
    first, second = [(await client.post("/generate/vae", json={"seed": "random"})).json() for _ in range(2)]
    assert first["images"] != second["images"]
    again = await client.post("/generate/vae", json={"seed": first["seeds"][0]})
    assert again.json()["images"] == first["images"]


async def test_without_a_body_there_is_one_image(client: httpx.AsyncClient) -> None:
    response = await client.post("/generate/vae")
    assert response.status_code == 200
    assert response.json()["seeds"] == [0]


REFUSED = {
    "unknown code": ("infogan", {"codes": {"colour": 1}}, "c1"),
    "code out of range": ("infogan", {"codes": {"c1": 1.5}}, "-1 to 1"),
    "code not whole": ("infogan", {"codes": {"digit": 1.5}}, "whole numbers from 0 to 9"),
    "code for too few": ("infogan", {"n": 3, "codes": {"digit": [1, 2]}}, "each of the 3 images"),
    "code on a family without": ("vae", {"codes": {"digit": 1}}, "z"),
    "psi on a family without": ("vae", {"truncation_psi": 0.5}, "z"),
    "wrong length of z": ("vae", {"z": [1.0]}, "4 numbers"),
    "huge z": ("vae", {"z": [1e9] * 4}, "-10 to 10"),
    "text in z": ("vae", {"z": ["a"] * 4}, "number"),
    "ragged z": ("vae", {"z": [[1, 2], [3]]}, "numbers"),
    "too many images": ("vae", {"n": 10**6}, "1 to 64"),
    "no image": ("vae", {"n": 0}, "greater than or equal to 1"),
    "too many seeds": ("vae", {"seeds": "0-1000000"}, "1 to 64"),
    "backward seeds": ("vae", {"seeds": "5-3"}, "0,4-6"),
    "two kinds of seeds": ("vae", {"seeds": [1], "seed": 1}, "one of them"),
    "another n": ("vae", {"seeds": [1], "n": 2}, "leave it out"),
    "a grid of numbers": ("vae", {"layout": "grid", "format": "json"}, "png"),
    "a large seed": ("vae", {"seed": 2**64}, "2**64 - 1"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(client: httpx.AsyncClient, case: str) -> None:
    family, body, allowed = REFUSED[case]
    response = await client.post(f"/generate/{family}", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]


async def test_an_unknown_family_names_those_that_exist(client: httpx.AsyncClient) -> None:
    for response in (await client.post("/generate/nope", json={}), await client.get("/generate/nope")):
        assert response.status_code == 404
        assert "infogan, vae" in response.json()["detail"]
