"""The way between two codes begins and ends at them."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest

pytestmark = pytest.mark.anyio

NPY = {"accept": "application/x-npy"}


async def way(client: httpx.AsyncClient, family: str, **body: Any) -> np.ndarray:
    response = await client.post(f"/generate/{family}/interpolate", json=body, headers=NPY)
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


async def image(client: httpx.AsyncClient, family: str, **body: Any) -> np.ndarray:
    response = await client.post(f"/generate/{family}", json=body, headers=NPY)
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))[0]


@pytest.mark.parametrize("method", ["lerp", "slerp"])
@pytest.mark.parametrize(
    ("family", "codes"),
    [("vae", {}), ("infogan", {"digit": 4}), ("layered", {"noise": "random", "truncation_psi": 0.7})],
)
async def test_the_ends_are_the_images_of_the_two_seeds(
    images: httpx.AsyncClient, family: str, codes: dict[str, Any], method: str
) -> None:
    path = await way(images, family, **{"from": {"seed": 3}, "to": {"seed": 8}, "codes": codes, "method": method})
    assert len(path) == 8
    np.testing.assert_allclose(path[0], await image(images, family, seed=3, codes=codes), atol=1e-5)
    np.testing.assert_allclose(path[-1], await image(images, family, seed=8, codes=codes), atol=1e-5)
    steps = np.abs(np.diff(path, axis=0)).reshape(7, -1).max(1)
    assert (steps > 1e-5).all()
    assert steps.max() < 0.5 * np.abs(path[-1] - path[0]).max() + 0.05


async def test_the_middle_of_a_straight_and_of_a_round_way(images: httpx.AsyncClient) -> None:
    a, b = [2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]
    ends = {"from": {"z": a}, "to": {"z": b}, "steps": 3}
    for method, middle in (("lerp", 1.0), ("slerp", 2**0.5)):
        path = await way(images, "vae", **ends, method=method)
        expected = await image(images, "vae", z=[middle, middle, 0.0, 0.0])
        np.testing.assert_allclose(path[1], expected, atol=1e-5)


async def test_w_goes_straight_and_the_noise_comes_from_the_seed(images: httpx.AsyncClient) -> None:
    ends = {"from": {"w": [1, 0, 0, 0], "seed": 5}, "to": {"w": [0, 1, 0, 0], "seed": 5}}
    path = await way(images, "layered", **ends, steps=3, noise="random")
    expected = await image(images, "layered", w=[0.5, 0.5, 0, 0], seed=5, noise="random")
    np.testing.assert_allclose(path[1], expected, atol=1e-5)


async def test_a_control_may_differ_between_the_ends(images: httpx.AsyncClient) -> None:
    ends = {"from": {"codes": {"c1": -1}}, "to": {"codes": {"c1": 1}}, "steps": 5, "format": "json"}
    answer = (await images.post("/generate/infogan/interpolate", json=ends)).json()
    assert answer["codes"]["c1"] == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert answer["seeds"] == [0, 0]
    assert len(set(answer["codes"]["digit"])) == 1


ENDS = {"from": {"seed": 3}, "to": {"seed": 8}}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no ends": ("vae", {}, "from is not allowed: field required"),
    "one end": ("vae", {"from": {"seed": 3}}, "to is not allowed: field required"),
    "codes without a way": ("infogan", ENDS, "digit has no values in between"),
    "choices without a way": ("layered", {"from": {"noise": "none"}, "to": {"noise": "const"}}, "no values in between"),
    "fading where nothing fades": (
        "layered",
        {"from": {"fade_alpha": 0.5}, "to": {"seed": 8}, "resolution": 4},
        "no effect at the smallest",
    ),
    "one step": ("vae", {**ENDS, "steps": 1}, "greater than or equal to 2"),
    "a million steps": ("vae", {**ENDS, "steps": 10**6}, "2 to 64"),
    "unknown method": ("vae", {**ENDS, "method": "spline"}, "'lerp' or 'slerp'"),
    "w at one end": ("layered", {"from": {"w": [0] * 4}, "to": {"seed": 8}}, "w is given at one end only"),
    "set twice": ("vae", {"from": {"z": [0] * 4}, "to": {"seed": 8}, "z": [1] * 4}, "z is set for both ends"),
    "a seed alone": ("vae", {"from": 3, "to": 8}, "from is not allowed"),
    "a short z": ("vae", {"from": {"z": [0]}, "to": {"seed": 8}}, "4 numbers"),
    "a negative seed": ("vae", {"from": {"seed": -1}, "to": {"seed": 8}}, "2**64 - 1"),
    "a code of another family": ("vae", {**ENDS, "codes": {"digit": 3}}, "controls are: z"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(images: httpx.AsyncClient, case: str) -> None:
    family, body, allowed = REFUSED[case]
    response = await images.post(f"/generate/{family}/interpolate", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]
