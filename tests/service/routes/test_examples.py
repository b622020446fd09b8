"""GET /models/{name}/examples: rows to try a model with, and nothing where they are private."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from form_models import ROWS, picture
from patience import PATIENCE

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def test_examples_can_be_sent_as_they_are(client: httpx.AsyncClient) -> None:
    for model in ("mlp", "regression", "tunes", "segnet"):
        told = (await client.get(f"/models/{model}/examples")).json()
        assert (told["model"], told["version"], told["targets"]) == (model, "1", None)
        answer = await client.post("/predict", params={"model": model}, json={"inputs": told["inputs"]})
        assert answer.status_code == 200, answer.text
    generator = (await client.get("/models/vae/examples")).json()
    assert (await client.post("/encode/vae", json={"inputs": generator["inputs"]})).status_code == 200
    assert (await client.get("/models/nobody/examples")).status_code == 404
    assert (await client.get("/models/mlp/examples?version=7")).status_code == 404


async def test_private_rows_stay_where_they_are(app: App) -> None:
    async with app(show_examples=False) as client:
        told = (await client.get("/models/mlp/examples")).json()
        assert told["inputs"] == []
        assert not told["targets"]


async def test_targets_are_told_in_words(bundled_url: str) -> None:
    digits = httpx.get(f"{bundled_url}/models/digits-mlp-mc_dropout/examples", timeout=PATIENCE).json()
    assert len(digits["inputs"]) == len(digits["targets"]) == 12
    assert set(digits["targets"]) == set("0123456789")
    curve = httpx.get(f"{bundled_url}/models/curve-mlp-mc_dropout/examples", timeout=PATIENCE).json()
    assert len(curve["inputs"]) == len(curve["targets"]) > 20
    assert len(curve["targets"][0]) == 1


async def test_rows_of_a_table_and_sequences_of_them_are_told_by_column_name_too(bundled_url: str) -> None:
    async with httpx.AsyncClient(base_url=bundled_url, timeout=PATIENCE) as client:
        told = (await client.get("/models/stays/examples")).json()
        assert told["records"] == [ROWS["visits"], ROWS["visits"][::-1]]
        assert (await client.get("/models/homes/examples")).json()["records"] == ROWS["homes"]
        answers = [
            (await client.post("/predict?model=stays", json={"inputs": told[form]})).json()["mean"]
            for form in ("inputs", "records")
        ]
    assert answers[0] == answers[1]


async def test_the_pictures_of_a_card_and_no_other_files_are_served(bundled_url: str) -> None:
    async with httpx.AsyncClient(base_url=bundled_url, timeout=PATIENCE) as client:
        answer = await client.get("/models/homes/pictures/predicted-true.png?version=1")
        assert (answer.headers["content-type"], answer.content) == ("image/png", picture())
        for other in ("nothing.png", "manifest.json", "weights.safetensors", "..%2fcard.md", "%2e%2e%2f1%2fcard.md"):
            assert (await client.get(f"/models/homes/pictures/{other}")).status_code == 404
