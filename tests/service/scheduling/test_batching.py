"""The queue in front of the device."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service.errors import DrainingError, OverloadedError
from service.scheduling.batching import Batcher, BatchTerms
from service.scheduling.terms import LONG_SECONDS

pytestmark = pytest.mark.anyio


class Device:
    """A run function that waits until it is let go, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.stopped_early = False
        self._go = threading.Event()
        self.started = threading.Event()

    def run(self, jobs: Sequence[Any], check_cancelled: Callable[[], None]) -> list[Any]:
        self.batches.append(list(jobs))
        self.started.set()
        while not self._go.wait(0.001):
            try:
                check_cancelled()
            except Exception:
                self.stopped_early = True
                raise
        if "bad" in jobs:
            raise ValueError("a bad job")
        return [f"{job}!" for job in jobs]

    def go(self) -> None:
        self._go.set()


@asynccontextmanager
async def started(**limits: Any) -> AsyncIterator[Batcher]:
    defaults = {"max_batch_work": 100, "max_queue_seconds": 10.0, "max_queue_jobs": 100}
    batcher = Batcher(**{**defaults, **limits})
    await batcher.start()
    yield batcher
    await batcher.stop()


def submit(batcher: Batcher, device: Device, job: Any, key: str = "k", work: float = 1, seconds: float = 0) -> Any:
    return asyncio.ensure_future(batcher.submit(device.run, job, BatchTerms(key, 1, work, seconds)))


async def running(device: Device) -> None:
    """Until the device has begun its first batch."""
    while not device.started.is_set():
        await asyncio.sleep(0.001)


async def test_what_arrives_meanwhile_shares_the_next_batch_by_key() -> None:
    device = Device()
    async with started() as batcher:
        first = submit(batcher, device, "a")
        await running(device)
        others = [submit(batcher, device, job, key) for job, key in (("b", "k"), ("x", "other"), ("c", "k"))]
        await asyncio.sleep(0)
        device.go()
        results = [(await task).result for task in (first, *others)]
    assert results == ["a!", "b!", "x!", "c!"]
    assert device.batches == [["a"], ["b", "c"], ["x"]]


async def test_a_batch_is_bounded_by_work_and_a_larger_job_runs_alone() -> None:
    device = Device()
    async with started(max_batch_work=10) as batcher:
        first = submit(batcher, device, "a")
        await running(device)
        others = [submit(batcher, device, work, work=work) for work in (6, 6, 4, 50)]
        await asyncio.sleep(0)
        device.go()
        await asyncio.gather(first, *others)
    assert device.batches == [["a"], [6, 4], [6], [50]]


async def test_one_bad_job_fails_alone() -> None:
    device = Device()
    async with started() as batcher:
        first = submit(batcher, device, "a")
        await running(device)
        jobs = ["b", "bad", "c", "d", "e"]
        tasks = [submit(batcher, device, job) for job in jobs]
        await asyncio.sleep(0)
        device.go()
        outcomes = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert isinstance(outcomes[2], ValueError)
    assert [o.result for i, o in enumerate(outcomes) if i != 2] == ["a!", "b!", "c!", "d!", "e!"]


async def test_a_job_that_is_given_up_while_it_waits_never_runs() -> None:
    device = Device()
    async with started() as batcher:
        first = submit(batcher, device, "a")
        await running(device)
        given_up = submit(batcher, device, "b")
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        device.go()
        await first
    assert device.batches == [["a"]]


async def test_a_run_stops_once_nobody_waits_for_it() -> None:
    device = Device()
    async with started() as batcher:
        only = submit(batcher, device, "a")
        await running(device)
        only.cancel()
        while not device.stopped_early:
            await asyncio.sleep(0.001)
        device.go()
        assert (await submit(batcher, device, "b")).result == "b!"


async def test_a_full_queue_refuses_and_recovers() -> None:
    device = Device()
    waiting: list[int] = []
    async with started(max_queue_seconds=1.0, max_queue_jobs=3, on_queue=waiting.append) as batcher:
        first = submit(batcher, device, "a")
        await running(device)
        slow = submit(batcher, device, "b", seconds=2.0)
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as refusal:
            await submit(batcher, device, "c", seconds=1.0)
        assert refusal.value.retry_seconds == 2.0
        slow.cancel()
        await asyncio.sleep(0)
        many = [submit(batcher, device, i) for i in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await submit(batcher, device, "d")
        device.go()
        await asyncio.gather(first, *many)
    assert waiting[-1] == 0
    assert max(waiting) == 3


async def test_stopping_finishes_what_waits_and_refuses_what_comes() -> None:
    device = Device()
    async with started() as batcher:
        tasks = [submit(batcher, device, "a")]
        await running(device)
        tasks.append(submit(batcher, device, "b"))
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(batcher.stop())
        await asyncio.sleep(0)
        with pytest.raises(DrainingError):
            await submit(batcher, device, "c")
        device.go()
        await stopping
        assert [(await task).result for task in tasks] == ["a!", "b!"]


async def test_a_running_batch_and_a_batch_of_its_own_count_as_work_ahead() -> None:
    device = Device()
    async with started(max_queue_seconds=1.0) as batcher:
        first = submit(batcher, device, "a", seconds=5.0)
        await running(device)
        with pytest.raises(OverloadedError):
            await submit(batcher, device, "b", seconds=1.0)
        device.go()
        await first
        device = Device()
        first = submit(batcher, device, "a")
        await running(device)
        alone = [asyncio.ensure_future(batcher.submit(device.run, i, BatchTerms(i, 1, 1, 0.0, 0.4))) for i in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await submit(batcher, device, "c", seconds=1.0)
        device.go()
        await asyncio.gather(first, *alone)


@pytest.mark.parametrize(("seconds", "here"), [(LONG_SECONDS / 2, True), (LONG_SECONDS * 2, False)])
async def test_a_short_direct_job_runs_on_the_event_loops_thread_and_a_long_one_does_not(
    seconds: float, here: bool
) -> None:
    def run(jobs: Sequence[Any], _: Callable[[], None]) -> list[int]:
        return [threading.get_ident()] * len(jobs)

    terms = BatchTerms("k", 1, 1, seconds, is_direct=True)
    async with started() as batcher:
        threads = [one.result for one in await asyncio.gather(*(batcher.submit(run, i, terms) for i in range(3)))]
    assert [thread == threading.get_ident() for thread in threads] == [here] * 3


async def test_one_bad_direct_job_fails_alone_and_the_loop_goes_on_between_batches() -> None:
    device = Device()
    device.go()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with started() as batcher:
        counting = asyncio.create_task(count())
        jobs = ["a", "bad", *"bcdef"]
        tasks = [
            asyncio.ensure_future(batcher.submit(device.run, job, BatchTerms("k", 1, 100, 0.001, is_direct=True)))
            for job in jobs
        ] + [
            asyncio.ensure_future(batcher.submit(device.run, job, BatchTerms("l", 1, 1, 0.001, is_direct=True)))
            for job in jobs
        ]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        counting.cancel()
    assert [type(one) is ValueError for one in results] == [job == "bad" for job in jobs] * 2
    assert turns > len(jobs), "the event loop waited for one batch after the other"


async def test_a_device_that_is_slower_than_estimated_has_a_shorter_queue() -> None:
    device, slow = Device(), BatchTerms("k", 1, 100, 0.001)
    device.go()
    async with started(max_queue_seconds=1.0) as batcher:

        def run(jobs: Sequence[Any], _: Callable[[], None]) -> list[Any]:
            time.sleep(0.02)
            return list(jobs)

        await asyncio.gather(*(batcher.submit(run, i, slow) for i in range(30)))  # twenty times as long as they say
        terms = BatchTerms("k", 1, 100, 0.015)  # forty of these are 0.6 s as they say
        answers = await asyncio.gather(*(batcher.submit(run, i, terms) for i in range(40)), return_exceptions=True)
    refused = [isinstance(answer, OverloadedError) for answer in answers]
    assert 0 < sum(refused) < len(refused)
    assert refused == sorted(refused), "one that came earlier was refused, and a later one was not"
