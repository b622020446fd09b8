"""The corpus of hostile bodies: `make chaos` sends all of them to all routes, and this each to some."""

from __future__ import annotations

import httpx
import pytest
from random_models import digits
from reliability.corpus import all_hostile

pytestmark = pytest.mark.anyio

NAMES = {"family": "vae", "id": "0", "name": "mlp", "version": "1"}
_ROUTES_EACH = 2
_GOOD = 50


def fault_of(answer: httpx.Response) -> str:
    """What is wrong with an answer; nothing with a success, as of all that is odd some is allowed somewhere."""
    fits = answer.is_success or (answer.is_client_error and answer.headers["content-type"].endswith("/problem+json"))
    return "" if fits else f"{answer.status_code} {answer.headers['content-type']}"


async def test_hostile_bodies_are_refused_as_problems_and_leave_the_service_as_it_was(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    paths = [path for path, item in document["paths"].items() if "post" in item]
    routes = [path.format_map(NAMES) for path in paths if not path.startswith(("/models", "/v2/repository"))]
    bodies, faults = all_hostile(), []
    assert len({hostile.name for hostile in bodies}) == len(bodies) > 300
    for number, hostile in enumerate(bodies):
        headers = {"content-type": hostile.content_type, **hostile.headers}
        latin = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        for step in range(_ROUTES_EACH):
            route = routes[(number * _ROUTES_EACH + step) % len(routes)]
            if fault := fault_of(await client.post(route, content=hostile.body, headers=latin)):
                faults.append(f"{hostile.name} to {route}: {fault}")
    assert not faults
    good = [await client.post("/predict", json={"inputs": digits(1), "samples": 2}) for _ in range(_GOOD)]
    assert {answer.status_code for answer in good} == {200}
