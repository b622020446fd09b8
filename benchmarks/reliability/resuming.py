"""A training run that was killed and resumed ends in the very weights of one that was not."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.torch
import torch

from reliability.promise import Promise, Result, Trial, VoidError
from training import data, recipes
from training.loops.progress import Run
from training.loops.state import StateFile
from training.run.fit import train

_RECIPE, _EPOCHS = "digits-mlp-mc_dropout", 40


def repeat_an_epoch() -> None:
    """A resumed run does its last epoch once more."""
    original = StateFile.load

    def load(self: StateFile) -> Any:
        position, groups = original(self)
        return msgspec.structs.replace(position, epoch=max(0, position.epoch - 1)), groups

    StateFile.load = load  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Train without interruption; then again, killed again and again at random moments, and compare the weights."""
    different, kills = trial.run_apart(train_twice, trial.folder, trial.size)
    if not kills:
        raise VoidError("the run ended before it could be killed")
    return Result(
        f"{_EPOCHS} epochs of {_RECIPE}",
        f"{kills} kills (SIGKILL), each followed by --resume",
        f"{different} weights differ",
        [f"{different} weights differ from those of the uninterrupted run"] if different else [],
    )


def train_twice(folder: Path, kills: int) -> tuple[int, int]:
    """Return the number of weights that differ, and how often the second run was killed."""
    torch.set_num_threads(1)
    start = time.monotonic()
    _await(_trained_apart(folder / "whole", resume=False))
    seconds = (time.monotonic() - start) / _EPOCHS
    generator, killed, state = np.random.default_rng(0), 0, folder / "pieces.state"
    child = _trained_apart(folder / "pieces", resume=False)
    while killed < kills:
        written, ended = _moment(state), False
        while _moment(state) == written and not (ended := _ended(child)):  # a run that did nothing has nothing to lose
            time.sleep(0.001)
        time.sleep(float(generator.uniform(0, 2)) * seconds)
        if ended or _ended(child):  # it was faster
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1
        child = _trained_apart(folder / "pieces", resume=True)
    else:
        _await(child)
    whole, pieces = (safetensors.torch.load_file(folder / f"{name}.safetensors") for name in ("whole", "pieces"))
    return sum(_different(whole[name], pieces[name]) for name in whole), killed


def _different(one: torch.Tensor, other: torch.Tensor) -> int:
    return int((one != other).sum())


def _trained_apart(path: Path, *, resume: bool) -> int:
    """Train in a process of its own, which writes the weights in the end; returns its number."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            recipe = recipes.find(_RECIPE).with_epochs(_EPOCHS)
            state = StateFile(path.with_suffix(".state"), "", every_seconds=0.0)
            trained = train(recipe, data.load(recipe.data), Run(0, state, resume))
            weights: Mapping[str, torch.Tensor] = trained.model.state_dict()
            safetensors.torch.save_file(dict(weights), path.with_suffix(".safetensors"))
            os._exit(0)
        os._exit(1)
    return child


def _moment(file: Path) -> int:
    """Return when a file was written; 0 if there is none."""
    return file.stat().st_mtime_ns if file.exists() else 0


def _ended(child: int) -> bool:
    """Return whether a process has ended by itself.

    Raises:
        VoidError: if it failed.
    """
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        _check(status)
    return bool(ended)


def _await(child: int) -> None:
    _check(os.waitpid(child, 0)[1])


def _check(status: int) -> None:
    if status:
        raise VoidError(f"training failed with status {os.waitstatus_to_exitcode(status)}")


PROMISE = Promise(
    "resuming",
    "A run that was killed and resumed ends in the weights of one that was not",
    "kills",
    10,
    3,
    prove,
    (repeat_an_epoch,),
)
