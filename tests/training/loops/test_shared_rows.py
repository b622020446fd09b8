"""Several processes that share the rows of a batch train what one process trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from patience import PATIENCE
from torch import nn

from training.loops.shared_rows import share_rows

ROOT = Path(__file__).parents[3]
RECIPES = (
    "curve-mlp-mc_dropout",
    "digits-convnet-bayes_by_backprop",
    "digits-convnet-mc_dropout",
    "digits-infogan",
    "digits-mlp-ensemble",
    "digits-recurrent-mc_dropout",
    "digits-stylegan",
    "digits-vae-gaussian",
    "digits-wgan",
    "scenes-segnet-ensemble",
)
"""Every way for the rows of a batch to meet: in losses, penalties, statistics of batches and running means."""


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    """How far two processes are from one by recipe, in float64, after batches of 6 + 5 rows and of a single one."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = ["benchmarks/shared_rows.py", "--double", "--batch", "11", "--rows", "23"]
    done = subprocess.run(
        [*torchrun, *program, *RECIPES], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10 * PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return {name: float(value) for name, value, *_ in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_end_in_the_weights_of_one(recipe: str, differences: dict[str, float]) -> None:
    assert differences[recipe] < 1e-9


def test_one_process_runs_a_model_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with share_rows(model):
        assert all("forward" not in vars(module) for module in model.modules())
        assert torch.equal(model(torch.ones(3, 2))[0], model(torch.ones(3, 2))[2])
