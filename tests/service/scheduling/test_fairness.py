"""Long jobs in turns: what others wait for beside them, with devices whose steps the test lets go one by one."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from patience import PATIENCE

from service.errors import OverloadedError
from service.scheduling.batching import Batcher, BatchTerms

pytestmark = pytest.mark.anyio

STEP = 0.004
"""Seconds of a step: more than the shortest turn."""


class Steps:
    """Jobs of some steps each, and the order in which the steps of all were taken."""

    def __init__(self, allowed: int = 1_000_000) -> None:
        self.taken: list[str] = []
        self.allowed = threading.Semaphore(allowed)

    def run(self, jobs: Sequence[tuple[str, int]], check: Callable[[], None]) -> list[str]:
        (name, steps), *_ = jobs
        for _ in range(steps):
            self.allowed.acquire()
            time.sleep(STEP)
            self.taken.append(name)
            check()
        return [name for name, _ in jobs]


@asynccontextmanager
async def started(**limits: Any) -> AsyncIterator[Batcher]:
    batcher = Batcher(**{"max_batch_work": 100, "max_queue_seconds": 10.0, "max_queue_jobs": 100, **limits})
    await batcher.start()
    yield batcher
    await batcher.stop()


def submit(batcher: Batcher, steps: Steps, name: str, number: int, client: str, seconds: float) -> asyncio.Task[Any]:
    terms = BatchTerms(object(), 1, 1, seconds)
    return asyncio.ensure_future(batcher.submit(steps.run, (name, number), terms, client=client))


@pytest.mark.parametrize("neighbour", ["modest", "greedy"])
async def test_a_short_job_waits_for_a_step_of_a_long_one_whoever_sent_it(neighbour: str) -> None:
    steps = Steps(allowed=3)
    async with started() as batcher:
        long = [submit(batcher, steps, "long", 30, "greedy", 1.0) for _ in range(3)]  # on three connections
        while len(steps.taken) < 3:
            await asyncio.sleep(0.001)
        short = submit(batcher, steps, "short", 1, neighbour, 0.001)
        await asyncio.sleep(0)
        steps.allowed.release(1_000)
        await short
        assert steps.taken.index("short") == 4, "the short job waited for more than the step under way"
        answers = [(await task).result for task in long]
    assert answers == ["long"] * 3
    assert len(steps.taken) == 3 * 30 + 1


async def test_long_jobs_of_two_clients_go_on_in_turn_and_those_of_one_client_one_after_the_other() -> None:
    steps = Steps()
    async with started() as batcher:
        tasks = [submit(batcher, steps, f"a{i}", 10, "a", 0.5) for i in range(3)]
        tasks.append(submit(batcher, steps, "b", 10, "b", 0.5))
        await asyncio.gather(*tasks)
    assert steps.taken.index("b") <= 2, "the other client's job waited for a whole job"
    assert steps.taken[::-1].index("b") > steps.taken[::-1].index("a2"), "the other client had less than its share"
    assert [name for name in steps.taken if name != "b"] == ["a0"] * 10 + ["a1"] * 10 + ["a2"] * 10


async def test_a_job_that_gave_way_stops_once_nobody_waits_for_it() -> None:
    steps = Steps()
    async with started() as batcher:
        first = submit(batcher, steps, "a", 10_000, "a", 0.5)
        second = submit(batcher, steps, "b", 20, "b", 0.5)
        while "b" not in steps.taken:
            await asyncio.sleep(0.001)
        first.cancel()
        await second
        ended = steps.taken.count("a")
        assert (await submit(batcher, steps, "c", 1, "c", 0.001)).result == "c"
        assert steps.taken.count("a") <= ended + 1
        assert not batcher.is_busy


async def test_a_job_that_is_long_by_its_batch_joins_no_short_one() -> None:
    """It did, as the first of the batch; then two batches of one flow had begun, and one was never heard of again."""
    steps = Steps(allowed=1)
    async with started() as batcher:
        first = submit(batcher, steps, "first", 5, "a", 1.0)
        while not steps.taken:
            await asyncio.sleep(0.001)
        tasks = [first]
        for name, overhead in [("long by its batch", 1.0), ("short", 0.0)]:
            terms = BatchTerms("one key", 1, 1, 0.001, overhead)
            tasks.append(asyncio.ensure_future(batcher.submit(steps.run, (name, 5), terms, client="a")))
        await asyncio.sleep(0)
        steps.allowed.release(1_000)
        _, waiting = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not waiting, "a job was forgotten"
    assert [task.result().result for task in tasks] == ["first", "long by its batch", "short"]
    assert steps.taken.count("short") == 5, "it ran in a batch with the long one"
    assert steps.taken.index("short") < steps.taken.index("long by its batch")


@pytest.mark.parametrize("seed", range(5))
async def test_no_job_is_forgotten_whatever_their_lengths_keys_and_clients(seed: int) -> None:
    choice, steps = random.Random(seed).choice, Steps()
    async with started(max_queue_seconds=1e6, max_queue_jobs=1_000) as batcher:
        tasks = []
        for i in range(60):
            terms = BatchTerms(choice("kl"), 1, choice([1, 60, 200]), choice([0.001, 0.015, 0.5]), choice([0.0, 0.05]))
            job = (f"{i}", choice([1, 2, 4]))
            tasks.append(asyncio.ensure_future(batcher.submit(steps.run, job, terms, client=choice("ab"))))
            await asyncio.sleep(choice([0.0, 0.0, 0.005]))
        _, waiting = await asyncio.wait(tasks, timeout=PATIENCE)
        assert not waiting, f"{len(waiting)} jobs were forgotten"
        assert not batcher.is_busy
    assert [task.result().result for task in tasks] == [f"{i}" for i in range(60)]


async def test_more_long_jobs_than_threads_all_end_and_short_ones_pass_them() -> None:
    steps = Steps()
    async with started() as batcher:
        long = [submit(batcher, steps, f"{i}", 3, f"client {i}", 0.5) for i in range(12)]
        while not steps.taken:
            await asyncio.sleep(0.001)
        await submit(batcher, steps, "short", 1, "modest", 0.001)
        assert len(steps.taken) < 37, "the short job came last"
        results = [(await task).result for task in long]
    assert results == [f"{i}" for i in range(12)]


async def test_a_client_with_much_work_is_refused_and_others_are_not() -> None:
    steps = Steps()
    async with started(max_queue_seconds=1.0) as batcher:
        running = submit(batcher, steps, "a", 5, "greedy", 2.0)
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await submit(batcher, steps, "a", 5, "greedy", 2.0)
        assert (await submit(batcher, steps, "b", 1, "modest", 0.001)).result == "b"
        await running


async def test_a_queue_full_of_one_clients_jobs_has_room_for_others() -> None:
    steps = Steps(allowed=0)
    async with started(max_queue_jobs=4) as batcher:
        running = submit(batcher, steps, "running", 1, "greedy", 0.001)
        while batcher.waiting or not batcher.is_busy:
            await asyncio.sleep(0.001)
        many = [submit(batcher, steps, f"{i}", 1, "greedy", 0.001) for i in range(4)]
        await asyncio.sleep(0)
        assert batcher.waiting == 4
        with pytest.raises(OverloadedError):
            await submit(batcher, steps, "one more", 1, "greedy", 0.001)
        other = submit(batcher, steps, "other", 1, "modest", 0.001)
        await asyncio.sleep(0)
        steps.allowed.release(10)
        assert (await other).result == "other"
        outcomes = await asyncio.gather(running, *many, return_exceptions=True)
    assert [isinstance(one, OverloadedError) for one in outcomes] == [False, False, False, False, True]
