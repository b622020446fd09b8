"""The OpenAPI document tells the truth about the routes."""

from __future__ import annotations

import httpx
import pytest

from service.schemas import PredictAnswer, PredictOptions

pytestmark = pytest.mark.anyio


async def test_the_documented_example_is_answered_as_documented(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, model_path in (("/predict", "/predict"), ("/generate/{family}", "/generate/infogan")):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        response = await client.post(model_path, json=content["example"])
        assert response.status_code == 200
        schema = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert set(response.json()) <= set(schema["properties"])
        assert set(schema["required"]) <= set(response.json())


async def test_every_option_is_documented_once(client: httpx.AsyncClient) -> None:
    parameters = (await client.get("/openapi.json")).json()["paths"]["/predict"]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == list(PredictOptions.model_fields)
    assert all(parameter["description"] for parameter in parameters)


async def test_an_answer_fits_its_schema(client: httpx.AsyncClient) -> None:
    options = "samples=5&interval=0.9&draws=true&covariance=true"
    for model in ("mlp", "regression"):
        inputs = [[1.0] * (64 if model == "mlp" else 3)]
        response = await client.post(f"/predict?model={model}&{options}", json={"inputs": inputs})
        PredictAnswer.model_validate(response.json(), strict=True, extra="forbid")


async def test_docs_are_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/")).headers["location"] == "/docs"
