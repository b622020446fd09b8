"""What an answer to /acquire must be, over HTTP: rows to label, as the model's own draws rank them."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, get_args

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from random_models import digits

from models.prediction.acquisition.categorical import CategoricalInformation
from models.prediction.acquisition.selection import select
from service.schemas.acquisition import Acquisition

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.anyio


def rows_of(model: str, count: int) -> list[list[float]]:
    return [row[:3] for row in digits(count)] if model == "regression" else digits(count)


async def acquire(client: httpx.AsyncClient, **body: object) -> dict[str, Any]:
    response = await client.post("/acquire", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def refusal(client: httpx.AsyncClient, **body: object) -> tuple[str, str]:
    """The pointer and the detail of a 422."""
    response = await client.post("/acquire", json=body)
    assert response.status_code == 422, response.text
    return response.json()["errors"][0]["pointer"], response.json()["detail"]


async def test_rows_come_in_order_with_what_they_add(client: httpx.AsyncClient) -> None:
    models, acquisitions = ("mlp", "convnet", "logits", "ensemble", "regression"), get_args(Acquisition)
    for model, acquisition in itertools.product(models, acquisitions):
        body = {"inputs": rows_of(model, 40), "n": 6, "acquisition": acquisition, "model": model, "samples": 8}
        answer = await acquire(client, **body)
        assert len(set(answer["rows"])) == 6
        assert all(earlier <= later for earlier, later in itertools.pairwise(answer["joint_information"]))
        if acquisition == "random":
            assert answer["gain"] is None
        else:
            assert all(earlier >= later >= 0 for earlier, later in itertools.pairwise(answer["gain"]))
        if acquisition == "batchbald":
            np.testing.assert_allclose(np.cumsum(answer["gain"]), answer["joint_information"], atol=1e-9)
        assert answer["samples"] == (3 if model == "ensemble" else 8)
        assert (answer["pool"], answer["targets"]) == (40, 40 if acquisition == "epig" else None)
        assert answer["estimate"] in (("gaussian",) if model == "regression" else ("exact", "sampled"))
        assert await acquire(client, **body) == answer
    rows = digits(30)
    predicted = (await client.post("/predict", json={"inputs": rows})).json()["mutual_information"]
    answer = await acquire(client, inputs=rows, n=30, acquisition="bald")
    np.testing.assert_allclose(answer["gain"], np.array(predicted)[answer["rows"]], atol=1e-6)


async def test_a_pool_in_several_parts_is_one_pool(app: App) -> None:
    rows = digits(40)
    async with app() as client:
        whole = await acquire(client, inputs=rows, n=4, targets=digits(9, seed=1), acquisition="epig")
        drawn = (await client.post("/predict", json={"inputs": rows, "draws": True})).json()["draws"]
        together = await acquire(client, inputs=rows, n=4)
    async with app(max_rows=7) as client:
        parts = await acquire(client, inputs=rows, n=4, targets=digits(9, seed=1), acquisition="epig")
    assert parts["rows"] == whole["rows"]
    assert (parts["pool"], parts["targets"]) == (40, 9)
    np.testing.assert_allclose(parts["gain"], whole["gain"], atol=1e-6)
    assert together["rows"] == select("batchbald", CategoricalInformation(torch.tensor(drawn)), 4).rows


async def test_a_pool_may_be_an_array_or_pictures(client: httpx.AsyncClient) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    array = io.BytesIO()
    np.save(array, (levels / 255 * 16).astype(np.float32))
    headers = {"Content-Type": "application/x-npy"}
    by_array = await client.post("/acquire?n=2", content=array.getvalue(), headers=headers)
    files = []
    for one in levels:
        file = io.BytesIO()
        Image.fromarray(one).save(file, "PNG")
        files.append(("files", file.getvalue()))
    by_form = await client.post("/acquire", files=files, data={"n": "2"})
    assert by_array.json()["rows"] == by_form.json()["rows"]
    assert by_form.json()["pool"] == 5


async def test_a_pool_may_be_named_rows_or_csv(tables: httpx.AsyncClient) -> None:
    records = [{"size": 20 + 5 * i, "colour": ("red", "blue")[i % 2], "garage": i % 3} for i in range(9)]
    text = "\n".join(["size,colour,garage", *(",".join(map(str, row.values())) for row in records)])
    named = await acquire(tables, inputs=records, n=3, targets=records[:2], acquisition="epig", model="colours")
    assert named["targets"] == 2
    csv = await tables.post("/acquire?n=3&model=colours", content=text, headers={"Content-Type": "text/csv"})
    assert csv.json()["rows"] == (await acquire(tables, inputs=records, n=3, model="colours"))["rows"]
    diaries = [[{"garage": 1, "colour": "red"}] * steps for steps in (1, 2, 3)]
    assert (await acquire(tables, inputs=diaries, n=2, model="diaries"))["estimate"] == "gaussian"


async def test_what_cannot_be_is_refused_where_it_is(client: httpx.AsyncClient, tables: httpx.AsyncClient) -> None:
    rows = digits(4)
    assert await refusal(client, inputs=rows) == ("", "n is not allowed: field required. Allowed: Number of rows to "
                                                  "choose, at least 1 and at most the rows of the pool.")  # fmt: skip
    assert (await refusal(client, inputs=rows, n=5)) == ("/n", "n is 5; allowed are 1 to 4, the rows of the pool")
    assert (await refusal(client, inputs=rows, n=0))[0] == "/n"
    assert (await refusal(client, inputs=rows, n=1, samples=1))[0] == "/samples"
    assert (await refusal(client, inputs=rows, n=1, samples=1001))[0] == "/samples"
    assert (await refusal(client, inputs=rows, n=1, acquisition="best"))[0] == "/acquisition"
    assert (await refusal(client, inputs=rows, n=1, targets=rows))[0] == "/targets"
    pointer, detail = await refusal(client, inputs=rows, n=1, targets=[[0.0] * 63, [0.0] * 64], acquisition="epig")
    assert pointer.startswith("/targets")
    assert "inputs" not in detail
    pointer, detail = await refusal(client, inputs=rows, n=1, targets=[[99.0] * 64], acquisition="epig")
    assert pointer == "/targets/0/0"
    record = {"size": 20, "colour": "green", "garage": 1}
    body = {"inputs": [{**record, "colour": "red"}], "targets": [record], "acquisition": "epig", "n": 1}
    assert (await refusal(tables, model="colours", **body))[0] == "/targets/0/colour"
    assert (await refusal(tables, model="colours", inputs=[record], n=1))[0] == "/inputs/0/colour"


async def test_a_model_that_cannot_rank_rows_takes_random_ones(client: httpx.AsyncClient) -> None:
    for model, rows, why in (
        ("segnet", [[[0.5] * 12] * 9] * 4, "every step or pixel"),
        ("tunes", [[[0.0] * 4] * 6] * 4, "every step or pixel"),
    ):
        pointer, detail = await refusal(client, model=model, inputs=rows, n=2)
        assert pointer == "/acquisition"
        assert why in detail
        assert "acquisition=random" in detail
        answer = await acquire(client, model=model, inputs=rows, n=2, acquisition="random")
        assert (answer["samples"], answer["joint_information"], answer["gain"]) == (None, None, None)
        assert len(set(answer["rows"])) == 2


async def test_more_work_than_allowed_is_refused_with_what_is(app: App) -> None:
    async with app(max_work=400, max_pool_rows=30, max_values=4000) as client:
        assert await refusal(client, inputs=digits(20), n=1) == (
            "/samples",
            "20 rows x 50 samples is more work than allowed; allowed for so many rows are 20 samples: send fewer rows,"
            " such as a random part of the pool",
        )
        assert (await refusal(client, inputs=digits(31), n=1))[1] == "inputs has 31 rows; allowed are at most 30"
        body = {"inputs": digits(10), "targets": digits(31), "acquisition": "epig", "n": 1, "samples": 4}
        assert await refusal(client, **body) == ("/targets", "targets has 31 rows; allowed are at most 30")
        assert (await acquire(client, inputs=digits(20), n=1, samples=20))["pool"] == 20


async def test_others_are_answered_while_rows_are_chosen(app: App) -> None:
    async with app(max_rows=8, max_acquisitions=4) as client:
        body = {"inputs": digits(200), "n": 20, "samples": 20}
        acquisitions = [asyncio.create_task(client.post("/acquire", json=body)) for _ in range(3)]
        predictions = [await client.post("/predict", json={"inputs": digits(2)}) for _ in range(5)]
        assert not any(task.done() and task.result().status_code == 200 for task in acquisitions)
        assert {response.status_code for response in predictions} == {200}
        statuses = sorted([(await task).status_code for task in acquisitions])
        assert statuses == [200, 200, 503]


async def test_a_choice_is_refused_by_its_estimated_seconds(app: App) -> None:
    async with app(max_acquisition_seconds=0.5) as client:
        pool = {"inputs": digits(200), "samples": 20}
        pointer, detail = await refusal(client, **pool, n=200)
        assert pointer == "/n"
        allowed = int(re.search(r"n of at most (\d+) of them", detail)[1])  # type: ignore[index]
        assert (await acquire(client, **pool, n=allowed))["pool"] == 200
        assert (await refusal(client, **pool, n=allowed + 1))[0] == "/n"
        pointer, detail = await refusal(client, **pool, n=1, acquisition="epig", targets=digits(1300))
        assert (pointer, "1 of 200 rows for 1300 targets takes about" in detail) == ("/targets", True)


async def test_a_choice_that_takes_too_long_is_given_up(app: App) -> None:
    async with app() as client:
        response = await client.post(
            "/acquire",
            json={"inputs": digits(500), "n": 40, "samples": 100},
            headers={"X-Request-Timeout-Ms": "300"},
        )
        assert response.status_code == 504
        assert (await acquire(client, inputs=digits(5), n=1))["pool"] == 5
