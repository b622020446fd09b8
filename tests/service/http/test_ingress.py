"""In front of Ray Serve's proxy: a request outlives its replica, and every answer has the form of the service's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.header_lines import HEADERS
from service.http.ingress import Ingress

pytestmark = pytest.mark.anyio

ID = b"x-request-id"


class Proxy:
    """What Serve's proxy does with each of several requests in turn: an answer's status, or ``None`` if a replica dies.

    A replica answers with the body that it read, and names its id; the proxy adds the id to every answer.
    """

    def __init__(self, *answers: int | None, own: bool = False) -> None:
        self.answers, self.own = iter(answers), own
        self.ids: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ids += [value for name, value in scope["headers"] if name == ID]
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status = next(self.answers)
        if status is not None:
            lines = [(ID, self.ids[-1])] * (1 if self.own else 2)
            await send({"type": "http.response.start", "status": status, "headers": lines})
            await send({"type": "http.response.body", "body": body})


def ask(proxy: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Ingress(proxy)), base_url="http://test")


async def parts() -> AsyncIterator[bytes]:
    yield b"three "
    yield b"small "
    yield b"parts"


async def test_a_request_whose_replica_dies_goes_to_another_as_a_whole() -> None:
    proxy = Proxy(None, None, 200)
    async with ask(proxy) as client:
        answer = await client.post("/predict", content=parts())
    assert (answer.status_code, answer.content) == (200, b"three small parts")
    assert len(set(proxy.ids)) == 1
    assert answer.headers.get_list("x-request-id") == [proxy.ids[0].decode()]


@pytest.mark.parametrize("proxy", [Proxy(None, None, None), Proxy(503, own=True), Proxy(404, own=True)])
async def test_where_no_replica_answers_the_client_is_told_to_try_again(proxy: Proxy) -> None:
    async with ask(proxy) as client:
        answer = await client.post("/predict", headers={"x-request-id": "mine"})
    problem = answer.json()
    assert (answer.status_code, answer.headers["retry-after"], problem["code"]) == (503, "1", "no-replica")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["instance"] == "urn:credence:request:mine"
    assert answer.headers.get_list("x-request-id") == ["mine"]


async def test_a_replicas_refusal_is_its_own() -> None:
    async with ask(Proxy(503)) as client:
        answer = await client.post("/predict", content=b"busy")
    assert (answer.status_code, answer.content) == (503, b"busy")


@pytest.mark.parametrize("given", ["two words", "x" * 200])
async def test_an_id_that_is_not_plain_is_replaced_before_anybody_reads_it(given: str) -> None:
    proxy = Proxy(200)
    async with ask(proxy) as client:
        answer = await client.get("/models", headers={"x-request-id": given})
    assert given.encode() not in proxy.ids
    assert answer.headers["x-request-id"] == proxy.ids[0].decode()


async def test_every_answer_has_the_lines_of_a_single_process() -> None:
    async with ask(Proxy(200)) as client:
        answer = await client.get("/models")
    assert {name: answer.headers[name] for name, _ in HEADERS} == dict(HEADERS)


async def test_what_serve_answers_itself_is_left_alone() -> None:
    async with ask(Proxy(200, own=True)) as client:
        answer = await client.get("/-/healthz", headers={"x-request-id": "probe"})
    assert (answer.status_code, "x-content-type-options" in answer.headers) == (200, False)


async def test_nobody_answers_a_client_that_has_left() -> None:
    messages: Iterator[Message] = iter([{"type": "http.disconnect"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    await Ingress(Proxy(None, 200))(scope, receive, send)
    assert sent == []
