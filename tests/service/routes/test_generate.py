"""What an answer to /generate must be, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from random_models import SPECS, save_model
from rounding import ROUNDING

from models.generators.stylegan import StyleGAN
from service.backends import torch_images
from service.backends.generator_jobs import GenerateJob
from service.backends.torch_generator import TorchGenerator

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.anyio

FAMILIES = ("vae", "infogan", "layered")


@pytest.fixture
def client(images: httpx.AsyncClient) -> httpx.AsyncClient:
    return images


@pytest.fixture
def app(images_app: App) -> App:
    return images_app


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
    np.testing.assert_array_equal(together[1], alone[0])
    np.testing.assert_array_equal(together, counted)
    np.testing.assert_array_equal(together, ranged)
    assert abs(together[0] - together[1]).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
async def test_every_image_is_the_same_to_the_bit_alone_and_beside_others(
    client: httpx.AsyncClient, family: str
) -> None:
    """As floats and as PNG, at every place of a request of every size; 332 and 340 once differed by a grey level."""
    seeds = [332, 340, *range(62)]
    whole = await arrays(client, family, seeds=seeds)
    for first, last in ((0, 1), (1, 2), (2, 5), (5, 22), (22, 64)):
        np.testing.assert_array_equal(await arrays(client, family, seeds=seeds[first:last]), whole[first:last])
    listed = (await client.post(f"/generate/{family}", json={"seeds": seeds})).json()["images"]
    for place in (0, 1, 40, 63):
        alone = (await client.post(f"/generate/{family}", json={"seed": seeds[place]})).json()["images"]
        assert alone == [listed[place]]


def test_sharp_images_too_are_the_same_in_any_batch() -> None:
    """Steep edges enlarge what many layers round, and how these round depends on the size of a batch."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = StyleGAN((1, 16, 16), noise=8, style=8, width=4).eval().requires_grad_(False)
    model.to_rgb.to_pixels[-1].get_parameter("weight").mul_(30)
    seeds = range(64)

    def largest_difference(images: Callable[[Sequence[int]], np.ndarray]) -> float:
        alone = np.concatenate([images([seed]) for seed in seeds])
        return float(abs(images(seeds) - alone).max())

    in_float32 = largest_difference(lambda chosen: model.generate(model.latents(chosen)).numpy())
    engine = TorchGenerator(model, torch.device("cpu"), pixels=256)

    def served(chosen: Sequence[int]) -> np.ndarray:
        return engine.run([GenerateJob(chosen)], lambda: None)[0].images

    assert largest_difference(served) < 1e-6 < 1e-5 < in_float32


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_image_does_not_depend_on_other_requests_or_a_restart(app: App, family: str) -> None:
    async with app() as client:
        alone = await arrays(client, family, seed=3)
        crowd = await asyncio.gather(*(arrays(client, family, seed=s, n=1 + s % 5) for s in range(20)))
    async with app() as client:
        again = await arrays(client, family, seed=3)
    np.testing.assert_array_equal(crowd[3][0], alone[0])
    np.testing.assert_array_equal(again, alone)


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
    np.testing.assert_allclose(first[0], first[1], **ROUNDING)
    each = await arrays(client, "vae", z=[z, [0.0] * 4], seeds=[1, 2])
    np.testing.assert_allclose(each[0], first[0], atol=1e-6)
    assert abs(each[1] - first[1]).max() > 1e-3


async def test_one_picture_says_how_it_was_made(client: httpx.AsyncClient) -> None:
    response = await client.post("/generate/infogan", json={"n": 10, "seed": 3}, headers={"accept": "image/png"})
    picture = Image.open(io.BytesIO(response.content))
    assert response.headers["content-type"] == "image/png"
    assert picture.size == (4 * 66 - 2, 3 * 66 - 2)
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


async def test_the_specification_names_every_control_with_its_default_and_choices(client: httpx.AsyncClient) -> None:
    specification = (await client.get("/generate/layered")).json()
    controls = {control.pop("name"): control for control in specification["controls"]}
    assert controls["noise"]["choices"] == ["const", "random", "none"]
    assert (controls["noise"]["default"], controls["resolution"]["default"]) == ("const", "8")
    assert controls["truncation_psi"]["default"] == 1.0
    assert (controls["z"]["kind"], controls["z"]["size"], controls["z"]["default"]) == ("vector", 4, None)
    assert all(control["meaning"] and control["low"] < control["high"] for control in controls.values())


async def test_the_specification_tells_what_a_seed_draws_and_by_which_law(client: httpx.AsyncClient) -> None:
    laws = {}
    for family in ("infogan", "layered"):
        specification = (await client.get(f"/generate/{family}")).json()
        laws[family] = {control["name"]: control["drawn"] for control in specification["controls"]}
    assert laws["infogan"] == {"z": "normal", "digit": "categorical", "c1": "uniform", "c2": "uniform"}
    assert laws["layered"].pop("z") == "normal"
    assert set(laws["layered"].values()) == {None}


async def test_a_choice_is_taken_by_name_or_number_and_told_by_name(client: httpx.AsyncClient) -> None:
    for body in ({"resolution": 4}, {"codes": {"resolution": 4}}, {"codes": {"resolution": "4"}}):
        answer = (await client.post("/generate/layered", json={"n": 2, "noise": "none", **body})).json()
        assert answer["codes"]["resolution"] == ["4", "4"]
        assert answer["codes"]["noise"] == ["none", "none"]
        assert answer["codes"]["truncation_psi"] == [1.0, 1.0]


async def test_every_control_moves_the_image_and_only_its_own_code(client: httpx.AsyncClient) -> None:
    plain = await arrays(client, "layered", seed=5)
    for control in (
        {"truncation_psi": 0.0},
        {"fade_alpha": 0.0},
        {"noise": "random"},
        {"noise": "none"},
        {"w": [0.5] * 4},
        {"z": [0.5] * 4},
    ):
        assert abs(await arrays(client, "layered", seed=5, **control) - plain).max() > 1e-3
    assert (await arrays(client, "layered", seed=5, resolution=4)).shape == (1, 1, 4, 4)
    mean = await arrays(client, "layered", seeds=[1, 2], truncation_psi=0)
    np.testing.assert_allclose(mean[0], mean[1], **ROUNDING)


async def test_requests_of_all_kinds_share_a_batch_and_are_answered_as_alone(client: httpx.AsyncClient) -> None:
    bodies = [
        {"seeds": [7, 8, 9]},
        {"seed": 8, "resolution": 4},
        {"seed": 8, "noise": "random"},
        {"seeds": "8-9", "noise": "none", "resolution": 4},
        {"seed": 8, "w": [0.1] * 4},
        {"n": 2, "seed": 8, "truncation_psi": 0.3},
        {"seed": 8},
    ]
    alone = [await arrays(client, "layered", **body) for body in bodies]
    telemetry, labels = client.runtime.telemetry.registry, {"model": "layered"}
    before = telemetry.get_sample_value("credence_batch_rows_count", labels)
    held = threading.Event()
    busy = asyncio.ensure_future(client.runtime.batcher.run_on_device(lambda: held.wait(30)))
    first = asyncio.ensure_future(arrays(client, "layered", seed=1))
    while not client.runtime.batcher.is_busy:
        await asyncio.sleep(0.001)
    crowd = [asyncio.ensure_future(arrays(client, "layered", **body)) for body in bodies]
    while client.runtime.batcher.waiting < len(bodies):
        await asyncio.sleep(0.001)
    held.set()
    together = await asyncio.gather(*crowd)
    await asyncio.gather(first, busy)
    batches = (telemetry.get_sample_value("credence_batch_rows_count", labels) or 0) - (before or 0)
    assert batches <= 2  # the first request may have waited for the others
    for i, images in enumerate(together):
        np.testing.assert_array_equal(images, alone[i])
    np.testing.assert_array_equal(together[0][1], together[6][0])


async def test_a_large_batch_is_made_in_chunks(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await arrays(client, "layered", n=20, seed=3)
    monkeypatch.setattr(torch_images, "CHUNK_IMAGES", 3)
    np.testing.assert_allclose(await arrays(client, "layered", n=20, seed=3), whole, atol=1e-5)


async def test_an_answer_of_too_many_numbers_is_refused(app: App) -> None:
    async with app(max_values=100) as client:
        for path, body in (("vae", {"n": 2}), ("vae/interpolate", {"from": {}, "to": {}, "steps": 2})):
            refused = await client.post(f"/generate/{path}", json={**body, "format": "json"})
            assert refused.status_code == 422
            assert refused.json()["detail"] == "the answer would hold 128 numbers; allowed are 100"
            assert (await client.post(f"/generate/{path}", json=body)).status_code == 200


REFUSED = {
    "unknown code": ("infogan", {"codes": {"colour": 1}}, "c1"),
    "code out of range": ("infogan", {"codes": {"c1": 1.5}}, "-1 to 1"),
    "code not whole": ("infogan", {"codes": {"digit": 1.5}}, "whole numbers from 0 to 9"),
    "code for too few": ("infogan", {"n": 3, "codes": {"digit": [1, 2]}}, "each of the 3 images"),
    "code on a family without": ("vae", {"codes": {"digit": 1}}, "z"),
    "psi on a family without": (
        "vae",
        {"truncation_psi": 0.5},
        "no truncation_psi; this family's controls are: z",
    ),
    "noise on a family without": ("infogan", {"noise": "const"}, "z, digit, c1, c2"),
    "huge psi": ("layered", {"truncation_psi": 1e9}, "truncation_psi takes values from 0 to 1"),
    "resolution 7": ("layered", {"resolution": 7}, "resolution takes one of: 4, 8"),
    "unknown noise": ("layered", {"noise": "pink"}, "noise takes one of: const, random, none"),
    "a choice for each": ("layered", {"n": 2, "codes": {"resolution": [4, 8]}}, "one of: 4, 8"),
    "NaN in w": ("layered", {"w": [float("nan")] * 4}, "finite number"),
    "NaN in z": ("vae", {"z": [float("nan")] * 4}, "finite number"),
    "NaN in a code": ("infogan", {"codes": {"c1": float("nan")}}, "codes is not allowed"),
    "a deep w": ("layered", {"w": [[[1.0]]]}, "w is not allowed"),
    "set twice": ("vae", {"z": [0] * 4, "codes": {"z": [1] * 4}}, "z is given twice"),
    "a text for a number": ("infogan", {"codes": {"c1": "high"}}, "c1 takes one number"),
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
    content = json.dumps(body)  # which httpx would not write with NaN in it
    response = await client.post(f"/generate/{family}", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert allowed in response.json()["detail"]


@pytest.mark.parametrize(
    ("media", "form", "option"),
    [
        ("image/png", {"format": "json"}, "format"),
        ("image/png", {"format": "npy"}, "format"),
        ("image/png", {"layout": "list"}, "layout"),
        ("application/x-npy", {"format": "json"}, "format"),
        ("application/x-npy", {"layout": "grid"}, "layout"),
        ("image/png", {"format": "png", "layout": "grid"}, None),
        ("application/x-npy", {"format": "npy", "layout": "list"}, None),
        ("*/*", {"format": "json"}, None),
    ],
)
async def test_a_form_that_the_answer_does_not_have_is_refused(
    client: httpx.AsyncClient, media: str, form: dict[str, str], option: str | None
) -> None:
    response = await client.post("/generate/vae", json={"n": 2, **form}, headers={"accept": media})
    assert response.status_code == (200 if option is None else 422)
    if option is not None:
        assert response.json()["errors"][0]["pointer"] == f"/{option}"


async def test_an_unknown_family_names_those_that_exist(client: httpx.AsyncClient) -> None:
    for response in (await client.post("/generate/nope", json={}), await client.get("/generate/nope")):
        assert response.status_code == 404
        assert "infogan, layered, vae" in response.json()["detail"]


async def test_an_array_comes_with_its_seeds(client: httpx.AsyncClient) -> None:
    headers = {"accept": "application/x-npy"}
    drawn = await client.post("/generate/vae", json={"seed": "random", "n": 2}, headers=headers)
    again = await arrays(client, "vae", seeds=drawn.headers["x-seeds"])
    np.testing.assert_allclose(again, np.load(io.BytesIO(drawn.content)), atol=1e-5)


async def test_one_image_as_a_picture_has_no_frame(client: httpx.AsyncClient) -> None:
    response = await client.post("/generate/vae", json={"seed": 3}, headers={"accept": "image/png"})
    one = await client.post("/generate/vae", json={"seed": 3, "format": "png"})
    with (
        Image.open(io.BytesIO(response.content)) as sheet,
        Image.open(io.BytesIO(base64.b64decode(one.json()["images"][0]))) as alone,
    ):
        assert sheet.size == (64, 64)
        np.testing.assert_array_equal(np.asarray(sheet), np.asarray(alone).repeat(8, 0).repeat(8, 1))


async def test_the_last_seed_has_none_after_it(client: httpx.AsyncClient) -> None:
    assert (await client.post("/generate/vae", json={"seed": 2**64 - 1})).status_code == 200
    response = await client.post("/generate/vae", json={"seed": 2**64 - 1, "n": 2})
    assert (response.status_code, "at most 2**64 - 1" in response.json()["detail"]) == (422, True)


async def test_of_several_models_of_a_family_one_must_be_named(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPECS, "other-vae", SPECS["vae"])
    for name in ("vae", "other-vae"):
        save_model(tmp_path, name)
    async with app(store=tmp_path) as client:
        for method in ("GET", "POST"):
            response = await client.request(method, "/generate/vae")
            assert response.status_code == 422
            assert "model takes one of: other-vae, vae" in response.json()["detail"]
        assert (await client.post("/generate/vae?model=other-vae")).status_code == 200
