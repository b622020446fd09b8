"""torchrun: several processes train one model, one of them writes, and one that is killed costs nothing but time."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from free_port import free_port
from patience import PATIENCE
from typer.testing import CliRunner

from models.checkpoints.checkpoint import Checkpoint, load
from training.cli.commands import app

ROOT = Path(__file__).parents[3]
NAME = "digits-mlp-mc_dropout"


def torchrun(command: str, folder: Path) -> subprocess.Popen[str]:
    """Start a command of the page on training in a folder, with fewer epochs."""
    words = [*shlex.split(command.replace(".venv/bin/", "")), "--epochs", "120"]
    assert words[0] == "torchrun"
    program = [sys.executable, "-m", "torch.distributed.run", *words[1:]]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "300"}
    return subprocess.Popen(
        program, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process, and return what it has written."""
    try:
        return process.communicate(timeout=10 * PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its workers
        raise


@pytest.fixture(scope="module")
def command() -> str:
    """The command on the page."""
    page = (ROOT / "docs" / "training.md").read_text()
    (found,) = re.findall(r"^\.venv/bin/torchrun .+$", page, re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def uninterrupted(command: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Checkpoint]:
    """The output of a run by two processes, and its checkpoint."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = torchrun(command, folder)
    output, errors = finish(process)
    assert process.returncode == 0, errors
    return output, load(folder / "store" / NAME / "1")


def test_one_process_says_and_writes_what_two_have_trained(uninterrupted: tuple[str, Checkpoint]) -> None:
    output, checkpoint = uninterrupted
    said = "2 processes share each batch of 64 rows: 32 rows each"
    assert output.count(said) == 1
    assert output.count("epoch 120/120") == 1
    origin = checkpoint.manifest.origin
    assert origin is not None
    assert said in origin.choices
    assert said in checkpoint.card
    assert origin.machine.endswith(", 2 processes")
    assert origin.command.startswith(f"torchrun --standalone --nproc-per-node 2 -m training fit {NAME} --epochs 120")
    assert checkpoint.manifest.figures["test_accuracy"] > 0.95


def workers(agent: int) -> dict[str, int]:
    """The processes that torchrun has started, by their rank."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    environments = {child: Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children}
    return {one[5:].decode(): int(c) for c, all_ in environments.items() for one in all_ if one.startswith(b"RANK=")}


def test_a_worker_that_is_killed_is_started_again_and_the_weights_are_the_same(
    command: str, uninterrupted: tuple[str, Checkpoint], tmp_path: Path
) -> None:
    process = torchrun(command, tmp_path)
    state = tmp_path / "store" / ".training" / f"{NAME}.safetensors"
    while not state.exists():  # it is written two seconds after the first step
        assert process.poll() is None, finish(process)
        time.sleep(0.01)
    os.kill(workers(process.pid)["1"], signal.SIGKILL)
    _, errors = finish(process)
    assert process.returncode == 0, errors
    assert "exitcode: -9" in errors, errors
    assert "Traceback" not in errors, errors  # the first restart finds its processes, not the dead ones
    assert [path.name for path in (tmp_path / "store" / NAME).iterdir()] == ["1"]
    assert not state.exists()
    expected = uninterrupted[1].model.state_dict()
    weights = load(tmp_path / "store" / NAME / "1").model.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


def test_processes_that_are_about_to_do_different_things_refuse(tmp_path: Path) -> None:
    port = str(free_port())
    started = []
    for rank in "01":
        environment = os.environ | {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        program = [sys.executable, "-m", "training", "fit", NAME, "--seed", rank, "--out", str(tmp_path)]
        started.append(subprocess.Popen(program, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True))
    for process in started:
        _, errors = finish(process)
        assert process.returncode == 2, errors
        assert "error: the processes differ in recipe, data, seed, state to resume or PyTorch" in errors
    assert not (tmp_path / NAME).exists()


def test_other_commands_are_for_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)])
    assert refused.exit_code == 2
    assert "torchrun is for fit; start 'python -m training demo' without it" in refused.stderr
