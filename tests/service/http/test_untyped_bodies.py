"""Bodies without a Content-Type, as a page of any site may send one without asking: no route reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from random_models import digits

from service.app import ROUTES

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

BODY = json.dumps({"inputs": digits(1), "instances": digits(1)}).encode()
KNOWN = {"{name}": "mlp", "{version}": "1", "{family}": "vae", "{model}": "mlp", "{path:path}": "x"}
PAGE = {"origin": "https://elsewhere.example"}
READ_NOTHING = {"/v2/repository/index", "/models/{name}/load", "/models/{name}/unload", "/models/{name}/reload"}
"""Routes that take no body, whatever its type."""


def addresses() -> list[str]:
    """Paths of all POST routes that read a body, as the framework writes them."""
    routes = [route for group in ROUTES for route in group.router.routes if "POST" in route.methods]
    return [r.path for r in routes if r.path not in READ_NOTHING and r.endpoint.__name__ != "not_here"]


def filled(path: str) -> str:
    for part, value in KNOWN.items():
        path = path.replace(part, value)
    return path


async def test_a_body_without_a_type_is_refused_on_every_route(app: App) -> None:
    async with app() as client:
        assert len(addresses()) > 12
        for path in addresses():
            refused = await client.post(filled(path), content=BODY, headers=PAGE)
            assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-media-type"), path
            assert "the body has no Content-Type; allowed" in refused.json()["detail"]
            assert "application/json" in refused.json()["detail"]
            if not path.startswith("/v2/"):
                assert (await client.post(filled(path), content=BODY)).status_code == 415, path


async def test_the_usual_client_of_the_open_inference_protocol_sends_no_type(app: App) -> None:
    tensor = {"name": "inputs", "shape": [1, 64], "datatype": "FP32", "data": digits(1)[0]}
    async with app() as client:
        answer = await client.post("/v2/models/mlp/infer", content=json.dumps({"inputs": [tensor]}))
        assert answer.status_code == 200, answer.text


async def test_where_there_is_no_body_no_type_is_missing(app: App) -> None:
    async with app() as client:
        assert (await client.post("/v2/repository/models/mlp/load")).status_code == 200
        empty = await client.post("/predict")
        assert (empty.status_code, empty.json()["code"]) == (400, "not-json")
