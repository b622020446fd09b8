"""KServe's V1 form: instances in, one object a row out, by the same model, draws and checks as /predict."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from random_models import digits

pytestmark = pytest.mark.anyio

SHARED = {"model", "version", "task", "method", "seed", "samples", "stop_reason", "classes", "targets"}
SHARED_BY_ROWS = SHARED | {"interval_method", "decision_reason", "covariance"}


def by_column(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of /predict that a V1 answer is another form of."""
    rows = answer.pop("predictions")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if "draws" in columns:
        columns["draws"] = [list(draw) for draw in zip(*columns["draws"], strict=True)]
    if "interval" in columns:
        level = {one.pop("level") for one in columns["interval"]}
        ends = {end: [one[end] for one in columns["interval"]] for end in ("lower", "upper")}
        columns["interval"] = {"level": level.pop(), **ends}
    missing = {name: None for name, values in columns.items() if values == [None] * len(rows)}
    return answer | columns | missing


@pytest.mark.parametrize(
    ("model", "rows", "options"),
    [
        ("mlp", digits(3), {}),
        ("mlp", digits(3), {"samples": 0}),
        ("mlp", digits(2), {"samples": 7, "seed": 5, "interval": 0.9, "draws": True, "covariance": True}),
        ("mlp", digits(2), {"outputs": "decision,mean,ood_score"}),
        ("regression", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], {"interval": 0.9}),
        ("segnet", [[0.5] * 108], {"samples": 2}),
        ("tunes", [[[0.0] * 4] * 6, [[1.0] * 4] * 6], {"samples": 2}),
    ],
)
async def test_the_answer_is_that_of_predict_row_by_row(
    client: httpx.AsyncClient, model: str, rows: list[Any], options: dict[str, Any]
) -> None:
    expected = (await client.post(f"/predict?model={model}", json={"inputs": rows, **options})).json()
    path = f"/v1/models/{model}:predict"
    beside = await client.post(path, json={"instances": rows, **options})
    assert beside.status_code == 200, beside.text
    queried = await client.post(path, json={"instances": rows}, params=options)
    assert queried.json() == beside.json()
    answer = beside.json()
    assert len(answer["predictions"]) == len(rows)
    assert set(answer) - {"predictions"} <= SHARED_BY_ROWS
    assert by_column(answer) == expected
    assert "x-compute-time-ms" in beside.headers


async def test_a_body_as_curl_sends_it_is_read(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await client.post("/v1/models/mlp:predict", content=f'{{"instances": {digits(1)}}}', headers=headers)
    assert answer.json()["predictions"][0]["label"] in answer.json()["classes"]


async def test_models_are_listed_and_ready(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()["models"]
    assert {"mlp", "regression"} < set(listed)
    assert "vae" not in listed
    ready = await client.get("/v1/models/mlp")
    assert (ready.status_code, ready.json()) == (200, {"name": "mlp", "ready": True})
    client.runtime.drain()
    assert (await client.get("/v1/models/mlp")).json() == {"name": "mlp", "ready": False}
    assert (await client.get("/v1/models/mlp")).status_code == 503


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer", "said"),
    [
        ("mlp", {"instances": [[0]]}, 422, "/instances/0", "instances have shape (1, 1); allowed is (rows, 1, 8, 8)"),
        ("mlp", {"instances": [[0] * 63 + [99]]}, 422, "/instances/0/63", "the first at /instances/0/63"),
        ("mlp", {"instances": [[0] * 63 + ["a"]]}, 422, "/instances/0/63", "instances"),
        ("mlp", {"inputs": [[0] * 64]}, 422, "", '{"instances": [row, ...]}'),
        ("mlp", {"instances": []}, 422, "/instances", "instances have shape (0,)"),
        ("mlp", {"instances": digits(1), "samples": "many"}, 422, "/samples", "samples is not allowed"),
        ("mlp", {"instances": digits(1), "secret": 1}, 422, "", "there is no such option"),
        ("mlp", {"instances": digits(1), "model": "convnet"}, 422, "/model", "named in the path"),
        ("mlp", {"instances": digits(257)}, 422, "/instances", "instances has 257 rows"),
        ("nobody", {"instances": digits(1)}, 404, None, "no such model; there are: convnet"),
        ("vae", {"instances": digits(1)}, 404, None, "no such model; there are: convnet"),
    ],
)
async def test_what_is_wrong_is_said_of_instances(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], status: int, pointer: str | None, said: str
) -> None:
    refused = await client.post(f"/v1/models/{path}:predict", json=body)
    problem = refused.json()
    assert (refused.status_code, problem["error"]) == (status, problem["detail"]), refused.text
    assert said in problem["detail"]
    assert pointer is None or problem["errors"][0]["pointer"] == pointer
    assert "/inputs" not in refused.text
    assert "secret" not in refused.text


async def test_other_types_of_body_are_refused(client: httpx.AsyncClient) -> None:
    refused = await client.post("/v1/models/mlp:predict", content=b"x", headers={"content-type": "image/png"})
    assert refused.status_code == 415
