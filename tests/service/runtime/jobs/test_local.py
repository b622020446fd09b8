"""Jobs: one at a time, by turns of the clients, and never all places for one of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.backends.generator_jobs import FoundStyle, ProjectJob, SearchProgress
from service.errors import JobsFullError
from service.runtime.jobs.local import Jobs
from service.scheduling.batching import BatchResult

pytestmark = pytest.mark.anyio


async def test_a_client_of_many_jobs_waits_for_one_of_another_and_leaves_places() -> None:
    order: list[str] = []

    async def run_slice(_served: object, _search: ProjectJob, client: str) -> BatchResult[SearchProgress]:
        order.append(client)
        await asyncio.sleep(0)
        style = FoundStyle(np.zeros(1, np.float32), np.zeros((1, 1, 1), np.float32), 0.0, 1, 1)
        return BatchResult(SearchProgress(style, ended=True), 0.0, 0.0)

    served: Any = SimpleNamespace(facts=None)
    jobs = Jobs(run_slice, max_jobs=6, max_kept=10, keep_seconds=60)
    search = ProjectJob(np.zeros((1, 8, 8), np.float32))
    added = [await jobs.add(served, search, "greedy") for _ in range(3)]
    with pytest.raises(JobsFullError, match="3 of your jobs wait or run"):
        await jobs.add(served, search, "greedy")
    added += [await jobs.add(served, search, client) for client in ("a", "b")]
    while not all(job.state == "done" for job in added):
        await asyncio.sleep(0)
    assert order == ["greedy", "greedy", "a", "b", "greedy"]
