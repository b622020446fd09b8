"""More images than a request may have are made, and read, in several: each is the image of its own seed and codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.client import AsyncClient, ClientError, RefusedError
from service.client.batches import TextForm
from service.client.file_prediction import predict_file
from service.client.image_parts import image_count

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(images: httpx.AsyncClient) -> AsyncIterator[AsyncClient]:
    transport = httpx.ASGITransport(images.application)  # type: ignore[attr-defined]
    async with AsyncClient("http://test", transport=transport) as opened:
        yield opened


async def test_many_images_are_those_of_their_seeds(client: AsyncClient) -> None:
    made = await client.generate("infogan", n=150, seed=5, codes={"digit": [i % 10 for i in range(150)]})
    assert made.pixels.shape == (150, 1, 8, 8)
    assert made.seeds == tuple(range(5, 155))
    assert made.codes["digit"] == [i % 10 for i in range(150)]
    alone = await client.generate("infogan", seed=140, codes={"digit": 5})
    assert np.array_equal(made.pixels[135], alone.pixels[0])
    listed = await client.generate("infogan", seeds="5-99, 100-154", codes={"digit": made.codes["digit"]})
    assert np.array_equal(listed.pixels, made.pixels)


async def test_a_code_for_each_image_is_cut_and_one_for_all_is_not(client: AsyncClient) -> None:
    codes = np.random.default_rng(0).normal(size=(70, 4))
    each = await client.generate("vae", n=70, z=codes)
    one = await client.generate("vae", z=codes[69])
    assert np.array_equal(each.pixels[69], one.pixels[0])
    same = await client.generate("vae", n=70, z=codes[69])
    assert np.array_equal(same.pixels[68], one.pixels[0])


async def test_a_seed_that_is_left_out_or_fresh_goes_on_in_the_next_part(client: AsyncClient) -> None:
    for seed in ({}, {"seed": "random"}):
        made = await client.generate("vae", n=100, **seed)  # type: ignore[arg-type]
        assert made.seeds == tuple(range(made.seeds[0], made.seeds[0] + 100))


async def test_many_images_are_read_as_a_few_are(client: AsyncClient) -> None:
    images = np.random.default_rng(0).uniform(0, 16, (70, 64))
    whole = await client.reconstruct("vae", images, samples=4, seed=3)
    last = await client.reconstruct("vae", images[64:], samples=4, seed=3)
    assert np.array_equal(whole.mean[64:], last.mean)
    read = await client.encode("infogan", images)
    assert read.codes["digit"]["probabilities"].shape == (70, 10)
    images[66] = np.nan
    with pytest.raises(RefusedError, match=r"rows 64 to 69: .*/inputs/66/0"):
        await client.encode("infogan", images)


async def test_seeds_that_are_none_are_explained_by_the_service(client: AsyncClient) -> None:
    for seeds in ("a,b", "9-1", ""):
        with pytest.raises(RefusedError, match="seeds is not allowed"):
            await client.generate("vae", seeds=seeds)
    assert image_count({"seeds": "0-99999999999"}) == 10**11


async def test_a_generator_predicts_no_file(client: AsyncClient, tmp_path: Path) -> None:
    models = await client.models()
    name = next(model["name"] for model in models if model["route"].startswith("/generate"))
    with pytest.raises(ClientError, match=f"{name} generates at /generate/"):
        await predict_file(client, tmp_path, tmp_path / "a.csv", {"model": name}, TextForm())
