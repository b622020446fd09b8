"""The short way: the endpoint that the framework would have called, with the same answer, label and document."""

from __future__ import annotations

import httpx
import pytest
from random_models import digits
from starlette.types import Receive, Scope, Send

from service.http.direct import Direct
from service.routes import predict

pytestmark = pytest.mark.anyio


async def test_only_the_path_and_method_of_a_route_take_it() -> None:
    passed: list[tuple[str, str]] = []

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append((scope["method"], scope["path"]))

    direct = Direct(framework, predict.router.routes)
    for asked in (("GET", "/predict"), ("POST", "/predict/"), ("POST", "/models")):
        scope = {"type": "http", "method": asked[0], "path": asked[1]}
        await direct(scope, None, None)
        assert passed[-1] == asked
        assert "route" not in scope
    with pytest.raises(KeyError):  # the endpoint looks for what a whole request has
        await direct({"type": "http", "method": "POST", "path": "/predict"}, None, None)
    assert len(passed) == 3


async def test_both_ways_give_one_answer(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def whole_way(self: Direct, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    body = {"inputs": digits(2), "samples": 3}
    short = await client.post("/predict", json=body)
    monkeypatch.setattr(Direct, "__call__", whole_way)
    long = await client.post("/predict", json=body)
    assert (short.status_code, short.text) == (200, long.text)
    assert set(short.headers) == set(long.headers)
    count = client.runtime.telemetry.registry.get_sample_value
    assert count("credence_requests_total", {"route": "/predict", "status": "200"}) == 2
