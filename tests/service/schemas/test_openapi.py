"""The OpenAPI document tells the truth about the routes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from service.schemas.generation_answers import (
    EncodeAnswer,
    GenerateAnswer,
    InterpolateAnswer,
    JobAnswer,
    MixAnswer,
    ReconstructAnswer,
    TraverseAnswer,
)
from service.schemas.prediction import PredictAnswer, PredictOptions

pytestmark = pytest.mark.anyio

INFER = "/v2/models/{name}/infer"
V1 = "/v1/models/{name}:predict"
CALIBRATED = "/calibrated/{name}"


async def test_the_documented_example_is_answered_as_documented(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, model_path in (
        ("/predict", "/predict"),
        ("/outcomes", "/outcomes"),
        ("/acquire", "/acquire"),
        ("/generate/{family}", "/generate/infogan"),
    ):
        await check_example(client, document, path, model_path)


async def test_the_documented_examples_of_images_are_answered_as_documented(images: httpx.AsyncClient) -> None:
    document = (await images.get("/openapi.json")).json()
    with_a_body = {path for path, methods in document["paths"].items() if "requestBody" in methods.get("post", {})}
    families = dict.fromkeys(with_a_body - {"/predict", "/acquire", "/outcomes", INFER, V1, CALIBRATED}, "layered") | {
        "/encode/{family}": "infogan"
    }
    families |= {"/generate/{family}/interpolate": "vae", "/reconstruct/{family}": "vae"}
    assert len(families) == 7
    for path, family in families.items():
        await check_example(images, document, path, path.format(family=family))


@pytest.mark.parametrize("path", [INFER, V1])
async def test_the_documented_example_of_other_protocols(client: httpx.AsyncClient, path: str) -> None:
    document = (await client.get("/openapi.json")).json()
    await check_example(client, document, path, path.format(name="mlp"))


async def check_example(client: httpx.AsyncClient, document: dict[str, Any], path: str, model_path: str) -> None:
    route = document["paths"][path]["post"]
    response = await client.post(model_path, json=route["requestBody"]["content"]["application/json"]["example"])
    schema = route["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
    assert set(response.json()) <= set(schema["properties"])
    assert set(schema["required"]) <= set(response.json())


async def test_a_job_is_answered_as_documented(images: httpx.AsyncClient) -> None:
    document = (await images.get("/openapi.json")).json()
    begun = (await images.post("/project/layered", json={"inputs": [[1.0] * 64]})).json()
    for method in ("get", "delete"):
        content = document["paths"]["/jobs/{job_id}"][method]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"]
        answer = (await images.request(method, f"/jobs/{begun['id']}")).json()
        assert set(schema["required"]) <= set(answer) == set(schema["properties"])


async def test_every_reference_in_the_document_leads_somewhere(images: httpx.AsyncClient) -> None:
    document = (await images.get("/openapi.json")).json()
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            part = document
            for step in value["$ref"].removeprefix("#/").split("/"):
                part = part[step]
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    body = document["paths"]["/generate/{family}/traverse"]["post"]["requestBody"]["content"]["application/json"]
    assert "control" in str(body["schema"]["properties"]["rows"])


ANSWERS = {
    "/generate/layered": (GenerateAnswer, {"n": 2}),
    "/generate/layered/traverse": (TraverseAnswer, {"rows": {"control": "noise"}}),
    "/generate/vae/interpolate": (InterpolateAnswer, {"from": {"seed": 1}, "to": {"seed": 2}}),
    "/generate/layered/mix": (MixAnswer, {"coarse": 1}),
    "/encode/infogan": (EncodeAnswer, {"inputs": [[1.0] * 64]}),
    "/reconstruct/vae": (ReconstructAnswer, {"inputs": [[1.0] * 64], "samples": 0}),
    "/project/layered": (JobAnswer, {"inputs": [[1.0] * 64]}),
}


@pytest.mark.parametrize("path", ANSWERS)
async def test_an_answer_with_images_fits_its_schema(images: httpx.AsyncClient, path: str) -> None:
    schema, body = ANSWERS[path]
    response = await images.post(path, json=body)
    assert schema.model_validate(response.json(), strict=True, extra="forbid")


async def test_every_option_is_documented_once(client: httpx.AsyncClient) -> None:
    parameters = (await client.get("/openapi.json")).json()["paths"]["/predict"]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == list(PredictOptions.model_fields)
    assert all(parameter["description"] for parameter in parameters)


async def test_only_what_a_text_can_say_is_an_option_of_the_query(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    parameters = {one["name"]: one["schema"] for one in paths["/generate/{family}"]["post"]["parameters"]}
    assert not parameters.keys() & {"codes", "z", "w"}
    assert parameters["seeds"]["type"] == "string"
    outputs = next(one for one in paths["/predict"]["post"]["parameters"] if one["name"] == "outputs")
    assert outputs["schema"]["type"] == "string"
    for path, methods in paths.items():
        for method in methods.values():
            for one in method.get("parameters", ()):
                assert not {"array", "object"} & set(types(one["schema"])), (path, one["name"])


def types(schema: dict[str, Any]) -> list[str]:
    return [kind.get("type", "") for kind in (schema, *schema.get("anyOf", ()))]


async def test_bounds_are_keywords_of_json_schema(client: httpx.AsyncClient) -> None:
    document = await client.get("/openapi.json")
    for literal in ('"ge":', '"gt":', '"le":', '"lt":', '"allow_inf_nan":'):
        assert literal not in document.text
    predict = document.json()["paths"]["/predict"]["post"]["parameters"]
    schemas = {one["name"]: one["schema"] for one in predict}
    assert (schemas["interval"]["exclusiveMinimum"], schemas["interval"]["maximum"]) == (0, 0.999)
    assert schemas["aleatoric_samples"]["minimum"] == 1
    whole, fresh = schemas["seed"]["anyOf"]
    assert (whole["minimum"], whole["exclusiveMaximum"], fresh["const"]) == (0, 2**64, "random")


async def test_what_is_read_documents_its_options_and_no_other(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    names = {
        path: [one["name"] for one in methods["get"].get("parameters", ()) if one["in"] == "query"]
        for path, methods in paths.items()
        if "get" in methods
    }
    options = {path: given for path, given in names.items() if given}
    assert options == {
        "/generate/{family}": ["model", "version"],
        "/models/{name}": ["version"],
        "/models/{name}/examples": ["version"],
        "/models/{name}/pictures/{file}": ["version"],
        "/outcomes/{name}": ["version"],
    }
    assert [one["in"] for one in paths[INFER]["post"]["parameters"]] == ["path"]


async def test_a_body_is_required_where_nothing_can_be_made_without(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    required = {path: methods["post"]["requestBody"]["required"] for path, methods in paths.items()
                if "requestBody" in methods.get("post", {})}  # fmt: skip
    assert [path for path, needed in required.items() if not needed] == ["/generate/{family}"]


async def test_probes_and_metrics_answer_as_documented(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert list(paths["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]
    assert (await client.get("/metrics")).headers["content-type"].startswith("text/plain")
    client.runtime.drain()
    for path in ("/health/ready", "/v2/health/ready", "/v2/models/{name}/ready"):
        answer = await client.get(path.format(name="mlp"))
        assert answer.status_code == 503
        assert answer.headers["content-type"] in paths[path]["get"]["responses"]["503"]["content"]


async def test_an_answer_fits_its_schema(client: httpx.AsyncClient) -> None:
    options = "samples=5&interval=0.9&draws=true&covariance=true"
    for model in ("mlp", "regression"):
        inputs = [[1.0] * (64 if model == "mlp" else 3)]
        response = await client.post(f"/predict?model={model}&{options}", json={"inputs": inputs})
        assert PredictAnswer.model_validate(response.json(), strict=True, extra="forbid")


async def test_docs_are_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
