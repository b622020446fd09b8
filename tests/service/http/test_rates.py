"""Rates by client: refused with 429 apart from overload, told in every answer, and off without the setting."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import httpx
import pytest
from limits import strategies
from pydantic import ValidationError
from random_models import digits

from service.http.clients import network_of
from service.settings import Settings

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def test_a_client_beyond_its_rate_gets_429_and_others_do_not(app: App) -> None:
    async with app(rate_limit="3/hour") as client:
        body = {"inputs": digits(1), "samples": 1}
        answers = [await client.post("/predict", json=body) for _ in range(3)]
        assert [one.status_code for one in answers] == [200] * 3
        assert [one.headers["RateLimit"].partition(";t=")[0] for one in answers] == [
            f'"requests";r={left}' for left in (2, 1, 0)
        ]
        refused = await client.post("/predict", json=body)
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert "allowed are 3/hour" in refused.json()["detail"]
        assert refused.headers["RateLimit-Policy"] == '"requests";q=3;w=3600'
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert (await client.get("/models")).status_code == 429
        for path in ("/health/live", "/health/ready", "/v2/health/ready", "/metrics"):
            watched = await client.get(path)
            assert watched.status_code == 200
            assert "RateLimit" not in watched.headers
        transport = httpx.ASGITransport(client.application, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as other:
            assert (await other.post("/predict", json=body)).status_code == 200


@pytest.mark.parametrize(("jump", "seconds"), [(86_400, "3600"), (-86_400, "1")])
async def test_a_clock_that_is_set_tells_no_client_to_wait_for_longer_than_the_window(
    app: App, monkeypatch: pytest.MonkeyPatch, jump: int, seconds: str
) -> None:
    async with app(rate_limit="1/hour") as client:
        assert (await client.get("/models")).status_code == 200
        monkeypatch.setattr(strategies, "time", SimpleNamespace(time=lambda: time.time() + jump))
        refused = await client.get("/models")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, seconds)
        assert refused.headers["RateLimit"].endswith(f";t={seconds}")


async def test_without_a_rate_nothing_is_counted(app: App) -> None:
    async with app() as client:
        answer = await client.post("/predict", json={"inputs": digits(1), "samples": 1})
    assert not {"ratelimit", "ratelimit-policy"} & {*answer.headers}


def test_a_text_that_is_no_rate_is_refused_when_the_service_starts() -> None:
    assert Settings(rate_limit="20/minute").rate_limit == "20/minute"
    for text in ("fast", "100", "-1/second"):
        with pytest.raises(ValidationError, match="allowed are such as 100/second"):
            Settings(rate_limit=text)


def test_all_addresses_of_a_home_are_one_client() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.7") == "192.0.2.7"
    assert network_of("not:an:address") == "not:an:address"
