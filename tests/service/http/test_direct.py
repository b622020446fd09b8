"""The short way: the endpoint that the framework would have called, with the same answer, label and document."""

from __future__ import annotations

import httpx
import pytest
from random_models import digits
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.direct import Direct
from service.routes import predict

pytestmark = pytest.mark.anyio


async def test_only_the_path_and_method_of_the_route_take_the_short_way() -> None:
    passed: list[tuple[str, str, str]] = []

    def way(name: str) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            passed.append((name, scope["method"], scope["path"]))

        return app

    (route,) = predict.router.routes
    direct = Direct(way("framework"), route, way("short"))
    for asked in (("GET", "/predict"), ("POST", "/predict/"), ("POST", "/models"), ("POST", "/predict")):
        scope = {"type": "http", "method": asked[0], "path": asked[1]}
        await direct(scope, None, None)
        assert passed[-1] == ("short" if asked == ("POST", "/predict") else "framework", *asked)
        assert ("route" in scope) == (passed[-1][0] == "short")


async def test_both_ways_give_one_answer(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def whole_way(self: Direct, scope: Scope, receive: Receive, send: Send) -> None:
        await self._framework(scope, receive, send)

    body = {"inputs": digits(2), "samples": 3}
    short = await client.post("/predict", json=body)
    monkeypatch.setattr(Direct, "__call__", whole_way)
    long = await client.post("/predict", json=body)
    assert (short.status_code, short.text) == (200, long.text)
    assert set(short.headers) == set(long.headers)
    count = client.runtime.telemetry.registry.get_sample_value
    assert count("credence_requests_total", {"route": "/predict", "status": "200"}) == 2
