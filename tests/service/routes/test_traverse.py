"""A grid moves what is swept and holds everything else."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

pytestmark = pytest.mark.anyio


async def grid(client: httpx.AsyncClient, family: str, **body: Any) -> dict[str, Any]:
    response = await client.post(f"/generate/{family}/traverse", json={"format": "json", **body})
    assert response.status_code == 200, response.text
    return response.json()


async def array(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> np.ndarray:
    response = await client.post(path, json=body, headers={"accept": "application/x-npy"})
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content))


async def test_everything_else_is_held(images: httpx.AsyncClient) -> None:
    body = {"seed": 3, "rows": {"control": "digit"}, "columns": {"control": "c1", "from": -1, "to": 1, "steps": 5}}
    answer = await grid(images, "infogan", **body)
    own = (await images.post("/generate/infogan", json={"seed": 3})).json()["codes"]
    assert answer["rows"] == {"control": "digit", "values": list(range(10))}
    assert answer["columns"] == {"control": "c1", "values": [-1.0, -0.5, 0.0, 0.5, 1.0]}
    assert answer["codes"]["digit"] == [digit for digit in range(10) for _ in range(5)]
    assert answer["codes"]["c1"] == [-1.0, -0.5, 0.0, 0.5, 1.0] * 10
    assert answer["codes"]["c2"] == own["c2"] * 50
    assert answer["seeds"] == [3] * 50
    for place, codes in ((0, {"digit": 0, "c1": -1}), (23, {"digit": 4, "c1": 0.5}), (49, {"digit": 9, "c1": 1})):
        alone = await array(images, "/generate/infogan", {"seed": 3, "codes": codes})
        np.testing.assert_allclose(answer["images"][place], alone[0], atol=1e-5)


async def test_the_manifold_of_a_vaes_figure_4(images: httpx.AsyncClient) -> None:
    axes = {"rows": {"control": "z", "index": 0, "steps": 3}, "columns": {"control": "z", "index": 2, "steps": 4}}
    pictures = await array(images, "/generate/vae/traverse", {"z": [0.0, 0.5, 0.0, -0.5], **axes})
    assert pictures.shape == (3, 4, 1, 8, 8)
    rows, columns = (norm.ppf((np.arange(steps) + 0.5) / steps) for steps in (3, 4))
    for i, j in ((0, 0), (1, 2), (2, 3)):
        alone = await array(images, "/generate/vae", {"z": [rows[i], 0.5, columns[j], -0.5]})
        np.testing.assert_allclose(pictures[i, j], alone[0], atol=1e-5)


async def test_a_component_of_a_drawn_vector(images: httpx.AsyncClient) -> None:
    sweep = {"control": "z", "index": 1, "from": 2, "to": -2, "steps": 5, "spacing": "normal"}
    answer = await grid(images, "vae", seed=9, columns=sweep)
    values = norm.ppf(np.linspace(norm.cdf(2), norm.cdf(-2), 5))
    np.testing.assert_allclose(answer["columns"]["values"], values, atol=1e-6)
    assert answer["columns"]["index"] == 1
    assert answer["rows"] is None
    own = client_z(images, 9)
    for i in (0, 3):
        alone = await array(images, "/generate/vae", {"z": [own[0], values[i], own[2], own[3]]})
        np.testing.assert_allclose(answer["images"][i], alone[0], atol=1e-5)


async def test_normal_spacing_of_a_code_that_has_ends_goes_from_one_to_the_other(images: httpx.AsyncClient) -> None:
    answer = await grid(images, "infogan", columns={"control": "c1", "spacing": "normal", "steps": 4})
    values = norm.ppf(np.linspace(norm.cdf(-1), norm.cdf(1), 4))
    np.testing.assert_allclose(answer["columns"]["values"], values, atol=1e-6)


def client_z(client: httpx.AsyncClient, seed: int) -> list[float]:
    model = client.runtime.registry.generator("vae", None, None).backend.model
    return model.latents([seed])["z"][0].tolist()


async def test_choices_are_swept_by_name_and_smaller_images_enlarged(images: httpx.AsyncClient) -> None:
    axes = {"rows": {"control": "resolution"}, "columns": {"control": "noise", "values": ["none", "random"]}}
    answer = await grid(images, "layered", seed=4, **axes)
    assert answer["rows"]["values"] == ["4", "8"]
    assert answer["codes"]["noise"] == ["none", "random"] * 2
    assert answer["codes"]["resolution"] == ["4", "4", "8", "8"]
    alike = {"seed": 4, "noise": "random"}
    small, large = [await array(images, "/generate/layered", {**alike, "resolution": side}) for side in (4, 8)]
    assert small.shape == (1, 1, 4, 4)
    np.testing.assert_allclose(answer["images"][1], small[0].repeat(2, 1).repeat(2, 2), atol=1e-5)
    np.testing.assert_allclose(answer["images"][3], large[0], atol=1e-5)


async def test_a_control_with_a_default_is_swept_over_its_range(images: httpx.AsyncClient) -> None:
    answer = await grid(images, "layered", columns={"control": "truncation_psi", "steps": 3}, rows={"control": "noise"})
    assert answer["columns"]["values"] == [0.0, 0.5, 1.0]
    assert len(answer["images"]) == 9


async def test_the_sheet_is_the_grid_and_says_how_it_was_made(images: httpx.AsyncClient) -> None:
    body = {"rows": {"control": "digit", "values": [3, 5]}, "columns": {"control": "c2", "steps": 7}}
    accept = {"accept": "image/png"}
    response = await images.post("/generate/infogan/traverse", json={"seed": 1, **body}, headers=accept)
    picture = Image.open(io.BytesIO(response.content))
    assert picture.size == (7 * 66 - 2, 2 * 66 - 2)
    assert json.loads(picture.text["rows"]) == {"control": "digit", "values": [3, 5]}
    assert json.loads(picture.text["codes"])["digit"] == [3] * 7 + [5] * 7


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing swept": ("vae", {}, "rows, columns or both"),
    "unknown control": ("infogan", {"rows": {"control": "colour"}}, "digit, c1, c2"),
    "no index": ("vae", {"rows": {"control": "z"}}, "0 to 3"),
    "an index beyond": ("vae", {"rows": {"control": "z", "index": 4}}, "0 to 3"),
    "a negative index": ("vae", {"rows": {"control": "z", "index": -1}}, "greater than or equal to 0"),
    "an index of one value": ("infogan", {"rows": {"control": "c1", "index": 0}}, "leave index out"),
    "out of range": ("infogan", {"rows": {"control": "c1", "from": -2, "to": 2}}, "-1 to 1"),
    "only one end": ("infogan", {"rows": {"control": "c1", "from": 0}}, "go together"),
    "steps of a categorical": ("infogan", {"rows": {"control": "digit", "steps": 3}}, "no from, to, steps"),
    "values and steps": ("infogan", {"rows": {"control": "c1", "values": [0], "steps": 3}}, "no from, to, steps"),
    "a value too large": ("infogan", {"rows": {"control": "digit", "values": [3, 10]}}, "0 to 9"),
    "a value between": ("infogan", {"rows": {"control": "digit", "values": [0.5]}}, "whole numbers"),
    "a text for a number": ("infogan", {"rows": {"control": "digit", "values": ["one"]}}, "one number"),
    "no such choice": ("layered", {"rows": {"control": "resolution", "values": [7]}}, "one of: 4, 8"),
    "no values": ("infogan", {"rows": {"control": "digit", "values": []}}, "at least 1 item"),
    "no steps": ("infogan", {"rows": {"control": "c1", "steps": 0}}, "greater than or equal to 1"),
    "a million steps": ("infogan", {"rows": {"control": "c1", "steps": 10**6}}, "1 to 64"),
    "too many together": (
        "infogan",
        {"rows": {"control": "digit"}, "columns": {"control": "c1", "steps": 7}},
        "are 70",
    ),
    "the same twice": ("infogan", {"rows": {"control": "c1"}, "columns": {"control": "c1"}}, "sweep the same"),
    "swept and set": ("infogan", {"rows": {"control": "c1"}, "codes": {"c1": 0}}, "swept and set"),
    "an absent vector": ("layered", {"rows": {"control": "w", "index": 0, "steps": 2}}, "absent unless"),
    "fading where nothing fades": (
        "layered",
        {"rows": {"control": "fade_alpha", "steps": 3}, "resolution": 4},
        "no effect at the smallest",
    ),
    "a size where nothing fades": ("layered", {"rows": {"control": "resolution"}, "fade_alpha": 0.5}, "no effect at"),
    "unknown spacing": ("vae", {"rows": {"control": "z", "index": 0, "spacing": "log"}}, "'linear' or 'normal'"),
    "an unknown field": ("vae", {"rows": {"control": "z", "index": 0, "stride": 2}}, "rows is not allowed"),
    "infinite": ("vae", {"rows": {"control": "z", "index": 0, "from": -1e308, "to": 1e308}}, "-10 to 10"),
    "n": ("vae", {"rows": {"control": "z", "index": 0}, "n": 3}, "options are: model"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(images: httpx.AsyncClient, case: str) -> None:
    family, body, allowed = REFUSED[case]
    response = await images.post(f"/generate/{family}/traverse", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]
