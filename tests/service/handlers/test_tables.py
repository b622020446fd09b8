"""Rows by column name are answered like their features, and what a model cannot use is named with its place."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from table_models import HOUSES

pytestmark = pytest.mark.anyio

ROW = {"size": 100, "colour": "red", "garage": 2}
FEATURES = [100, 0, 1, 0, 2]


@pytest.fixture
def client(tables: httpx.AsyncClient) -> httpx.AsyncClient:
    return tables


async def ask(client: httpx.AsyncClient, inputs: Any, status: int = 200, **options: Any) -> dict[str, Any]:
    response = await client.post(
        "/predict",
        params={"samples": 5, **options},
        content=json.dumps({"inputs": inputs}),  # httpx would refuse half a character
        headers={"content-type": "application/json"},
    )
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def post_csv(client: httpx.AsyncClient, text: str | bytes, status: int = 200, **options: Any) -> dict[str, Any]:
    response = await client.post(
        "/predict", params={"samples": 5, **options}, content=text, headers={"content-type": "text/csv; charset=utf-8"}
    )
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def faults(problem: dict[str, Any]) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in problem["errors"]}


async def test_records_columns_and_csv_are_answered_as_their_features_are(client: httpx.AsyncClient) -> None:
    other = {"size": 50.5, "colour": "blue", "garage": 0}
    expected = await ask(client, [FEATURES, [50.5, 1, 0, 0, 0]], interval=0.9)
    assert expected["outside"] == [[], []]
    assert await ask(client, [ROW, other], interval=0.9) == expected
    columns = {name: [ROW[name], other[name]] for name in ("garage", "colour", "size")}  # in any order
    assert await ask(client, columns, interval=0.9) == expected
    for text in (
        "size,colour,garage\n100,red,2\n50.5,blue,0\n",
        '\ufeffgarage; size ;colour\r\n2;100;"red"\r\n\r\n0;50.5; blue',
        "colour\tgarage\tsize\nred\t2\t1e2\nblue\t0\t50.5",
        "sep=;\r\nsize;colour;garage\r\n100;red;2\r\n50.5;blue;0",
        '"sep=|"\nsize|colour|garage\n100|red|2\n50.5|blue|0',
    ):
        assert await post_csv(client, text, interval=0.9) == expected


async def test_columns_beside_those_of_the_model_are_named_as_ignored(client: httpx.AsyncClient) -> None:
    answer = await ask(client, [{**ROW, "price": 1}, {"id": "x", **ROW}])
    assert answer["ignored"] == ["price", "id"]
    assert "ignored" not in await ask(client, [ROW])
    assert (await post_csv(client, "id,size,colour,garage\n=1+1,100,red,2\n"))["ignored"] == ["id"]


async def test_every_fault_is_named_with_its_cell(client: httpx.AsyncClient) -> None:
    rows: list[Any] = [
        ROW,
        {**ROW, "colour": "violet"},
        {"size": "big", "color": "red", "garage": None},
        {**ROW, "size": True},
        {**ROW, "size": [1]},
        {**ROW, "size": 10**400},
        {**ROW, "colour": "é" + "v" * 100},
        {**ROW, "garage": 1e39},
    ]
    problem = await ask(client, rows, 422)
    assert problem["code"] == "rows-not-allowed"
    assert problem["detail"].startswith('10 faults in the rows, the first at /inputs/1/colour: "violet" is not a known')
    named = faults(problem)
    assert (
        list(named)
        == [
            "/inputs/1/colour",
            *("/inputs/2/color", "/inputs/2/colour", "/inputs/2/size", "/inputs/2/garage"),
            *("/inputs/3/size", "/inputs/4/size", "/inputs/5/size", "/inputs/6/colour", "/inputs/7/garage"),
        ][:10]
    )
    assert "known are: blue, red, white" in named["/inputs/1/colour"]
    assert 'did you mean "colour"?' in named["/inputs/2/color"]
    assert "is missing from the row" in named["/inputs/2/colour"]
    assert '"big" is not allowed' in named["/inputs/2/size"]
    assert "the value of 'garage' is missing" in named["/inputs/2/garage"]
    assert "training rows have 10 to 110" in named["/inputs/3/size"]
    assert "v" * 39 + '..."' in named["/inputs/6/colour"]
    assert "v" * 50 not in named["/inputs/6/colour"]


@pytest.mark.parametrize(
    ("inputs", "pointer", "said"),
    [
        ([{"size": 1, "colour": "red"}] * 3, "/inputs/0/garage", '"garage" is missing from all 3 rows'),
        ([{**ROW, "__proto__": 1}], "/inputs/0/__proto__", 'there is no column "__proto__"'),
        ([{**ROW, "": 1}], "/inputs/0/", 'there is no column ""'),
        ([{**ROW, "a/b~": 1}], "/inputs/0/a~1b~0", 'no column "a/b~"'),
        ([{**ROW, "x" * 1000: 1}], "/inputs/0", '"' + "x" * 40 + '..."'),
        ([ROW, [1, 2]], "/inputs/1", "is no object"),
        ([ROW, None], "/inputs/1", "is no object"),
        ([[1, 2], ROW], "/inputs/1", "an object is at /inputs/1 among rows by position"),
        ([[ROW]], "/inputs", "allowed are records, one a row"),
        (
            {"size": [1, 2], "colour": ["red"], "garage": [1, 1]},
            "/inputs/colour",
            '"colour" has 1 cells, and "size" has 2',
        ),
        ({"size": [1], "colour": "red", "garage": [1]}, "/inputs/colour", 'the column "colour" is no list'),
        ({"size": [1], "colour": ["pink"], "garage": [1]}, "/inputs/colour/0", '"pink" is not a known'),
        ({"size": [1], "colour": ["red"]}, "/inputs/garage", '"garage" is missing'),
        ({"size": [], "colour": [], "garage": []}, "/inputs", "no row"),
        ({}, "/inputs", "no row"),
        ([ROW] * 257, "/inputs", "257 rows; allowed are at most 256"),
        ([[100, 0.5, 0.5, 0, 2]], "/inputs/0/1", "are not one 1 among 0"),
        ([FEATURES, [100, 0, 0, 0, 2]], "/inputs/1/1", '{"size":60.0,"colour":"blue","garage":2.0}'),
        ([[100, 2]], "/inputs/0", 'send records such as {"size":60.0'),
        ([["100", "red", 2]], "/inputs/0/0", "or rows by column name"),
    ],
)
async def test_rows_of_another_form_are_refused(
    client: httpx.AsyncClient, inputs: Any, pointer: str, said: str
) -> None:
    problem = await ask(client, inputs, 422)
    assert pointer in faults(problem), problem
    assert said in faults(problem)[pointer]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size,colour,garage\n1,red\n", "line 2 has 2 cells; allowed are 3"),
        ("size,size,garage\n1,2,3\n", '"size" 2 times'),
        ("size,colour,garage\n", "no row"),
        ("", "no row"),
        ('size,colour,garage\n1,"red,2\n', "a quote left open"),
        (b"size,colour,garage\n1,ros\xe9,2\n", "byte 24 of the body is not UTF-8"),
        ('size,colour,garage\n1,"re\nd",2\n', '"re\\nd" is not a known value'),
        ("size,colour,garage\n1,=red,2\n", '"=red" is not a known value'),
        ('size;colour;garage\n"1,5";red;2\n', '"1,5" is not allowed'),
        ("size,colour,garage\n,red,2\n", "the value of 'size' is missing"),
        ("size,colour,garage\ninf,red,2\n", "is not allowed for 'size'"),
        (",size,colour,garage\n0,1,red,2\n", 'there is no column ""'),
        ("size,colour,garage\n" + "1,red,2\n" * 257, "257 rows"),
        ("a" + ",a" * 300_000, "300001 times"),
        ("a" + ",a" * 400_000, "a line of the body is too long; allowed are 700000 bytes"),
    ],
)
async def test_csv_that_cannot_be_used_is_refused(client: httpx.AsyncClient, text: str | bytes, said: str) -> None:
    assert said in (await post_csv(client, text, 422))["detail"]


async def test_the_same_key_twice_is_refused(client: httpx.AsyncClient) -> None:
    body = '{"inputs": [{"size": 1, "size": 2, "colour": "red", "garage": 1}]}'
    response = await client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert "same key twice" in response.json()["detail"]


async def test_records_that_are_all_different_take_no_memory(client: httpx.AsyncClient) -> None:
    rows = [{f"{row}-{i}": 0 for i in range(400)} for row in range(250)]
    assert "too many different columns" in (await ask(client, rows, 422))["detail"]


async def test_a_row_with_an_unknown_category_abstains_where_that_is_asked_for(client: httpx.AsyncClient) -> None:
    rows = [ROW, {**ROW, "colour": "violet"}, {**ROW, "size": 20, "garage": 3}]
    options = {"on_unknown": "abstain", "interval": 0.5, "draws": True, "covariance": True, "model": "colours"}
    answer = await ask(client, rows, **options)
    alone = await ask(client, [rows[0], rows[2]], **options)
    assert answer["unknown"] == [[], ["colour"], []]
    assert answer["decision"] == ["accept", "abstain", "accept"]
    for name in ("label", "prediction_set", "predictive_entropy", "ood_score"):
        assert answer[name] == [alone[name][0], None, alone[name][1]], name
    for name in ("mean", "epistemic_variance", "standard_error"):
        assert answer[name] == [alone[name][0], [None] * 10, alone[name][1]], name
    assert np.array(answer["draws"], float)[:, [0, 2]].tolist() == alone["draws"]
    assert np.isnan(np.array(answer["draws"], float)[:, 1]).all()
    covariance = np.array(answer["covariance"], float)
    assert covariance[:, [0, 2]][:, :, [0, 2]].tolist() == alone["covariance"]
    assert np.isnan(covariance[:, 1]).all()
    assert np.isnan(covariance[:, :, 1]).all()
    missing = await ask(client, [{**ROW, "colour": None}], 422, on_unknown="abstain")  # missing is not unknown
    assert "is missing" in missing["detail"]


async def test_where_every_row_is_unknown_nothing_is_answered_nor_counted(client: httpx.AsyncClient) -> None:
    async def counted(name: str) -> str:
        lines = (await client.get("/metrics")).text.splitlines()
        return next(line for line in lines if line.startswith(name) and '"colours"' in line)

    await ask(client, [ROW], model="colours")
    draws = await counted("credence_draws_total")
    answer = await ask(client, [{**ROW, "colour": "violet"}], on_unknown="abstain", model="colours")
    assert answer["decision"] == ["abstain"]
    assert answer["label"] == [None]
    assert answer["mean"] == [[None] * 10]
    assert await counted("credence_draws_total") == draws
    abstained = await counted('credence_decisions_total{decision="abstain"')
    await ask(client, [{**ROW, "colour": "violet"}, ROW], on_unknown="abstain", model="colours")
    assert (
        float((await counted('credence_decisions_total{decision="abstain"')).split()[-1])
        == float(abstained.split()[-1]) + 1
    )


async def test_arrays_have_nan_and_empty_texts_for_rows_that_are_unknown(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/predict",
        params={"samples": 5, "on_unknown": "abstain", "model": "colours", "interval": 0.5},
        json={"inputs": [{**ROW, "colour": "violet", "size": 1e6}, ROW]},
        headers={"accept": "application/x-npz"},
    )
    answer = np.load(io.BytesIO(response.content))
    assert answer["decision"].tolist() == ["abstain", "accept"]
    assert answer["label"][0] == answer["prediction_set"][0] == ""
    assert answer["unknown"].tolist() == ['["colour"]', "[]"]
    assert answer["outside"].tolist() == ['["size"]', "[]"]
    assert np.isnan(answer["mean"]).tolist() == [[True] * 10, [False] * 10]


async def test_a_value_far_beyond_the_training_rows_is_named_and_abstained_from(client: httpx.AsyncClient) -> None:
    rows = [ROW, {**ROW, "garage": 5.9}, {**ROW, "garage": 12}, {**ROW, "garage": -6, "size": 500}]
    named = await ask(client, rows)
    assert named["outside"] == [[], [], ["garage"], ["size", "garage"]]
    assert named["decision"] == ["accept", "accept", "abstain", "abstain"]
    assert named["alarms"] == [[], [], ["outside"], ["outside"]]
    assert named["ood_score"] == [0, 0, pytest.approx(8 / 4), pytest.approx(390 / 100)]
    position = [[row["size"], 0, 1, 0, row["garage"]] for row in rows]
    assert await ask(client, position) == named
    without = await ask(client, [{**ROW, "garage": 12}], samples=0)
    assert (without["ood_score"], without["decision"], without["outside"]) == (None, None, [["garage"]])


async def test_dates_and_missing_values_go_by_name_alone(client: httpx.AsyncClient) -> None:
    row = {"size m/s~": 0.2, "sold": "2022-05-05", "colour": "red"}
    rows = [row, {**row, "size m/s~": None}, {**row, "size m/s~": "n/a"}]
    answer = await ask(client, rows, model="sales")
    assert answer["mean"][1] == answer["mean"][2] != answer["mean"][0]
    text = "sold,colour,size m/s~\n2022-05-05,red,.2\n2022-05-05,red,\n2022-05-05,red, N/A\n"
    assert await post_csv(client, text, model="sales") == answer
    absent = faults(await ask(client, [row, {"sold": "soon", "colour": "red"}], 422, model="sales"))
    assert "or null where it is not known" in absent["/inputs/1/size m~1s~0"]
    assert "allowed are: dates as 2024-12-31" in absent["/inputs/1/sold"]
    problem = await ask(client, [[0.0] * 8], 422, model="sales")
    assert "by name alone: dates and missing values" in problem["detail"]
    assert '{"size m/s~":0.5,"sold":"2020-09-13","colour":"blue"}' in problem["detail"]


async def test_sequences_are_lists_of_records(client: httpx.AsyncClient) -> None:
    step, later = {"garage": 1, "colour": "red"}, {"garage": 19, "colour": "blue"}
    answer = await ask(client, [[step], [step, later]], model="diaries")
    assert answer["outside"] == [[], ["garage"]]
    one = [[1, 0, 1, 0]]
    assert await ask(client, [one, [*one, [19, 1, 0, 0]]], model="diaries") == answer
    abstained = await ask(client, [[step], [later, {**step, "colour": "pink"}]], model="diaries", on_unknown="abstain")
    assert abstained["unknown"] == [[], ["colour"]]
    assert abstained["mean"] == [[pytest.approx(answer["mean"][0][0])], [None]]
    wrong = faults(await ask(client, [[step], [step, {"garage": "x", "colour": "red"}]], 422, model="diaries"))
    assert list(wrong) == ["/inputs/1/1/garage"]
    assert "a record a step" in (await ask(client, [step], 422, model="diaries"))["detail"]
    assert "no list of records" in (await ask(client, [[step], []], 422, model="diaries"))["detail"]
    assert "1 to 3 steps" in (await ask(client, [[step] * 4], 422, model="diaries"))["detail"]


async def test_a_model_without_a_table_takes_records_of_its_named_numbers(client: httpx.AsyncClient) -> None:
    by_name = await ask(client, [{"c": 3, "a": 1, "b": 2}], model="plain")
    assert by_name == await ask(client, [[1, 2, 3]], model="plain")
    assert (
        "columns are: a, b, c" in (await ask(client, [{"a": 1, "b": 2, "c": 3, "d": 4}], 422, model="plain"))["detail"]
    )
    assert "takes images" in (await ask(client, [{"a": 1}], 422, model="digits"))["detail"]


@pytest.mark.parametrize("name", ["houses", "sales", "diaries"])
async def test_a_model_shows_its_columns_and_an_example_that_works(client: httpx.AsyncClient, name: str) -> None:
    model = (await client.get(f"/models/{name}")).json()
    columns = model["inputs"]["table"]["columns"]
    answer = await ask(client, model["example"]["inputs"], model=name)
    assert not any(answer["outside"])
    assert {"name": "colour", "kind": "category", "categories": ["blue", "red", "white"]}.items() <= next(
        column.items() for column in columns if column["name"] == "colour"
    )
    if name == "houses":
        assert columns[0] == {**columns[0], "unit": "m²", "low": 10.0, "high": 110.0}
        assert model["inputs"]["table"]["left_out"] == [{"name": "id", "reason": "an identifier"}]
        assert list(model["example"]["inputs"][0]) == [column.name for column in HOUSES.columns]


async def test_examples_of_a_table_are_records_too(client: httpx.AsyncClient) -> None:
    for name in ("houses", "sales", "diaries"):
        kept = (await client.get(f"/models/{name}/examples")).json()
        answered = await ask(client, kept["records"], model=name)
        assert len(answered["mean"]) == len(kept["inputs"])


async def test_a_wide_table_fits_the_body(client: httpx.AsyncClient) -> None:
    columns = {f"column {i}": [1.25] * 256 for i in range(500)}
    problem = await ask(client, columns, 422, model="plain")
    assert problem["detail"].startswith("503 faults in the rows")  # 500 that are not known, and 3 that are missing
    assert len(problem["errors"]) == 10


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/predict", "application/json, text/csv, "),
        ("/generate/infogan", "application/json"),
        ("/v2/models/houses/infer", "application/json, application/octet-stream"),
    ],
)
async def test_curl_that_sends_a_form_is_told_the_header(client: httpx.AsyncClient, path: str, answered: str) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post(path, content=b'{"inputs": []}', headers=headers)
    assert response.status_code == 415
    assert answered in response.json()["detail"]
    assert response.json()["detail"].endswith("; with curl -d say -H 'Content-Type: application/json'")


@pytest.mark.parametrize("model", ["houses", "sales", "plain"])
async def test_no_row_is_the_reason_where_there_is_none(client: httpx.AsyncClient, model: str) -> None:
    for nothing in ([], {}):
        assert "at least one" in (await ask(client, nothing, 422, model=model))["detail"]


async def test_a_sequence_of_another_shape_is_told_the_form_of_its_records(client: httpx.AsyncClient) -> None:
    for other in ([[[1.0]]], [1.0]):
        refused = await ask(client, other, 422, model="diaries")
        assert '; or send lists of records, a record a step, such as [{"garage":' in refused["detail"]
    response = await client.post("/predict?model=diaries", content=b"", headers={"content-type": "image/png"})
    assert response.json()["detail"] == "this model takes sequences; allowed are application/json and application/x-npy"
