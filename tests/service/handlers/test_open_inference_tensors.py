"""Under the Open Inference Protocol a table goes as one tensor a column, in JSON and in bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

pytestmark = pytest.mark.anyio

COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "size": ("FP32", [100.0, 50.5]),
    "colour": ("BYTES", ["red", "blue"]),
    "garage": ("INT64", [2, 0]),
}
RECORDS = [{"size": 100, "colour": "red", "garage": 2}, {"size": 50.5, "colour": "blue", "garage": 0}]


def tensors(**changed: Any) -> list[dict[str, Any]]:
    columns = COLUMNS | changed
    return [
        {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}
        for name, (datatype, data) in columns.items()
    ]


async def infer(client: httpx.AsyncClient, inputs: Any, status: int = 200, **parameters: Any) -> dict[str, Any]:
    body = {"inputs": inputs, "parameters": {"samples": 5, **parameters}}
    response = await client.post("/v2/models/houses/infer", json=body)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def outputs(answer: dict[str, Any]) -> dict[str, Any]:
    return {output["name"]: output["data"] for output in answer["outputs"]}


async def test_columns_are_answered_as_records_are(tables: httpx.AsyncClient) -> None:
    expected = (await tables.post("/predict?samples=5", json={"inputs": RECORDS})).json()
    answer = await infer(tables, tensors(id=("BYTES", ["a", "b"])))
    assert outputs(answer)["mean"] == np.ravel(expected["mean"]).tolist()
    assert outputs(answer)["outside"] == ["[]", "[]"]
    assert answer["parameters"]["ignored"] == '["id"]'
    tall = [{**one, "shape": [2, 1], "data": [[value] for value in one["data"]]} for one in tensors()]
    assert outputs(await infer(tables, tall)) == outputs(answer)
    features = np.array([[100, 0, 1, 0, 2], [50.5, 1, 0, 0, 0]])
    one = [{"name": "inputs", "shape": [2, 5], "datatype": "FP64", "data": features.ravel().tolist()}]
    assert outputs(await infer(tables, one)) == outputs(answer)


@pytest.mark.parametrize("binary", [True, False])
async def test_a_stock_client_of_triton_sends_columns(tables: httpx.AsyncClient, binary: bool) -> None:
    given = []
    for name, (datatype, data) in COLUMNS.items():
        tensor = triton.InferInput(name, [2, 1], datatype)
        array = np.array(data, object if datatype == "BYTES" else {"FP32": np.float32, "INT64": np.int64}[datatype])
        tensor.set_data_from_numpy(array[:, None], binary_data=binary)
        given.append(tensor)
    wanted = [triton.InferRequestedOutput("mean", binary_data=binary), triton.InferRequestedOutput("outside")]
    body, length = triton.InferenceServerClient.generate_request_body(given, wanted, parameters={"samples": 5})
    headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
    response = await tables.post("/v2/models/houses/infer", content=body, headers=headers)
    assert response.status_code == 200, response.text
    length = response.headers.get("Inference-Header-Content-Length")
    result = triton.InferenceServerClient.parse_response_body(response.content, header_length=length and int(length))
    expected = (await tables.post("/predict?samples=5", json={"inputs": RECORDS})).json()
    assert result.as_numpy("mean").tolist() == expected["mean"]
    assert result.as_numpy("outside").tolist() == [b"[]", b"[]"]


async def test_the_metadata_lists_the_columns(tables: httpx.AsyncClient) -> None:
    listed = (await tables.get("/v2/models/houses")).json()["inputs"]
    assert listed == [
        {"name": "size", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "colour", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "garage", "datatype": "FP64", "shape": [-1, 1]},
    ]
    config = (await tables.get("/v2/models/houses/config")).json()["input"]
    assert config[1] == {"name": "colour", "data_type": "TYPE_STRING", "dims": [1]}
    plain = (await tables.get("/v2/models/plain")).json()["inputs"]
    assert plain == [{"name": "inputs", "datatype": "FP32", "shape": [-1, 3]}]


@pytest.mark.parametrize(
    ("inputs", "pointer", "said"),
    [
        (tensors(colour=("BYTES", ["red", "violet"])), "/inputs/1/data/1", '"violet" is not a known value'),
        (tensors(size=("BYTES", ["1", "2"])), "/inputs/0/data/0", '"1" is not allowed'),
        (tensors(size=("FP32", [1, None])), "/inputs/0/data/1", "the value of 'size' is missing"),
        (tensors(size=("BOOL", [True, False])), "/inputs/0/data/0", "true is not allowed"),
        (tensors(size=("FP32", [1])), "/inputs/1/data", 'the column "colour" has 2 cells, and "size" has 1'),
        (tensors()[:2], "/inputs", '"garage" is missing from all 2 rows'),
        (tensors(color=("BYTES", ["red", "red"])), "/inputs/3/data/0", 'did you mean "colour"?'),
        ([*tensors(), tensors()[0]], "/inputs/3/name", "has the name of another"),
        ([{**tensors()[0], "shape": [1, 2]}], "/inputs/0/shape", "[rows] and [rows, 1]"),
        ([{**tensors()[0], "datatype": "STRING"}], "/inputs/0/datatype", "allowed are: FP16"),
        ([{**tensors()[0], "parameters": {"binary_data_size": 4}}], "/inputs/0/parameters/binary_data_size", ""),
        ([{k: v for k, v in tensors()[0].items() if k != "data"}], "/inputs/0", "either data or binary_data_size"),
        ([{"name": "inputs", "shape": [1, 5], "datatype": "FP32", "data": [1, 2, 2, 2, 2]}], "/inputs/0/1", "one 1"),
        ([], "/inputs", "no row"),
    ],
)
async def test_what_cannot_be_used_is_named_with_its_place(
    tables: httpx.AsyncClient, inputs: Any, pointer: str, said: str
) -> None:
    problem = await infer(tables, inputs, 422)
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert said in problem["detail"]


async def test_rows_of_unknown_categories_are_null_where_that_is_asked_for(tables: httpx.AsyncClient) -> None:
    answer = outputs(await infer(tables, tensors(colour=("BYTES", ["red", "violet"])), on_unknown="abstain"))
    assert answer["decision"] == ["accept", "abstain"]
    assert answer["unknown"] == ["[]", '["colour"]']
    assert answer["mean"][1] is None
    assert answer["mean"][0] is not None


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x03\x00\x00\x00red\x09\x00\x00\x00blue", "ends after the bytes"),
        (b"\x02\x00\x00\x00r\xe9\x04\x00\x00\x00blue", "text 0 is not UTF-8"),
        (b"\xff\xff\xff\xffr", "ends after the bytes"),
        (b"\x03\x00\x00\x00red", "the tensor has 1 values"),
        (b"\x03\x00\x00\x00red\x04\x00\x00\x00blue!", "ends after the bytes"),
    ],
)
async def test_texts_that_are_cut_off_are_refused(tables: httpx.AsyncClient, raw: bytes, said: str) -> None:
    colour = {"name": "colour", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [colour, tensors()[0], tensors()[2]]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    response = await tables.post("/v2/models/houses/infer", content=head + raw, headers=headers)
    assert response.status_code == 422
    assert said in response.json()["detail"]


async def test_instances_of_kserve_are_records_too(tables: httpx.AsyncClient) -> None:
    expected = (await tables.post("/predict?samples=5", json={"inputs": RECORDS})).json()
    body = {"instances": [*RECORDS, {**RECORDS[0], "colour": "violet"}]}
    refused = await tables.post("/v1/models/houses:predict?samples=5", json=body)
    assert refused.json()["errors"][0]["pointer"] == "/instances/2/colour"
    answer = (await tables.post("/v1/models/houses:predict?samples=5&on_unknown=abstain", json=body)).json()
    assert [one["decision"] for one in answer["predictions"]] == ["accept", "accept", "abstain"]
    assert [one["unknown"] for one in answer["predictions"]] == [[], [], ["colour"]]
    assert [one["mean"] for one in answer["predictions"][:2]] == expected["mean"]
    assert answer["predictions"][2]["mean"] == [None]
