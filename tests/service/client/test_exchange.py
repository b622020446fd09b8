"""Exchanges know no IO: their steps are read here without any, and the two shells carry them out to the end."""

from __future__ import annotations

import asyncio

import httpx
import numpy as np
import pytest

from service.client import AsyncClient, Client, RefusedError
from service.client.exchange import Dialogue, Exchange, Pause, Send
from service.client.requests import Request
from service.client.retries import deliver


def sent(exchange: Exchange[httpx.Response]) -> Send:
    step = next(exchange)
    assert isinstance(step, Send)
    return step


def test_a_request_is_data_and_tells_the_service_how_much_time_it_has() -> None:
    step = sent(deliver(Request("GET", "/models", {"version": 3, "model": None, "outputs": ["mean", "label"]}), 2.0))
    assert (step.arguments["method"], step.arguments["url"]) == ("GET", "/models")
    assert step.arguments["params"] == {"version": 3, "outputs": "mean,label"}
    assert step.arguments["headers"]["Accept"] == "application/json"
    assert 0 < int(step.arguments["headers"]["X-Request-Timeout-Ms"]) <= 2000


def test_after_a_refusal_for_now_comes_a_pause_and_the_next_attempt() -> None:
    exchange = deliver(Request("GET", "/models"), 60.0)
    sent(exchange)
    assert exchange.send(httpx.Response(503, headers={"Retry-After": "7"})) == Pause(7.0)
    assert isinstance(exchange.send(None), Send)
    assert exchange.throw(httpx.ReadError("lost")) == Pause(0.2)
    assert isinstance(exchange.send(None), Send)
    with pytest.raises(StopIteration) as end:
        exchange.send(httpx.Response(200))
    assert end.value.value.status_code == 200


def test_a_dialogue_moves_on_by_results_and_errors() -> None:
    def exchange() -> Exchange[str]:
        try:
            yield Pause(1.0)
        except OSError:
            yield Pause(2.0)
        return "answer"

    dialogue = Dialogue(exchange())
    assert dialogue.step == Pause(1.0)
    with dialogue:
        raise OSError
    assert (dialogue.step, dialogue.interrupted) == (Pause(2.0), False)
    with dialogue:
        pass
    assert (dialogue.step, dialogue.answer) == (None, "answer")


def test_an_error_that_the_exchange_does_not_expect_is_the_callers() -> None:
    dialogue = Dialogue(deliver(Request("GET", "/models"), 60.0))
    with pytest.raises(KeyboardInterrupt), dialogue:
        raise KeyboardInterrupt
    assert dialogue.interrupted


class Searching:
    """A made-up service whose searches never end."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url.path}")
        return httpx.Response(200, json={"id": "7", "state": "running", "progress": 0.5})


BEGUN = ["POST /project/stylegan", "GET /jobs/7"]
CANCELLED = [*BEGUN, "DELETE /jobs/7"]


def test_who_interrupts_a_search_cancels_its_job() -> None:
    def interrupt(share: float) -> None:
        raise KeyboardInterrupt

    service = Searching()
    with Client(transport=httpx.MockTransport(service)) as client, pytest.raises(KeyboardInterrupt):
        client.project("stylegan", np.zeros((1, 8, 8)), progress=interrupt)
    assert service.seen == CANCELLED


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_cancels_its_job() -> None:
    service, running = Searching(), asyncio.Event()
    async with AsyncClient(transport=httpx.MockTransport(service)) as client:
        search = asyncio.create_task(
            client.project("stylegan", np.zeros((1, 8, 8)), progress=lambda share: running.set())
        )
        await running.wait()
        assert service.seen == BEGUN
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search
    assert service.seen == CANCELLED


def test_what_a_proxy_answers_is_not_taken_for_a_refusal_of_the_service() -> None:
    with (
        Client(transport=httpx.MockTransport(lambda request: httpx.Response(502, text="<html>"))) as client,
        pytest.raises(RefusedError, match="does not come from this service") as refusal,
    ):
        client.models()
    assert (refusal.value.status, refusal.value.code) == (502, "no-problem")
