"""Turns go round the clients, and whoever gives up is passed over."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import OverloadedError
from service.scheduling.round_robin import RoundRobin

pytestmark = pytest.mark.anyio


async def use(turns: RoundRobin, client: str, order: list[str]) -> None:
    await turns.acquire(client)
    order.append(client)
    await asyncio.sleep(0)
    turns.release()


async def test_a_client_of_many_waits_for_one_of_each_other() -> None:
    turns, order = RoundRobin(10, 100), list[str]()
    clients = ["greedy"] * 6 + ["a", "b"]
    await asyncio.gather(*(use(turns, client, order) for client in clients))
    assert order[:4] == ["greedy", "greedy", "a", "b"]
    assert sorted(order) == sorted(clients)


async def test_too_many_of_one_client_and_of_all_are_refused() -> None:
    turns, order = RoundRobin(2, 3), list[str]()
    tasks = [asyncio.create_task(use(turns, client, order)) for client in ("a", "a", "a", "a", "b", "c")]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, OverloadedError) for result in results] == [False] * 3 + [True, False, True]
    await use(turns, "c", order)  # all have left
    assert order[-1] == "c"


async def test_whoever_gives_up_is_passed_over_even_if_just_called() -> None:
    turns, order = RoundRobin(10, 100), list[str]()
    await turns.acquire("first")
    waiting = [asyncio.create_task(use(turns, client, order)) for client in ("a", "b", "c")]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    turns.release()  # calls a
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["c"]
