"""Layers: one list states their order, and a layer that is added to it is in front of every route."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from random_models import digits
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from service.app import ROUTES, create_app
from service.http import layers
from service.http.layer import Layer
from service.http.layers import LAYERS, Draining, Errors, HeadLimit, Metrics, RequestId
from service.settings import Settings

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

EVERYWHERE = [(method, route.path) for group in ROUTES for route in group.router.routes for method in route.methods]
OUTSIDE = [("GET", "/nowhere"), ("PUT", "/predict"), ("GET", "/docs"), ("GET", "/openapi.json")]


class Keys(Layer):
    """Lets nobody in who has no key: all that an authentication layer needs."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (b"x-key", b"sesame") not in scope["headers"]:
            raise HTTPException(401, "no key was given; send one as X-Key", {"WWW-Authenticate": "X-Key"})
        await self._app(scope, receive, send)


def count(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    return client.runtime.telemetry.registry.get_sample_value(name, labels) or 0


def test_one_list_states_the_order_of_all_layers() -> None:
    assert list(LAYERS) == [RequestId, Metrics, Draining, Errors, HeadLimit]
    defined = {one for _, one in inspect.getmembers(layers, inspect.isclass) if issubclass(one, Layer)}
    assert set(LAYERS) == defined - {Layer}


async def test_a_request_passes_the_layers_in_the_order_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[type[Layer]] = []
    for layer in LAYERS:

        async def handle(self: Layer, scope: Scope, receive: Receive, send: Send, whole: Any = layer.handle) -> None:
            passed.append(type(self))
            await whole(self, scope, receive, send)

        monkeypatch.setattr(layer, "handle", handle)
    application = create_app(Settings(), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client:
        assert (await client.get("/health/live")).status_code == 200
    assert passed == list(LAYERS)


async def test_a_layer_that_one_line_adds_guards_every_route(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "LAYERS", (*LAYERS, Keys))
    async with app() as client:
        for method, path in EVERYWHERE + OUTSIDE:
            refused = await client.request(method, path)
            assert refused.status_code == 401, path
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["www-authenticate"] == "X-Key"
            problem = refused.json()
            assert (problem["code"], problem["detail"]) == ("unauthorized", "no key was given; send one as X-Key")
            assert problem["instance"].endswith(refused.headers["x-request-id"])
        tried = len(EVERYWHERE + OUTSIDE)
        assert count(client, "credence_rejections_total", reason="unauthorized") == tried
        pages = sum(path in ("/docs", "/openapi.json") for _, path in OUTSIDE)
        assert count(client, "credence_requests_total", route="unmatched", status="401") == tried - pages
        key = {"x-key": "sesame"}
        assert (await client.post("/predict", json={"inputs": digits(1)}, headers=key)).status_code == 200
        assert (await client.get("/nowhere", headers=key)).status_code == 404


async def test_a_refusal_outside_the_routes_is_counted_once_and_before_it_is_seen(app: App) -> None:
    async with app(max_header_bytes=1024) as client:
        refused = await client.get("/health/live", headers={"x-long": "a" * 2000, "x-request-id": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (431, "head-too-large")
        assert (refused.headers["x-request-id"], refused.json()["instance"]) == ("mine", "urn:credence:request:mine")
        assert count(client, "credence_rejections_total", reason="head-too-large") == 1
        assert count(client, "credence_requests_total", route="unmatched", status="431") == 1


async def test_while_draining_every_answer_asks_for_another_connection(client: httpx.AsyncClient) -> None:
    assert "connection" not in (await client.get("/health/live")).headers
    client.runtime.drain()
    for path, status in (("/health/live", 200), ("/nowhere", 404)):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["connection"]) == (status, "close")
