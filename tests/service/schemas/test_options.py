"""Options of requests: one value each, whatever the way it is written, and every fault told with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from random_models import digits, save_model
from starlette.datastructures import QueryParams

from service.app import ROUTES
from service.errors import InvalidRequestError
from service.schemas.generation import GenerateBody
from service.schemas.prediction import PredictOptions
from service.schemas.validation import validate

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

pytestmark = pytest.mark.anyio

SECRET = "do-not-repeat-me"


def options(query: str, body: dict[str, Any], schema: Any = PredictOptions) -> Any:
    return validate(schema, QueryParams(query), body)


@pytest.mark.parametrize(
    ("schema", "query", "body"),
    [
        (GenerateBody, "truncation_psi=0.50", {"truncation_psi": 0.5}),
        (PredictOptions, "draws=1", {"draws": True}),
        (PredictOptions, "seed=1", {"seed": 1.0}),
        (PredictOptions, "outputs=mean", {"outputs": ["mean"]}),
        (PredictOptions, "tolerance=1e-1&samples=auto", {"tolerance": 0.1, "samples": "auto"}),
        (GenerateBody, "seeds=1,2", {"seeds": [1, 2]}),
        (GenerateBody, "seeds=1-3, 9", {"seeds": "1,2-3,9"}),
        (GenerateBody, "model=vae&model=vae", {"model": "vae"}),
    ],
)
async def test_one_value_may_be_written_in_two_ways(schema: Any, query: str, body: dict[str, Any]) -> None:
    assert options(query, body, schema) == options("", body, schema)


@pytest.mark.parametrize(
    ("schema", "query", "body", "option"),
    [
        (PredictOptions, "model=DIGITS-GAN", {"model": "digits-gan"}, "model"),
        (PredictOptions, "samples=1", {"samples": 2}, "samples"),
        (PredictOptions, "model=a&model=b", {}, "model"),
        (PredictOptions, "model=b&model=a", {"model": "a"}, "model"),
        (PredictOptions, "seed=1", {"seed": None}, "seed"),
        (GenerateBody, "seeds=1,2", {"seeds": [2, 1]}, "seeds"),
    ],
)
async def test_two_values_are_refused(schema: Any, query: str, body: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"^{option} is given twice with different values$") as refused:
        options(query, body, schema)
    assert refused.value.pointer == f"/{option}"


async def test_of_two_values_each_must_be_allowed() -> None:
    for query, body in (("samples=many", {"samples": 2}), ("samples=2", {"samples": "many"})):
        with pytest.raises(InvalidRequestError, match=r"^samples is not allowed"):
            options(query, body)


@pytest.mark.parametrize(
    "body",
    [{"seed": "1_0"}, {"seed": "٣"}, {"seed": " 1"}, {"truncation_psi": "0_5.0"}, {"seeds": "٣"}, {"seeds": "1_0"}],
)
async def test_numbers_are_in_plain_digits(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=rf"^{next(iter(body))} is not allowed"):
        options("", body, GenerateBody)


async def test_seeds_are_told_in_one_form_and_taken_in_any() -> None:
    for seeds in ([3, 4, 5, 9], "3-5,9", "3, 4-5, 9-9"):
        assert options("", {"seeds": seeds}, GenerateBody).seeds == "3-5,9-9"


FAULTS: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "two options": (
        "vae",
        {"n": 0, "seed": -1},
        [("/n", "greater than or equal to 1"), ("/seed", "greater than or equal to 0, or 'random'")],
    ),
    "an item": ("vae", {"z": [0, "a", 0, 0]}, [("/z/1", "z is not allowed, at /z/1: input should be a valid number")]),
    "an item of an item": ("vae", {"z": [[0, 0, 0, None]]}, [("/z/0/3", "a valid number")]),
    "a large seed": ("vae", {"seeds": [0, 2**64]}, [("/seeds/1", "less than 18446744073709551616")]),
    "a seed that is no whole number": ("vae", {"seeds": [1.5]}, [("/seeds/0", "a number with a fractional part")]),
    "a seed that is true": ("vae", {"seeds": [True]}, [("/seeds/0", "a number, not a boolean")]),
    "seeds that are a number": ("vae", {"seeds": 3}, [("/seeds", "a valid string, or a valid list")]),
    "no seeds": ("vae", {"seeds": []}, [("/seeds", "at least one seed")]),
    "a code": ("infogan", {"codes": {SECRET: [1, None]}}, [("/codes", "codes is not allowed")]),
    "an unknown option": ("vae", {SECRET: 1, "seed": -1}, [("/seed", "seed"), ("", "options are: model, version")]),
    "an unknown code": ("vae", {"codes": {SECRET: 1}}, [("/codes", "this family's controls are: z")]),
    "a control of another family": ("vae", {"noise": "none"}, [("/noise", "vae has no noise")]),
    "a short z": ("vae", {"z": [0, 0, 0]}, [("/z", "z takes 4 numbers, .* 1 images; 3 were given")]),
    "a short z in codes": ("vae", {"codes": {"z": [0]}}, [("/codes/z", "1 were given")]),
    "one number for z": ("vae", {"codes": {"z": 0}}, [("/codes/z", "one was given")]),
    "lists of two lengths": ("vae", {"z": [[0], [0, 0]]}, [("/z", "z takes 4 numbers")]),
    "two images' z": ("vae", {"z": [[0, 0, 0, 0]] * 2}, [("/z", "2 x 4 were given")]),
    "a number in z": ("vae", {"z": [0, 0, 10.5, 0]}, [("/z/2", "from -10 to 10; 10.5 was given")]),
    "a digit of an image": ("infogan", {"n": 2, "codes": {"digit": [1, 1.5]}}, [("/codes/digit/1", "1.5 was given")]),
    "psi": ("layered", {"truncation_psi": 1.0000001}, [("/truncation_psi", "0 to 1; 1.0000001 was given")]),
    "a choice": ("layered", {"codes": {"noise": SECRET}}, [("/codes/noise", "one of: const, random, none")]),
    "a huge resolution": ("layered", {"resolution": 10**400}, [("/resolution", "one of: 4, 8")]),
    "set twice": ("vae", {"z": [0] * 4, "codes": {"z": [0] * 4}}, [("/z", "given twice")]),
    "a sweep that is a text": ("vae/traverse", {"rows": SECRET}, [("/rows", "input should be an object")]),
    "a field of a sweep": (
        "vae/traverse",
        {"rows": {"control": "z", "index": -1, "steps": 0}},
        [("/rows/index", "rows.index is not allowed"), ("/rows/steps", "rows.steps is not allowed")],
    ),
    "an unknown field of a sweep": (
        "vae/traverse",
        {"columns": {"control": "z", SECRET: 0}},
        [("/columns", "columns is not allowed: it has no such field. Its fields: control, index, values, from")],
    ),
    "a sweep of an unknown control": ("vae/traverse", {"rows": {"control": SECRET}}, [("/rows/control", "are: z")]),
    "a component that is not there": (
        "vae/traverse",
        {"rows": {"control": "z", "index": 4}},
        [("/rows/index", "0 to 3")],
    ),
    "a value that is not allowed": (
        "infogan/traverse",
        {"columns": {"control": "c1", "values": [0, 1, 1.5]}},
        [("/columns/values/2", "from -1 to 1; 1.5 was given")],
    ),
    "a sweep too far": (
        "infogan/traverse",
        {"rows": {"control": "c1", "from": -1, "to": 2}},
        [("/rows/to", "c1 takes values from -1 to 1; 2 was given")],
    ),
    "a control that means nothing beside another, set at an end": (
        "layered/interpolate",
        {"from": {"fade_alpha": 0.5}, "to": {"fade_alpha": 0.5}, "resolution": 4},
        [("/from/fade_alpha", "no effect at")],
    ),
    "a control that means nothing beside another, set in codes": (
        "layered/traverse",
        {"rows": {"control": "resolution"}, "codes": {"fade_alpha": 0.5}},
        [("/codes/fade_alpha", "no effect at")],
    ),
    "a control that means nothing beside another, swept": (
        "layered/traverse",
        {"rows": {"control": "fade_alpha", "steps": 3}, "resolution": 4},
        [("/rows", "no effect at")],
    ),
    "many steps": ("vae/traverse", {"columns": {"control": "z", "index": 0, "steps": 65}}, [("/columns/steps", "64")]),
    "a sweep with one end": ("infogan/traverse", {"rows": {"control": "c1", "from": 0}}, [("/rows", "go together")]),
    "an end that is missing": ("vae/interpolate", {"from": {}}, [("", "to is not allowed: field required")]),
    "a seed of an end": (
        "vae/interpolate",
        {"from": {"seed": -1}, "to": {}},
        [("/from/seed", "from.seed is not allowed: .* 2\\*\\*64 - 1")],
    ),
    "a code of an end": ("vae/interpolate", {"from": {}, "to": {"codes": {"z": [0]}}}, [("/to/codes/z", "4 numbers")]),
    "a control of an end": ("vae/interpolate", {"from": {"z": [11] * 4}, "to": {}}, [("/from/z/0", "11 was given")]),
    "a level": ("layered/mix", {"coarse": [1, -1]}, [("/coarse/1", "greater than or equal to 0")]),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_every_fault_is_told_with_its_place(images: httpx.AsyncClient, case: str) -> None:
    path, body, expected = FAULTS[case]
    response = await images.post(f"/generate/{path}", json=body)
    assert response.status_code == 422
    problem = response.json()
    assert [error["pointer"] for error in problem["errors"]] == [pointer for pointer, _ in expected]
    assert problem["detail"] == problem["errors"][0]["detail"]
    for error, (_, detail) in zip(problem["errors"], expected, strict=True):
        assert re.search(detail, error["detail"]), error["detail"]
    for leak in (SECRET, "Body", "list[", "constrained", "pydantic"):
        assert leak not in response.text


async def test_at_most_ten_faults_are_told(client: httpx.AsyncClient) -> None:
    body = {"inputs": digits(1), "outputs": [SECRET] * 20}
    problem = (await client.post("/predict", json=body)).json()
    assert [error["pointer"] for error in problem["errors"]] == [f"/outputs/{i}" for i in range(10)]
    assert SECRET not in json.dumps(problem)


READING = ["/generate/vae", "/models/vae", "/models/vae/examples"]


@pytest.mark.parametrize("path", READING)
@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("version=x", "/version", "version is not allowed: input should be a number"),
        ("version=1&version=2", "/version", "version is given twice"),
        (f"{SECRET}=1", "", "there is no such option; options are: "),
    ],
)
async def test_options_of_what_is_read_are_checked_alike(
    images: httpx.AsyncClient, path: str, query: str, pointer: str, detail: str
) -> None:
    response = await images.get(f"{path}?{query}")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)
    assert SECRET not in response.text


async def test_routes_without_options_take_none(images: httpx.AsyncClient) -> None:
    for path in ("/models", "/jobs/0"):
        response = await images.get(f"{path}?{SECRET}=1")
        assert response.status_code == 422
        assert response.json()["detail"] == "there is no such option; there are none"
    assert (await images.delete("/jobs/0?force=1")).status_code == 422
    for path in ("/health/live", "/health/ready", "/metrics"):  # probes add to their addresses what they like
        assert (await images.get(f"{path}?now=1")).status_code == 200


@pytest.mark.parametrize("group", ROUTES, ids=lambda group: group.__name__)
def test_no_route_leaves_its_query_to_the_framework(group: Any) -> None:
    """Which would take any other key, and the last of several values, and repeat what it refuses."""
    routes = [route for route in group.router.routes if isinstance(route, APIRoute)]
    assert routes
    for route in routes:
        assert route.dependant.query_params == [], route.path


async def test_a_version_that_does_not_exist_names_those_that_do(app: App, tmp_path: Path) -> None:
    for name in ("mlp", "mlp", "vae"):
        save_model(tmp_path, name)
    async with app(store=tmp_path) as client:
        for path, versions in (("/models/mlp", "1, 2"), ("/v2/models/mlp/versions/9", "1, 2"), ("/generate/vae", "1")):
            refused = await client.get(path if "versions" in path else f"{path}?version=9")
            assert refused.status_code == 404
            assert refused.json()["detail"] == f"there is no such version of this model; there are: {versions}"
