"""The OpenAPI document is true: requests made from it, right and wrong ones, are answered as it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

EXAMPLES = 5
SHAPES_SAY_MORE = "positive_data_acceptance"
"""The one check that is left out: which rows a model takes, and which controls it has, is no matter of the document."""
NAMES = [{"family": "vae", "name": "mlp"}, {"family": "infogan", "name": "regression"}]
"""Names that exist; every third case keeps those that were made up."""


def draw(operation: schemathesis.APIOperation, mode: GenerationMode) -> list[Case]:
    """Requests to an operation, as its schema allows, or as it does not; none if it allows all."""
    cases: list[Case] = []

    @settings(max_examples=EXAMPLES, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def keep(case: Case) -> None:
        cases.append(case)

    try:
        keep()
    except Unsatisfiable:
        return []
    return cases


async def send(client: httpx.AsyncClient, case: Case) -> httpx.Response:
    prepared = requests.Request(**case.as_transport_kwargs(base_url="http://test")).prepare()
    return await client.request(
        prepared.method or "", prepared.url or "", content=prepared.body or b"", headers=dict(prepared.headers)
    )


async def test_requests_made_from_the_document_are_answered_as_it_says(app: App) -> None:
    load_all_checks()
    checks = [check for check in CHECKS.get_all() if check.__name__ != SHAPES_SAY_MORE]
    faults, answered = [], set[int]()
    async with app() as client:
        schema = schemathesis.openapi.from_dict((await client.get("/openapi.json")).json())
        for result in schema.get_all_operations():
            operation = result.ok()
            cases = [case for mode in GenerationMode for case in draw(operation, mode)]
            for number, case in enumerate(cases):
                if number % 3:
                    known = {
                        name: value for name, value in NAMES[number % 3 - 1].items() if name in case.path_parameters
                    }
                    case.path_parameters.update(known)
                answer = await send(client, case)
                answered.add(answer.status_code)
                try:
                    case.validate_response(schemathesis.Response.from_httpx(answer, verify=True), checks=checks)
                except FailureGroup as group:
                    faults += [f"{operation.label}: {fault}" for fault in group.exceptions]
    assert not faults, "\n\n".join(faults[:5])
    assert {200, 404, 422} <= answered  # the controls: both right and wrong ones were sent, and a fault is seen
    answer.status_code = 500
    with pytest.raises(FailureGroup):
        case.validate_response(schemathesis.Response.from_httpx(answer, verify=True), checks=checks)
