"""The Open Inference Protocol: a stock client finds what it knows, and the metadata is true."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from patience import PATIENCE

pytestmark = pytest.mark.anyio

ROWS = np.random.default_rng(0).uniform(0, 16, (3, 64)).astype(np.float32)


def tensor(values: np.ndarray, **fields: Any) -> dict[str, Any]:
    return {
        "name": "inputs",
        "shape": list(values.shape),
        "datatype": "FP32",
        "data": values.ravel().tolist(),
        **fields,
    }


def by_name(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in answer["outputs"]}


@pytest.fixture
def stock(bundled_url: str) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(urlsplit(bundled_url).netloc)


def test_the_stock_client_lists_checks_and_infers_every_predictive_model(
    stock: triton.InferenceServerClient, bundled_url: str
) -> None:
    assert stock.is_server_live()
    assert stock.is_server_ready()
    assert stock.get_server_metadata()["name"] == "credence"
    index = stock.get_model_repository_index()
    catalogue = httpx.get(f"{bundled_url}/models", timeout=PATIENCE).json()["models"]
    assert {one["name"] for one in index} == {m["name"] for m in catalogue if m["task"] != "generation"}
    for one in index:
        assert stock.is_model_ready(one["name"])
        assert stock.is_model_ready(one["name"], one["version"])
        described = stock.get_model_metadata(one["name"])
        values, rows = some_rows(bundled_url, one["name"], described["inputs"])
        answers = {}
        for binary in (True, False):
            given = []
            for taken, array in zip(described["inputs"], values, strict=True):
                given.append(triton.InferInput(taken["name"], list(array.shape), taken["datatype"]))
                given[-1].set_data_from_numpy(array, binary_data=binary)
            wanted = [triton.InferRequestedOutput(o["name"], binary_data=binary) for o in described["outputs"]]
            result = stock.infer(one["name"], given, outputs=wanted, parameters={"samples": 4, "seed": 3})
            for output in described["outputs"]:
                array, told = result.as_numpy(output["name"]), result.get_output(output["name"])
                assert list(array.shape) == [2, *output["shape"][1:]]
                assert told["datatype"] == output["datatype"]
            answers[binary] = result.as_numpy("mean")
        assert (answers[True] == answers[False]).all()
        direct = httpx.post(
            f"{bundled_url}/predict",
            params={"model": one["name"], "samples": 4, "seed": 3},
            json={"inputs": rows},
            timeout=PATIENCE,
        ).json()
        assert np.allclose(answers[True], direct["mean"], rtol=1e-12)


def some_rows(url: str, name: str, tensors: list[dict[str, Any]]) -> tuple[list[np.ndarray], list[Any]]:
    """Two rows of a model: as the tensors that it takes, and as `/predict` does."""
    if [tensor["name"] for tensor in tensors] == ["inputs"]:
        kept = httpx.get(f"{url}/models/{name}/examples", timeout=PATIENCE).json()["inputs"]
        values = np.array([kept[0], kept[-1]], np.float32)
        return [values], values.tolist()
    (record,) = httpx.get(f"{url}/models/{name}", timeout=PATIENCE).json()["example"]["inputs"]
    kinds = {"FP64": np.float64, "BYTES": np.object_}
    return [np.array([[record[t["name"]]]] * 2, kinds[t["datatype"]]) for t in tensors], [record, record]


def test_without_outputs_all_that_the_metadata_names_come(stock: triton.InferenceServerClient) -> None:
    given = triton.InferInput("inputs", list(ROWS.shape), "FP32")
    given.set_data_from_numpy(ROWS)
    result = stock.infer("digits-mlp-mc_dropout", [given]).get_response()
    described = stock.get_model_metadata("digits-mlp-mc_dropout")
    assert [one["name"] for one in result["outputs"]] == [one["name"] for one in described["outputs"]]


def test_every_call_of_the_stock_client_is_answered_or_refused_in_words(stock: triton.InferenceServerClient) -> None:
    name = "digits-mlp-mc_dropout"
    given = triton.InferInput("inputs", list(ROWS.shape), "FP32")
    given.set_data_from_numpy(ROWS)
    plain = stock.infer(name, [given]).as_numpy("mean")
    before = stock.get_inference_statistics(name)["model_stats"][0]
    options: list[dict[str, Any]] = [
        {"timeout": 60_000_000},
        {"timeout": 0},
        {"priority": 1},
        {"priority": 2**40},
        {"sequence_id": 7, "sequence_start": True, "sequence_end": True},
        {"sequence_id": "mine"},
        {"request_compression_algorithm": "gzip"},
        {"request_compression_algorithm": "deflate"},
        {"response_compression_algorithm": "gzip"},
        {"response_compression_algorithm": "deflate"},
        {"parameters": {"content_type": "np"}},
        {"model_version": "1", "request_id": "mine", "priority": 0},
    ]
    for option in options:
        assert (stock.infer(name, [given], **option).as_numpy("mean") == plain).all(), option
    after = stock.get_inference_statistics(name, "1")["model_stats"][0]
    for part in ("success", "queue", "compute_infer"):
        done = {
            unit: after["inference_stats"][part][unit] - before["inference_stats"][part][unit]
            for unit in ("count", "ns")
        }
        assert done["count"] == len(options)
        assert done["ns"] > 0
    assert after["inference_count"] - before["inference_count"] == len(ROWS) * len(options)
    assert after["execution_count"] - before["execution_count"] == len(options)
    assert {one["batch_size"] for one in after["batch_stats"]} >= {len(ROWS)}
    assert after["last_inference"] > before["last_inference"] > 1_000_000_000_000
    assert after["inference_stats"]["fail"] == before["inference_stats"]["fail"]
    everything = stock.get_inference_statistics()["model_stats"]
    assert {one["name"] for one in everything} == {one["name"] for one in stock.get_model_repository_index()}
    with pytest.raises(triton.InferenceServerException, match=r"no answer within 1e-06 s"):
        stock.infer(name, [given], timeout=1)
    failed = stock.get_inference_statistics(name)["model_stats"][0]["inference_stats"]["fail"]
    assert failed["count"] == before["inference_stats"]["fail"]["count"] + 1
    stock.load_model(name)
    stock.unload_model(name)
    assert name not in {one["name"] for one in stock.get_model_repository_index()}
    stock.load_model(name)
    assert stock.is_model_ready(name)
    for call in (
        stock.get_trace_settings,
        lambda: stock.update_trace_settings(name, settings={"trace_level": "OFF"}),
        stock.get_log_settings,
        lambda: stock.update_log_settings({"log_verbose_level": 1}),
        stock.get_system_shared_memory_status,
        lambda: stock.register_system_shared_memory("mine", "/mine", 8),
        stock.unregister_cuda_shared_memory,
    ):
        with pytest.raises(triton.InferenceServerException, match="GET /v2 lists"):
            call()


def test_the_configuration_has_the_tensors_without_their_rows(stock: triton.InferenceServerClient) -> None:
    types = {"FP32": "TYPE_FP32", "FP64": "TYPE_FP64", "BYTES": "TYPE_STRING"}
    for one in stock.get_model_repository_index():
        config = stock.get_model_config(one["name"])
        assert config == stock.get_model_config(one["name"], one["version"])
        assert (config["name"], config["platform"], config["backend"]) == (one["name"], "credence_torch", "credence")
        assert 1 <= config["max_batch_size"] <= 256
        described = stock.get_model_metadata(one["name"])
        for side in ("input", "output"):
            for tensor_config, told in zip(config[side], described[f"{side}s"], strict=True):
                assert (tensor_config["name"], tensor_config["data_type"]) == (told["name"], types[told["datatype"]])
                assert tensor_config.get("reshape", {"shape": tensor_config["dims"]})["shape"] == told["shape"][1:]
                assert all(side > 0 for side in tensor_config["dims"])


@pytest.mark.parametrize("binary", [True, False])
def test_the_most_probable_classes_come_as_the_protocol_writes_them(
    stock: triton.InferenceServerClient, binary: bool
) -> None:
    given = triton.InferInput("inputs", list(ROWS.shape), "FP32")
    given.set_data_from_numpy(ROWS)
    means = stock.infer("digits-mlp-mc_dropout", [given]).as_numpy("mean")
    for count, shown in ((3, 3), (99, 10)):
        wanted = triton.InferRequestedOutput("mean", binary_data=binary, class_count=count)
        classes = stock.infer("digits-mlp-mc_dropout", [given], outputs=[wanted]).as_numpy("mean")
        assert classes.shape == (len(ROWS), shown)
        for row, texts in zip(means, classes, strict=True):
            values, places, names = zip(*(bytes(t).decode().split(":") for t in texts.astype("S")), strict=True)
            assert places == names == tuple(map(str, np.argsort(-row, kind="stable")[:shown]))
            np.testing.assert_allclose(np.array(values, float), np.sort(row)[::-1][:shown], rtol=1e-8)


async def test_a_regression_has_no_classes(client: httpx.AsyncClient) -> None:
    body = {
        "inputs": [tensor(np.ones((1, 3), np.float32))],
        "outputs": [{"name": "mean", "parameters": {"classification": 2}}],
    }
    refused = await client.post("/v2/models/regression/infer", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (
        422,
        "/outputs/0/parameters/classification",
    )


async def test_a_plain_request_is_answered_as_json_with_its_id(client: httpx.AsyncClient) -> None:
    of_mlserver = {"content_type": "np", "headers": {"Ce-Id": "1"}}
    body = {
        "id": "mine",
        "inputs": [tensor(ROWS, parameters={"content_type": "np"})],
        "parameters": {"samples": 7, "seed": 5, **of_mlserver},
    }
    response = await client.post("/v2/models/mlp/infer", json=body)
    answer = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("mlp", "1", "mine")
    reason = answer["parameters"]["decision_reason"]
    assert "not calibrated" in reason
    assert answer["parameters"] == {"seed": 5, "samples": 7, "stop_reason": "fixed", "decision_reason": reason}
    direct = (await client.post("/predict?model=mlp&samples=7&seed=5", json={"inputs": ROWS.tolist()})).json()
    outputs = by_name(answer)
    for name in ("label", "mean", "mutual_information"):
        assert outputs[name].tolist() == direct[name]
    again = await client.post("/v2/models/mlp/versions/1/infer", json=body)
    assert again.json() == answer


async def test_nested_data_and_whole_numbers_are_taken(client: httpx.AsyncClient) -> None:
    whole = np.rint(ROWS)
    flat = await client.post("/v2/models/mlp/infer", json={"inputs": [tensor(whole)]})
    nested = tensor(whole, data=whole.reshape(3, 1, 8, 8).tolist(), shape=[3, 1, 8, 8], datatype="UINT8")
    assert (await client.post("/v2/models/mlp/infer", json={"inputs": [nested]})).json() == flat.json()


async def test_tolerance_and_interval_travel_as_parameters(client: httpx.AsyncClient) -> None:
    rows = np.ones((2, 3), np.float32)
    parameters = {"samples": "auto", "tolerance": 1e9, "interval": 0.9}
    answer = (
        await client.post("/v2/models/regression/infer", json={"inputs": [tensor(rows)], "parameters": parameters})
    ).json()
    assert answer["parameters"]["stop_reason"] == "tolerance"
    assert answer["parameters"]["interval_method"] == "credible"
    outputs = by_name(answer)
    assert (outputs["interval_lower"] < outputs["mean"]).all()
    assert (outputs["mean"] < outputs["interval_upper"]).all()


async def test_one_function_names_no_epistemic_output(client: httpx.AsyncClient) -> None:
    body = {"inputs": [tensor(ROWS)], "parameters": {"samples": 0}}
    outputs = by_name((await client.post("/v2/models/mlp/infer", json=body)).json())
    assert "mean" in outputs
    assert "mutual_information" not in outputs
    refused = await client.post("/v2/models/mlp/infer", json={**body, "outputs": [{"name": "mutual_information"}]})
    assert refused.status_code == 422
    assert "mean" in refused.json()["error"]


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v2")).json()["extensions"] == [
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "model_repository",
        "model_repository(unload_dependents)",
        "parameters",
        "statistics",
    ]
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/mlp/ready", "/v2/models/mlp/versions/1/ready"):
        assert (await client.get(path)).status_code == 200
    for path in ("/v2/models/nobody", "/v2/models/mlp/versions/7/ready", "/v2/models/mlp/versions/x", "/v2/models/vae"):
        refused = await client.get(path)
        assert refused.status_code == 404
        assert refused.json()["error"]


BAD: dict[str, dict[str, Any]] = {
    "no inputs": {},
    "inputs of another name": {"inputs": [tensor(ROWS, name="x")]},
    "two tensors": {"inputs": [tensor(ROWS), tensor(ROWS)]},
    "a shape that lies": {"inputs": [tensor(ROWS, shape=[4, 64])]},
    "a negative side": {"inputs": [tensor(ROWS, shape=[-3, -64])]},
    "a huge side": {"inputs": [tensor(ROWS, shape=[10**12, 64])]},
    "no shape": {"inputs": [tensor(ROWS, shape=[])]},
    "another datatype": {"inputs": [tensor(ROWS, datatype="BYTES")]},
    "text": {"inputs": [tensor(ROWS, data=["a"] * 192)]},
    "nothing": {"inputs": [tensor(ROWS, data=None)]},
    "both forms": {"inputs": [tensor(ROWS, parameters={"binary_data_size": 768})]},
    "not a number": {"inputs": [tensor(np.full_like(ROWS, np.nan))]},
    "an unknown parameter": {"inputs": [tensor(ROWS)], "parameters": {"secret": 1}},
    "a model in the parameters": {"inputs": [tensor(ROWS)], "parameters": {"model": "convnet"}},
    "no draws allowed": {"inputs": [tensor(ROWS)], "parameters": {"samples": 10**9}},
    "an unknown output": {"inputs": [tensor(ROWS)], "outputs": [{"name": "secret"}]},
    "an unknown parameter of an output": {
        "inputs": [tensor(ROWS)],
        "outputs": [{"name": "mean", "parameters": {"secret": 3}}],
    },
    "half a character": {"inputs": [tensor(ROWS)], "id": "\ud800"},
    "a long id": {"inputs": [tensor(ROWS)], "id": "x" * 1000},
    "an id that is no text": {"inputs": [tensor(ROWS)], "id": 3},
    "inputs that are no list": {"inputs": {"name": "inputs"}},
    "an input that is no object": {"inputs": ["secret"]},
    "an unknown key": {"inputs": [tensor(ROWS)], "secret": 1},
    "an unknown key of a tensor": {"inputs": [tensor(ROWS, secret=1)]},
    "an unknown key of an output": {"inputs": [tensor(ROWS)], "outputs": [{"name": "mean", "secret": 1}]},
    "a parameter of a tensor": {"inputs": [tensor(ROWS, parameters={"secret": 1})]},
    "shared memory of a tensor": {"inputs": [tensor(ROWS, parameters={"shared_memory_region": "secret"})]},
    "shared memory of an output": {
        "inputs": [tensor(ROWS)],
        "outputs": [{"name": "mean", "parameters": {"shared_memory_region": "secret"}}],
    },
    "a timeout that is no number": {"inputs": [tensor(ROWS)], "parameters": {"timeout": "secret"}},
    "a timeout below 0": {"inputs": [tensor(ROWS)], "parameters": {"timeout": -1}},
    "a priority of a half": {"inputs": [tensor(ROWS)], "parameters": {"priority": 0.5}},
    "a content type of a tensor": {"inputs": [tensor(ROWS, parameters={"content_type": "base64"})]},
    "a content type": {"inputs": [tensor(ROWS)], "parameters": {"content_type": ["secret"]}},
    "classes of a text": {
        "inputs": [tensor(ROWS)],
        "outputs": [{"name": "mean", "parameters": {"classification": True}}],
    },
    "classes of an entropy": {
        "inputs": [tensor(ROWS)],
        "outputs": [{"name": "mutual_information", "parameters": {"classification": 3}}],
    },
    "an output twice": {"inputs": [tensor(ROWS)], "outputs": [{"name": "mean"}, {"name": "mean"}]},
    "a text for a flag": {"inputs": [tensor(ROWS)], "parameters": {"binary_data_output": "false"}},
    "a number for a flag": {"inputs": [tensor(ROWS)], "parameters": {"binary_data_output": 1}},
    "a text for a flag of an output": {
        "inputs": [tensor(ROWS)],
        "outputs": [{"name": "mean", "parameters": {"binary_data": "false"}}],
    },
    "a fraction of a whole number": {"inputs": [tensor(ROWS, datatype="INT32", data=[1.5] * 192)]},
    "a byte of 300": {"inputs": [tensor(ROWS, datatype="UINT8", data=[300] * 192)]},
    "a byte below 0": {"inputs": [tensor(ROWS, datatype="UINT8", data=[-1] * 192)]},
    "an INT8 of 128": {"inputs": [tensor(ROWS, datatype="INT8", data=[128.0] * 192)]},
    "an INT64 of 2**63": {"inputs": [tensor(ROWS, datatype="INT64", data=[2**63] * 192)]},
    "infinity as a whole number": {"inputs": [tensor(ROWS, datatype="INT16", data=[float("inf")] * 192)]},
    "samples out of range": {"inputs": [tensor(ROWS)], "parameters": {"samples": 1.5}},
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_wrong_is_said_to_clients_of_this_protocol(client: httpx.AsyncClient, case: str) -> None:
    body = json.dumps(BAD[case])
    refused = await client.post("/v2/models/mlp/infer", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    problem = refused.json()
    assert problem["error"] == problem["detail"]
    assert "secret" not in refused.text


PLACES = {
    "an unknown key": ("", "keys are: inputs, outputs, parameters, id"),
    "an unknown key of a tensor": ("/inputs/0", "keys are: name, shape, datatype, parameters, data"),
    "an unknown key of an output": ("/outputs/0", "keys are: name, parameters"),
    "a parameter of a tensor": ("/inputs/0/parameters", "known are: binary_data_size, content_type"),
    "shared memory of a tensor": ("/inputs/0/parameters", "no shared memory"),
    "shared memory of an output": ("/outputs/0/parameters", "no shared memory"),
    "a timeout that is no number": ("/parameters/timeout", "whole number from 0"),
    "a timeout below 0": ("/parameters/timeout", "whole number from 0"),
    "a priority of a half": ("/parameters/priority", "whole number from 0"),
    "a content type of a tensor": ("/inputs/0/parameters/content_type", "np, pd, str"),
    "a content type": ("/parameters/content_type", "np, pd, str"),
    "classes of a text": ("/outputs/0/parameters/classification", "whole number"),
    "classes of an entropy": ("/outputs/0/parameters/classification", 'the output "mean" of a classification'),
    "a text for a flag": ("/parameters/binary_data_output", "allowed are true and false"),
    "a text for a flag of an output": ("/outputs/0/parameters/binary_data", "allowed are true and false"),
    "a byte of 300": ("/inputs/0/data", "no UINT8"),
    "a byte below 0": ("/inputs/0/data", "no UINT8"),
    "an INT8 of 128": ("/inputs/0/data", "no INT8"),
    "an INT64 of 2**63": ("/inputs/0/data", "no INT64"),
    "inputs that are no list": ("/inputs", "`array`"),
    "an input that is no object": ("/inputs/0", "`object`"),
    "samples out of range": ("/parameters/samples", "fractional part"),
    "no draws allowed": ("/parameters/samples", "allowed is a whole number"),
}


@pytest.mark.parametrize("case", PLACES)
async def test_the_place_of_what_is_wrong_is_told(client: httpx.AsyncClient, case: str) -> None:
    (error,) = (await client.post("/v2/models/mlp/infer", json=BAD[case])).json()["errors"]
    pointer, detail = PLACES[case]
    assert error["pointer"] == pointer
    assert detail in error["detail"]


async def test_whole_numbers_of_every_type_are_taken_to_its_limits(client: httpx.AsyncClient) -> None:
    for datatype in ("INT8", "UINT8", "INT64", "UINT64"):
        for data in ([0] * 192, [16.0] * 192):
            body = {"inputs": [tensor(ROWS, datatype=datatype, data=data)]}
            assert (await client.post("/v2/models/mlp/infer", json=body)).status_code == 200
    body = {"inputs": [tensor(ROWS, datatype="UINT64", data=[2**64 - 1] * 192)]}
    refused = await client.post("/v2/models/mlp/infer", json=body)
    assert "from 0 to 16" in refused.json()["detail"]  # of the type, but not of the model


@pytest.mark.parametrize("path", ["/v2/models/mlp/infer", "/v2/models/mlp/versions/1/infer"])
@pytest.mark.parametrize("query", ["samples=3", "version=1", "secret=1"])
async def test_options_do_not_travel_in_the_query(client: httpx.AsyncClient, path: str, query: str) -> None:
    refused = await client.post(f"{path}?{query}", json={"inputs": [tensor(ROWS)]})
    assert refused.status_code == 422
    assert "parameters of the request" in refused.json()["detail"]
    assert "secret" not in refused.text


@pytest.mark.parametrize("path", ["/v2/models/mlp", "/v2/models/mlp/versions/1", "/v2/models/mlp/ready"])
async def test_a_version_in_the_query_is_refused(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"{path}?version=1")).status_code == 422


@pytest.mark.parametrize(
    ("headers", "binary", "status"),
    [
        ({"content-type": "text/plain"}, False, 415),
        ({"content-type": "application/x-npy"}, False, 415),
        ({"content-type": "application/octet-stream"}, False, 200),
        ({"content-type": "application/json; charset=utf-8"}, False, 200),
        ({"accept": "text/html"}, False, 406),
        ({"accept": "application/json"}, False, 200),
        ({"accept": "application/json"}, True, 406),
        ({"accept": "application/octet-stream"}, False, 406),
        ({"accept": "application/octet-stream"}, True, 200),
        ({"accept": "*/*"}, True, 200),
    ],
)
async def test_types_that_this_protocol_does_not_have(
    client: httpx.AsyncClient, headers: dict[str, str], binary: bool, status: int
) -> None:
    body = json.dumps({"inputs": [tensor(ROWS)], "parameters": {"binary_data_output": binary}})
    answer = await client.post("/v2/models/mlp/infer", content=body, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("length", "size", "tail"),
    [
        ("9999999", 768, 768),
        ("0" * 5000, 768, 768),
        ("x", 768, 768),
        (None, 768, 768),
        ("right", 767, 768),
        ("right", 768, 100),
        ("right", -1, 0),
        ("right", True, 1),
    ],
)
async def test_bytes_that_do_not_fit_their_header(
    client: httpx.AsyncClient, length: str | None, size: int, tail: int
) -> None:
    one = {k: v for k, v in tensor(ROWS).items() if k != "data"} | {"parameters": {"binary_data_size": size}}
    header = json.dumps({"inputs": [one]}).encode()
    sent = {} if length is None else {"Inference-Header-Content-Length": length.replace("right", str(len(header)))}
    refused = await client.post("/v2/models/mlp/infer", content=header + bytes(tail), headers=sent)
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["error"]
