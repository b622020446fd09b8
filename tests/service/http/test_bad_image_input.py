"""Hostile requests for images: refused with the right status, leaking nothing, whatever the route."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

pytestmark = pytest.mark.anyio

SECRET = "do-not-repeat-me"
LEAKS = (SECRET, "Traceback", "site-packages", "0x", "torch", "pydantic", "/store")

SWEEP = {"control": "z", "index": 0, "from": -1, "to": 1, "steps": 2, "spacing": "linear"}
CONTROLS = {
    "codes": {"fade_alpha": 0.5},
    "z": [0.0] * 4,
    "truncation_psi": 0.5,
    "resolution": 8,
    "noise": "none",
    "format": "json",
    "layout": "list",
    "model": "layered",
    "version": 1,
}
VALID: dict[str, dict[str, Any]] = {
    "/generate/layered": {**CONTROLS, "n": 2, "seed": 1},
    "/generate/layered/traverse": {**CONTROLS, "rows": SWEEP, "columns": {"control": "noise", "values": ["const"]}},
    "/generate/layered/interpolate": {"from": {"z": [0.0] * 4, "seed": 1}, "to": {"seed": 2}, "steps": 2, "w": None},
    "/generate/layered/mix": {**CONTROLS, "coarse": 1, "middle": [1, 2], "fine": [3, 4], "seed": 5},
    "/encode/vae": {"inputs": [[1.0] * 64], "model": "vae", "version": 1},
    "/reconstruct/vae": {"inputs": [[1.0] * 64], "samples": 2, "seed": 1},
    "/project/layered": {"inputs": [[1.0] * 64], "model": "layered"},
}
VALID["/generate/layered/traverse"].pop("noise")
VALID["/generate/layered/mix"].pop("z")  # its styles come from seeds

DEEP: Any = 1.0
for _ in range(25):
    DEEP = [DEEP]
JUNK: list[Any] = [
    *(None, True, -1, 0, 3.7, 1e308, float("nan"), float("inf"), float("-inf"), 2**64, -(2**70), 10**400),
    *("", SECRET, "nan", "\ud800", "\x00", "9" * 5000, [], {}, [[]], [SECRET], [None], [True], DEEP),
    *({SECRET: 1}, {SECRET: {SECRET: [SECRET]}}, [[1.0], [1.0, 2.0]], [[1.0] * 4] * 65, [1] * 5000, [[]] * 5000),
    [float("nan")] * 4,
]


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body where something else could stand, and one that does not exist."""
    if isinstance(body, dict):
        yield (*path, SECRET)
        for key, value in body.items():
            yield (*path, key)
            yield from places(value, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    other = copy.deepcopy(body)
    parent = other
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return other


async def post(client: httpx.AsyncClient, path: str, content: bytes, media: str = "application/json") -> httpx.Response:
    response = await client.post(path, content=content, headers={"content-type": media})
    if response.status_code >= 400:
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["status"] == response.status_code
        assert problem["detail"]
        assert not [leak for leak in LEAKS if leak in response.text], response.text
    return response


@pytest.mark.parametrize("path", VALID)
async def test_the_control_is_answered(images: httpx.AsyncClient, path: str) -> None:
    response = await post(images, path, json.dumps(VALID[path]).encode())
    assert response.status_code in (200, 202), response.text


@pytest.mark.parametrize("path", VALID)
async def test_junk_in_any_place_is_never_our_fault(images: httpx.AsyncClient, path: str) -> None:
    cases = [(place, junk) for place in places(VALID[path]) for junk in JUNK]
    for place, junk in random.Random(path).sample(cases, 60):
        response = await post(images, path, json.dumps(changed(VALID[path], place, junk)).encode())
        allowed = {200, 202, 404, 422} | ({503} if "project" in path else set())
        assert response.status_code in allowed, (place, response.text)
        if place[-1] == SECRET:
            assert response.status_code == 422


BODIES: dict[str, tuple[int, bytes]] = {
    "not JSON": (400, b"pixels please"),
    "cut off": (400, b'{"codes": {"c1": '),
    "not UTF-8": (400, b'{"codes": "\xff\xfe"}'),
    "an array": (422, b"[1, 2]"),
    "100k nesting": (422, b'{"codes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "duplicate keys": (422, b'{"seed": 1, "seed": 2}'),
    "many keys": (422, b"{" + b",".join(b'"%d": 1' % i for i in range(100_000)) + b"}"),
    "many codes": (422, b'{"codes": {' + b",".join(b'"%d": 1' % i for i in range(100_000)) + b"}}"),
    "600k empty lists in z": (422, b'{"z": [' + b"[]," * 600_000 + b"[]]}"),
    "900k numbers in a code": (422, b'{"codes": {"c1": [' + b"1," * 900_000 + b"1]}}"),
    "900k values": (422, b'{"rows": {"control": "c1", "values": [' + b"1," * 900_000 + b"1]}}"),
    "64 lists of 64 lists": (422, json.dumps({"z": [[[0] * 9] * 64] * 64}).encode()),
    "a long text": (422, b'{"noise": "' + b"a" * 1_900_000 + b'", "format": "' + b"b" * 9 + b'"}'),
    "3 MB": (413, b'{"z": [' + b"1," * 1_500_000 + b"1]}"),
}


@pytest.mark.parametrize("path", ["/generate/layered/traverse", "/encode/vae"])  # one of each way of reading
@pytest.mark.parametrize("case", BODIES)
async def test_hostile_json(images: httpx.AsyncClient, case: str, path: str) -> None:
    status, body = BODIES[case]
    assert (await post(images, path, body)).status_code == status


@pytest.mark.parametrize("path", VALID)
async def test_other_types(images: httpx.AsyncClient, path: str) -> None:
    file = io.BytesIO()
    np.save(file, np.full((1, 64), np.nan))
    takes_images = not path.startswith("/generate")
    for media, content in (("application/x-npy", file.getvalue()), ("image/png", b"\x89PNG\r\n\x1a\n")):
        assert (await post(images, path, content, media)).status_code == (422 if takes_images else 415)
    assert (await post(images, path, b"seed=1", "application/x-www-form-urlencoded")).status_code == 415


@pytest.mark.parametrize("path", VALID)
async def test_headers_and_methods(images: httpx.AsyncClient, path: str) -> None:
    body = VALID[path]
    assert (await images.post(path, json=body, headers={"accept": "text/html"})).status_code == 406
    assert (await images.post(path, json=body, headers={"x-request-timeout-ms": "soon"})).status_code == 422
    assert (await images.delete(path)).status_code == 405
    assert (await images.post(f"{path}?nonsense=1", json=body)).status_code == 422


@pytest.mark.parametrize("path", [path for path in VALID if "project" not in path])
async def test_a_deadline_that_passes(images: httpx.AsyncClient, path: str) -> None:
    held = threading.Event()
    busy = asyncio.ensure_future(images.runtime.batcher.run_on_device(lambda: held.wait(30)))
    response = await images.post(path, json=VALID[path], headers={"x-request-timeout-ms": "30"})
    held.set()
    await busy
    assert (response.status_code, response.json()["code"]) == (504, "deadline-exceeded")
