"""The processes of a run: how rows are shared out, what one process is spared, what several refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.errors import RecipeError
from training.loops import processes


@pytest.mark.parametrize(("rows", "count"), [(128, 2), (11, 2), (7, 3), (64, 64), (65, 64)])
def test_every_row_is_computed_by_one_process_and_all_have_as_many_but_for_one(
    rows: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "count_processes", lambda: count)
    parts = [processes.rows_of(rank, rows) for rank in range(count)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    processes.check_batch(rows)


def test_more_processes_than_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "count_processes", lambda: 33)
    with pytest.raises(RecipeError, match="33 processes cannot share a batch of 32 rows; start at most 32"):
        processes.check_batch(32)


@pytest.mark.parametrize(("batch", "rows"), [(128, "64 rows each"), (11, "5 or 6 rows each")])
def test_how_a_batch_is_shared_is_said(batch: int, rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes.describe_processes(batch) == ()
    monkeypatch.setattr(processes, "count_processes", lambda: 2)
    assert processes.describe_processes(batch) == (f"2 processes share each batch of {batch} rows: {rows}",)


def test_alone_nothing_is_exchanged_and_gradients_stay_as_they_are() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = gradient = torch.tensor([1.0, 2.0])
    with processes.join_processes():
        processes.average_gradients([weight])
        processes.check_alike("this run")
        assert processes.first_value(3.5) == 3.5
    assert weight.grad is gradient
    assert processes.is_first()
    assert processes.count_processes() == 1
