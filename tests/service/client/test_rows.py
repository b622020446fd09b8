"""The client takes rows as people have them, and sends more than a request may have in several."""

from __future__ import annotations

import datetime
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from service.client import AsyncClient, ClientError, RefusedError
from service.client.rows import as_rows

pytestmark = pytest.mark.anyio

RANDOM = np.random.default_rng(0)
COLUMNS = {
    "size": RANDOM.uniform(10, 110, 600).round(2).tolist(),
    "colour": RANDOM.choice(["blue", "red", "white"], 600).tolist(),
    "garage": RANDOM.integers(0, 5, 600).tolist(),
}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


class Frame:
    """A frame as pandas hands it over: by Arrow, with its index."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        table = pa.table({**COLUMNS, "__index_level_0__": list(range(600))})
        return table.__arrow_c_stream__(requested_schema)


class Counting(httpx.ASGITransport):
    """The application as a transport that keeps the requests."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return await super().handle_async_request(request)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


@pytest.fixture
def transport(tables: httpx.AsyncClient) -> Counting:
    return Counting(tables.application)  # type: ignore[attr-defined]


@pytest.fixture
async def client(transport: Counting) -> AsyncIterator[AsyncClient]:
    async with AsyncClient("http://test", transport=transport) as opened:
        yield opened


async def test_rows_are_taken_in_every_form(client: AsyncClient) -> None:
    few = {name: column[:5] for name, column in COLUMNS.items()}
    expected = await client.predict(RECORDS[:5], samples=5)
    assert expected.mean is not None
    structured = np.array(list(zip(*few.values(), strict=True)), [("size", "f8"), ("colour", "U8"), ("garage", "i8")])
    positions = [[r["size"], *(r["colour"] == c for c in ("blue", "red", "white")), r["garage"]] for r in RECORDS[:5]]
    for rows in (few, {name: np.array(column) for name, column in few.items()}, pa.table(few), structured, positions):
        assert np.array_equal((await client.predict(rows, samples=5)).mean, expected.mean)
    assert expected.outside == ((),) * 5
    assert (expected.unknown, expected.ignored) == (None, ())


async def test_frames_in_a_list_are_sequences(client: AsyncClient) -> None:
    lengths = (3, 1)
    frames = [pa.table({name: COLUMNS[name][:n] for name in ("garage", "colour")}) for n in lengths]
    records = [[{name: r[name] for name in ("garage", "colour")} for r in RECORDS[:n]] for n in lengths]
    answers = [await client.predict(rows, model="diaries", samples=5) for rows in (frames, records)]
    assert answers[0].mean is not None
    assert np.array_equal(answers[0].mean, answers[1].mean)


class Lazy:
    """A query of polars, which has no rows until it is run."""

    def collect(self) -> None: ...


NO_ROWS = {
    "a query": (Lazy(), r"a Lazy has no rows yet; send what its collect\(\) returns"),
    "a column": (pa.chunked_array([[1.5, 2.5]]), "a ChunkedArray has no named columns of plain values; send a frame"),
    "texts without names": (np.array([[1, "red"]], object), "send rows with texts or dates by column name, as a frame"),
}


@pytest.mark.parametrize("kind", NO_ROWS)
def test_what_is_no_rows_is_refused_with_what_to_send(kind: str) -> None:
    rows, said = NO_ROWS[kind]
    with pytest.raises(ValueError, match=said):
        as_rows(rows)  # type: ignore[arg-type]


async def test_more_rows_than_a_request_may_have_go_in_several(client: AsyncClient, transport: Counting) -> None:
    answer = await client.predict(Frame(), samples=20, interval=0.9, draws=True, seed=3)
    assert transport.paths() == ["/models", "/models/houses", *["/predict"] * 3]
    assert answer.draws is not None
    assert answer.draws.shape == (20, 600, 1)
    for start, stop in ((0, 256), (256, 512), (512, 600)):
        part = await client.predict(RECORDS[start:stop], samples=20, interval=0.9, draws=True, seed=3, model="houses")
        for name in ("mean", "epistemic_variance", "ood_score", "decision", "lower", "upper"):
            assert np.array_equal(getattr(answer, name)[start:stop], getattr(part, name)), name
        assert np.array_equal(answer.draws[:, start:stop], part.draws)
    alone = await client.predict(RECORDS[300:301], samples=20, seed=3)
    assert answer.mean is not None
    np.testing.assert_allclose(answer.mean[300], alone.mean[0], rtol=1e-5)


async def test_a_fresh_seed_is_drawn_once(client: AsyncClient, transport: Counting) -> None:
    answer = await client.predict(COLUMNS, samples=2, seed="random")
    seeds = [request.url.params["seed"] for request in transport.requests if request.url.path == "/predict"]
    assert seeds == ["random", str(answer.seed), str(answer.seed)]


async def test_parts_are_as_small_as_the_work_and_the_body_ask_for(client: AsyncClient, transport: Counting) -> None:
    await client.predict(RECORDS[:300], samples=1000)
    assert transport.paths().count("/predict") == 3  # 100 rows x 1000 samples each
    transport.requests.clear()
    long = [{**row, "id": "x" * 20_000} for row in RECORDS[:150]]
    answer = await client.predict(long, samples=2)
    assert transport.paths().count("/predict") == 2
    assert answer.ignored == ("id",)
    assert answer.mean is not None
    assert len(answer.mean) == 150


async def test_a_refusal_names_the_part_and_counts_from_the_first_row_of_all(client: AsyncClient) -> None:
    rows: list[Any] = [*RECORDS[:300], {**RECORDS[0], "colour": "violet"}]
    with pytest.raises(RefusedError, match=r'rows 256 to 300: "violet" .*/inputs/300/colour') as refused:
        await client.predict(rows, samples=2)
    assert refused.value.status == 422
    rows += [{**RECORDS[0], "size": "x"}]
    with pytest.raises(RefusedError, match=r"the first at /inputs/300/colour"):
        await client.predict(rows, samples=2)
    answer = await client.predict(rows[:-1], samples=2, on_unknown="abstain")
    assert answer.unknown is not None
    assert answer.decision is not None
    assert answer.unknown[300] == ("colour",)
    assert answer.decision[300] == "abstain"
    assert answer.unknown[:300] == ((),) * 300
    undecided = await client.predict(
        {"size m/s~": [0.5] * 300, "sold": ["2022-05-05"] * 300, "colour": ["red"] * 299 + ["pink"]},
        model="sales", samples=2, on_unknown="abstain",
    )  # fmt: skip
    assert undecided.decision is not None
    assert undecided.decision.tolist() == [""] * 299 + ["abstain"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"covariance": True}, "covariance is one between"), ({"samples": "auto", "tolerance": 1e9}, "stops by")],
)
async def test_what_rows_of_several_requests_cannot_have_is_refused(
    client: AsyncClient, options: Any, said: str
) -> None:
    with pytest.raises(ClientError, match=said):
        await client.predict(COLUMNS, **options)
    assert (await client.predict(RECORDS[:100], **options)).mean is not None


def test_dates_and_numbers_of_other_kinds_become_json() -> None:
    day = datetime.date(2024, 2, 29)
    rows = as_rows(
        {"a": [day, Decimal("1.5")], "b": np.array(["2024-02-29", "NaT"], "M8[ns]"), "c": [np.float32(2), 1]}
    )
    assert json.loads(rows.body(0, 2))["inputs"] == [
        {"a": "2024-02-29", "b": "2024-02-29T00:00:00", "c": 2.0},
        {"a": 1.5, "b": None, "c": 1},
    ]
    assert json.loads(as_rows([[[1, 2]], [[3, 4], [5, 6]]]).body(0, 2))["inputs"] == [[[1, 2]], [[3, 4], [5, 6]]]
    with pytest.raises(TypeError, match="a cell holds a set"):
        as_rows([{"a": {1}}]).body(0, 1)
    with pytest.raises(ValueError, match="1 and 2 cells"):
        as_rows({"a": [1], "b": [1, 2]})
