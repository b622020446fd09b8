"""Style mixing: each level has the styles of its own seed."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.anyio


async def array(client: httpx.AsyncClient, path: str, **body: Any) -> np.ndarray:
    response = await client.post(path, json=body, headers={"accept": "application/x-npy"})
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


async def mixed(client: httpx.AsyncClient, **body: Any) -> np.ndarray:
    return await array(client, "/generate/layered/mix", **body)


@pytest.mark.parametrize("controls", [{}, {"noise": "random", "truncation_psi": 0.5, "resolution": 4}])
async def test_mixing_with_itself_changes_nothing(images: httpx.AsyncClient, controls: dict[str, Any]) -> None:
    alone = await array(images, "/generate/layered", seed=3, **controls)
    for seeds in ({"coarse": 3, "middle": 3, "fine": 3}, {"seed": 3}, {"seed": 3, "middle": [3]}, {"fine": 3}):
        np.testing.assert_allclose(await mixed(images, **seeds, **controls), alone, atol=1e-5)


async def test_each_level_is_of_its_own_seed(images: httpx.AsyncClient) -> None:
    model = images.runtime.registry.generator("layered", None, None).backend.model
    sources = [model.styles(model.latents([seed])) for seed in (1, 2, 3)]
    expected = model.latents([4])
    expected["styles"] = sources[0].clone()
    expected["styles"][:, 1], expected["styles"][:, 2] = sources[1][:, 1], sources[2][:, 2]
    picture = await mixed(images, coarse=1, middle=2, fine=3, seed=4, noise="random")
    random = model.parse_codes({"noise": "random"}, 1)
    np.testing.assert_allclose(picture, model.generate(expected | random).numpy(), atol=1e-5)


async def test_lists_mix_image_by_image_and_are_told(images: httpx.AsyncClient) -> None:
    body = {"coarse": [1, 2, 3], "fine": 9}
    answer = (await images.post("/generate/layered/mix", json=body)).json()
    assert answer["styles"] == {"coarse": [1, 2, 3], "middle": [1, 2, 3], "fine": [9, 9, 9]}
    assert answer["seeds"] == [1, 2, 3]
    together = await mixed(images, **body)
    for i, seed in enumerate((1, 2, 3)):
        np.testing.assert_allclose(together[i], (await mixed(images, coarse=seed, fine=9))[0], atol=1e-5)
    response = await images.post("/generate/layered/mix", json=body, headers={"accept": "image/png"})
    assert json.loads(Image.open(io.BytesIO(response.content)).text["styles"])["fine"] == [9, 9, 9]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a family without": ("vae", {"coarse": 1}, "vae cannot mix; families that can: layered"),
    "no seed": ("layered", {}, "coarse, middle, fine and seed"),
    "lists of two lengths": ("layered", {"coarse": [1, 2], "fine": [1, 2, 3]}, "differ in length"),
    "an empty list": ("layered", {"coarse": []}, "coarse is an empty list"),
    "too many": ("layered", {"coarse": list(range(65))}, "1 to 64"),
    "a hundred thousand": ("layered", {"coarse": [1] * 100_000}, "too long"),
    "an unknown level": ("layered", {"finest": 1}, "coarse, middle, fine"),
    "a text": ("layered", {"coarse": "1-3"}, "coarse is not allowed"),
    "a fraction": ("layered", {"coarse": 1.5}, "coarse is not allowed"),
    "a negative seed": ("layered", {"coarse": [-1]}, "2**64 - 1"),
    "an unknown control": ("layered", {"coarse": 1, "codes": {"digit": 1}}, "truncation_psi"),
    "psi out of range": ("layered", {"coarse": 1, "truncation_psi": 1e9}, "0 to 1"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(images: httpx.AsyncClient, case: str) -> None:
    family, body, allowed = REFUSED[case]
    response = await images.post(f"/generate/{family}/mix", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]


@pytest.mark.parametrize("control", [{"z": [0.0] * 4}, {"w": [0.0] * 4}, {"codes": {"w": [0.0] * 4}}])
async def test_styles_that_would_take_the_place_of_all_seeds_are_refused(
    images: httpx.AsyncClient, control: dict[str, Any]
) -> None:
    response = await images.post("/generate/layered/mix", json={"coarse": 3, "fine": 7, **control})
    assert response.status_code == 422
    assert "leave z and w out" in response.json()["detail"]
