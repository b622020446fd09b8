"""Turns: one at a time, in order, and not too many in line."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import OverloadedError
from service.scheduling.turns import Turns

pytestmark = pytest.mark.anyio


async def test_turns_come_one_at_a_time_and_no_more_wait_than_may() -> None:
    turns, begun = Turns(2), list[int]()
    end = asyncio.Event()

    async def work(number: int) -> None:
        async with turns.take():
            begun.append(number)
            await end.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="2 requests of this kind"):
        await tasks[2]
    assert begun == [0]
    tasks[0].cancel()
    end.set()
    await tasks[1]
    assert begun == [0, 1]
    await work(3)
