"""Access: with a file of keys every route is closed until a scope opens it."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from random_models import digits

from service.app import create_app
from service.http.access.key_file import changing_keys
from service.http.access.keys import SCOPES, Scope, make_key
from service.http.access.layer import all_routes
from service.http.access.scopes import NEEDED, OPEN
from service.settings import Settings

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

ROUTES = {
    (method, getattr(route, "path", ""))
    for route in all_routes(create_app(Settings(), None).routes)
    for method in getattr(route, "methods", ["any"])
}
PUBLIC = {"/livez", "/readyz", "/healthz", "/", "/playground/{path:path}"}
PUBLIC |= {"/health/live", "/health/ready", "/health/predict", "/v2/health/live", "/v2/health/ready"}
KNOWN = {"{name}": "mlp", "{version}": "1", "{family}": "vae", "{path:path}": "main.js", "{job_id}": "none"}


def filled(template: str) -> str:
    return functools.reduce(lambda path, part: path.replace(*part), KNOWN.items(), template).replace("{file}", "a.png")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Keys:
    """A file of keys, with one key of each scope."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of = {scope: self.add(scope, [scope]) for scope in SCOPES}

    def add(self, name: str, scopes: list[Scope], expires: datetime | None = None) -> str:
        key, text = make_key(name, scopes, expires)
        with changing_keys(self.path) as keys:
            keys.append(key)
        return text


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture
async def guarded(app: App, keys: Keys) -> AsyncIterator[httpx.AsyncClient]:
    async with app(key_file=keys.path) as client:
        yield client


def test_every_route_is_listed_and_only_probes_and_the_page_are_open() -> None:
    """A new route fails here until it is written down who may call it."""
    assert {route for route in ROUTES if route[0] != "HEAD"} == set(NEEDED)
    assert {template for (_, template), needed in NEEDED.items() if needed == OPEN} == PUBLIC
    assert all(method == "GET" for (method, _), needed in NEEDED.items() if needed == OPEN)


async def test_without_a_key_nothing_else_answers(guarded: httpx.AsyncClient) -> None:
    odd = ["/predict/", "//predict", "/PREDICT", "/%70redict", "/predict%00", "/docs/", "/openapi.json/", "/nowhere",
           "/playground", "/playground/../models", "/playground/..%2fmodels", "/./metrics", "/health/live/../../models",
           "/metrics/", "/metrics?", "/health/live/x", "/models%2fmlp"]  # fmt: skip
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "predict"]
    for method, path in [(m, filled(t)) for m in methods for _, t in ROUTES] + [(m, p) for m in methods for p in odd]:
        answer = await guarded.request(method, path)
        template = next((t for _, t in NEEDED if filled(t) == answer.request.url.path), path)
        if method in ("GET", "HEAD") and (template in PUBLIC or answer.request.url.path.startswith("/playground/")):
            assert answer.status_code in (200, 404), (method, path)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith('Bearer realm="credence"')
        if method != "HEAD":
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "unauthorized"


async def test_each_scope_opens_what_is_listed_and_nothing_else(guarded: httpx.AsyncClient, keys: Keys) -> None:
    for scope, key in keys.of.items():
        for (method, template), needed in NEEDED.items():
            answer = await guarded.request(method, filled(template), headers=bearer(key))
            refused = needed != OPEN and scope not in needed
            assert (answer.status_code == 403 and answer.json()["code"] == "missing-scope") == refused, (
                scope,
                template,
            )
            assert answer.status_code != 401
            if refused:
                assert (
                    f'error="insufficient_scope", scope="{" ".join(sorted(needed))}"'
                    in (answer.headers["www-authenticate"])
                )
                assert f"the key has the scopes {scope}; this route needs" in answer.json()["detail"]
        assert (await guarded.get("/nowhere", headers=bearer(key))).status_code == 404
        assert (await guarded.put("/predict", headers=bearer(key))).status_code == 405


async def test_a_key_is_taken_in_two_headers_and_never_twice(guarded: httpx.AsyncClient, keys: Keys) -> None:
    key, body = keys.of["predict"], {"inputs": digits(1)}
    for headers in ({"authorization": f"bearer {key}"}, {"Authorization": f"Bearer  {key} "}, {"x-api-key": key}):
        assert (await guarded.post("/predict", json=body, headers=headers)).status_code == 200
    expired = keys.add("expired", ["predict"], datetime.now(UTC) - timedelta(seconds=1))
    wrong = [
        ({"authorization": f"Bearer {key}", "x-api-key": key}, "several keys were given"),
        ([("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}")], "several keys were given"),
        ({"authorization": f"Basic {key}"}, "not of the scheme Bearer"),
        ({"authorization": key}, "not of the scheme Bearer"),
        ({"authorization": "Bearer"}, "not of the scheme Bearer"),
        ({"authorization": f"Bearer {key}x"}, "the key is not known"),
        ({"x-api-key": ""}, "the key is not known"),
        ({"x-api-key": b"\xff\xfe"}, "the key is not known"),
        ({"authorization": f"Bearer {expired}"}, "the key has expired"),
    ]
    for headers, reason in wrong:
        refused = await guarded.post("/predict", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert reason in refused.json()["detail"]
        assert key not in refused.text
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]


async def test_the_file_is_read_again_when_it_changes(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys(tmp_path / "keys.json")
    async with app(key_file=keys.path) as client:
        models = functools.partial(client.get, "/models")
        assert (await models(headers=bearer(keys.of["predict"]))).status_code == 200
        late = keys.add("late", ["generate"])
        assert (await models(headers=bearer(late))).status_code == 200
        with changing_keys(keys.path) as listed:
            listed[-1] = msgspec.structs.replace(listed[-1], revoked=datetime.now(UTC))
        assert "was revoked" in (await models(headers=bearer(late))).json()["detail"]
        whole, times = keys.path.read_bytes(), keys.path.stat()
        keys.path.write_bytes(b"x" * len(whole))  # as long as before, and as old
        os.utime(keys.path, ns=(times.st_atime_ns, times.st_mtime_ns))
        for _ in range(3):
            closed = await models(headers=bearer(keys.of["predict"]))
            assert (closed.status_code, closed.json()["code"]) == (503, "keys-unavailable")
        assert len([one for one in caplog.records if one.levelname == "CRITICAL"]) == 1
        assert (await client.get("/health/ready")).status_code == 200
        keys.path.write_bytes(whole)
        assert (await models(headers=bearer(keys.of["predict"]))).status_code == 200
        keys.path.unlink()
        assert (await models(headers=bearer(keys.of["predict"]))).status_code == 503
