"""A state file is whole or not there, and is not taken for another run's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from training.errors import StateError
from training.loops.state import Position, StateFile, optimiser_tensors, restore_optimiser

GROUPS = {"model": {"a/b.c": torch.tensor([1.0, 2.0])}, "best": {}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".training" / "m.safetensors"


def test_round_trip(path: Path) -> None:
    state = StateFile(path, "f", every_seconds=0)
    position = Position(3, 2, 0.5)
    state.save(position, GROUPS)
    loaded, groups = state.load()
    assert loaded == position
    assert torch.equal(groups["model"]["a/b.c"], GROUPS["model"]["a/b.c"])
    assert state.fits()
    assert [p.name for p in path.parent.iterdir()] == ["m.safetensors"]


def test_a_young_state_is_not_replaced(path: Path) -> None:
    state = StateFile(path, "f", every_seconds=60)
    state.save(Position(1), GROUPS)
    assert not path.exists()


def test_nothing_to_resume_is_said(path: Path) -> None:
    with pytest.raises(StateError, match="nothing to resume"):
        StateFile(path, "f").load()


def test_another_run_is_refused(path: Path) -> None:
    StateFile(path, "f", 0).save(Position(1), GROUPS)
    with pytest.raises(StateError, match="another recipe, data, seed"):
        StateFile(path, "g").load()
    assert not StateFile(path, "g").fits()


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_state_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StateError, match="start again without --resume"):
        StateFile(path, "f").load()


def test_removing_leaves_nothing(path: Path) -> None:
    state = StateFile(path, "f", 0)
    state.check_writable()
    state.save(Position(1), GROUPS)
    state.remove()
    state.remove()
    assert not list(path.parent.iterdir())


def test_an_optimiser_goes_on_as_if_it_had_not_stopped() -> None:
    def stepped(optimiser: torch.optim.Optimizer, parameter: torch.Tensor) -> torch.Tensor:
        optimiser.zero_grad()
        parameter.square().sum().backward()
        optimiser.step()
        return parameter.detach().clone()

    first = torch.tensor([3.0, -1.0], requires_grad=True)
    optimiser = torch.optim.Adam([first], 0.1)
    stepped(optimiser, first)
    second = first.detach().clone().requires_grad_()
    restored = torch.optim.Adam([second], 0.1)
    restore_optimiser(restored, optimiser_tensors(optimiser))
    assert torch.equal(stepped(optimiser, first), stepped(restored, second))


def test_an_interrupted_run_writes_the_state_that_was_too_young(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "run.safetensors", "print", every_seconds=1000.0)
    weights = torch.tensor([1.0])
    state.save(Position(3), {"model": {"w": weights}})
    weights.add_(1)  # the run went on
    assert not state.fits()
    state.flush()
    position, groups = state.load()
    assert (position.epoch, groups["model"]["w"].tolist()) == (3, [1.0])


HOLDER = """
import sys, time
from pathlib import Path
from training.loops.state import StateFile
with StateFile(Path(sys.argv[1]), "f").alone():
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time_until_the_other_is_over_or_killed(path: Path) -> None:
    state = StateFile(path, "f")
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateError, match="m is being trained into this store already"), state.alone():
            pass
        with StateFile(path.with_name("other.safetensors"), "f").alone():
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        for _ in range(2):
            with state.alone():
                pass


def test_a_continued_run_counts_the_seconds_of_the_one_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = StateFile(path, "f", every_seconds=0)
    with monkeypatch.context() as patch:
        later = time.monotonic() + 100
        patch.setattr(time, "monotonic", lambda: later)
        first.save(Position(1), GROUPS)
    second = StateFile(path, "f")
    assert second.seconds < 50
    second.load()
    assert 100 < second.seconds < 150
