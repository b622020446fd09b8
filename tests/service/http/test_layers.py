"""Layers: two lists state their order, and a layer that is added to them is in front of every route."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from random_models import digits
from starlette.exceptions import HTTPException
from starlette.types import Scope

from service.app import ROUTES, create_app
from service.http import layers
from service.http.access.layer import Access
from service.http.layer import Layer
from service.http.layers import ENVELOPE, GUARDS, Draining, HeadLimit, Metrics, RequestId
from service.http.rates import Rates
from service.http.request_log import RequestLog
from service.http.tracing.layer import Tracing
from service.settings import Settings

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

EVERYWHERE = [(method, route.path) for group in ROUTES for route in group.router.routes for method in route.methods]
OUTSIDE = [("GET", "/nowhere"), ("PUT", "/predict"), ("GET", "/openapi.json")]


class Keys(Layer):
    """Lets nobody in who has no key: all that an authentication layer needs."""

    def enter(self, scope: Scope) -> None:
        if (b"x-key", b"sesame") not in scope["headers"]:
            raise HTTPException(401, "no key was given; send one as X-Key", {"WWW-Authenticate": "X-Key"})


def count(client: httpx.AsyncClient, name: str, **labels: str) -> float:
    return client.runtime.telemetry.registry.get_sample_value(name, labels) or 0


def test_two_lists_state_the_order_of_all_layers() -> None:
    assert list(ENVELOPE) == [RequestId, Metrics, Tracing, RequestLog, Draining]
    assert list(GUARDS) == [HeadLimit, Access, Rates]
    defined = {one for _, one in inspect.getmembers(layers, inspect.isclass) if issubclass(one, Layer)}
    assert {*ENVELOPE, *GUARDS} == defined - {Layer}


async def test_a_request_passes_the_layers_in_the_order_of_the_lists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passed: list[type[Layer]] = []
    for layer in (*ENVELOPE, *GUARDS):

        def enter(self: Layer, scope: Scope, whole: Callable[[Layer, Scope], None] = layer.enter) -> None:
            passed.append(type(self))
            whole(self, scope)

        monkeypatch.setattr(layer, "enter", enter)
    settings = Settings(
        cors_origins="*", key_file=tmp_path / "keys.json", rate_limit="1/second", tracing=True, log_requests=True
    )
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # there is no collector
    application = create_app(settings, None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client:
        assert (await client.get("/health/live")).status_code == 200
    application.state.runtime.tracer.close()
    assert passed == [*ENVELOPE, *GUARDS]


async def test_a_layer_that_one_line_adds_guards_every_route(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "GUARDS", (*GUARDS, Keys))
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
        known = {("GET", "/openapi.json"), ("POST", "/predict")}  # before the framework has looked for a route
        assert count(client, "credence_requests_total", route="unmatched", status="401") == tried - len(known)
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


async def test_head_is_answered_as_get_without_the_body(app: App) -> None:
    """On every route, with the status and the header lines of GET; a route that has no GET refuses it as one."""
    known = {"{name}": "mlp", "{version}": "1", "{family}": "vae", "{path:path}": "main.js", "{job_id}": "none"}
    async with app() as client:
        client.headers["accept-encoding"] = "identity"
        for _, template in EVERYWHERE + OUTSIDE:
            path = functools.reduce(lambda path, part: path.replace(*part), known.items(), template)
            get, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (get.status_code, b""), path
            if path not in ("/metrics", "/health/predict"):  # these differ from one answer to the next
                assert head.headers["content-length"] == str(len(get.content)), path
            assert head.headers["content-type"] == get.headers["content-type"]
        refused = await client.head("/predict")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert (await client.post("/models")).headers["allow"] == "GET, HEAD"
        client.runtime.phase = "loading"
        assert (await client.head("/health/ready")).status_code == 503
        documented = (await client.get("/openapi.json")).json()["paths"].values()
        assert not [methods for methods in documented if "head" in methods]


async def test_pages_of_named_origins_may_call_everything_and_read_every_answer(app: App) -> None:
    page = {"origin": "https://lab.example"}
    async with app(cors_origins="https://lab.example") as client:
        asked = {**page, "access-control-request-headers": "content-type,x-request-id,content-encoding"}
        for method in ("GET", "HEAD", "POST", "DELETE"):
            allowed = await client.options("/predict", headers={**asked, "access-control-request-method": method})
            assert allowed.status_code == 200
            assert allowed.headers["access-control-allow-origin"] == "https://lab.example"
            assert method in allowed.headers["access-control-allow-methods"]
            assert allowed.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
        for path, status in (("/models", 200), ("/nowhere", 404), ("/predict", 405)):
            answer = await client.get(path, headers=page)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, page["origin"])
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
        stranger = {"origin": "https://other.example"}
        assert "access-control-allow-origin" not in (await client.get("/models", headers=stranger)).headers
        for headers in (
            {**stranger, "access-control-request-method": "POST"},
            {**page, "access-control-request-method": "TRACE"},
        ):
            refused = await client.options("/predict", headers=headers)
            assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
            assert "CREDENCE_CORS_ORIGINS" in refused.json()["detail"]
    async with app() as client:
        off = await client.options("/predict", headers={**page, "access-control-request-method": "POST"})
        assert off.status_code == 405
        assert "access-control-allow-origin" not in (await client.get("/models", headers=page)).headers
