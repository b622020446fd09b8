"""Killed at any moment of a save, a run loses nothing that was there and leaves nothing that cannot be loaded."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from models.checkpoints import checkpoint
from models.checkpoints.folder import checksums
from models.errors import CheckpointError
from reliability.promise import Promise, Result, Trial, VoidError

_MODEL = "curve-mlp-mc_dropout"
_MOST_SAVES = 3.0
"""Time after which a saving process is killed at the latest, as a multiple of what one save takes."""


def save_in_place() -> None:
    """Files are written where readers look for them, one after the other."""

    def save(
        store: Path, manifest: checkpoint.Manifest, model: checkpoint.Model, examples: Mapping[str, Tensor], card: str
    ) -> Path:
        versions = store / manifest.name
        version = max((int(path.name) for path in versions.iterdir()), default=0) + 1
        numbered = msgspec.structs.replace(manifest, version=version)
        contents = {
            "weights.safetensors": safetensors.torch.save(model.state_dict()),
            "examples.safetensors": safetensors.torch.save(dict(examples)),
            "card.md": card.encode(),
            "manifest.json": msgspec.json.encode(numbered),
        }
        folder = versions / str(version)
        folder.mkdir()
        for name, content in {**contents, "SHA256SUMS": checksums(contents)}.items():
            with (folder / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        return folder

    checkpoint.save = save  # type: ignore[assignment]


def prove(trial: Trial) -> Result:
    """Kill processes that save without end, each at a random moment, and load all versions."""
    shutil.copytree(trial.store / _MODEL / "1", trial.folder / _MODEL / "1")
    saved, unloadable, lost = trial.run_apart(kill_savers, trial.folder, trial.size)
    if not saved:
        raise VoidError("no version was saved")
    return Result(
        f"{saved} versions saved",
        f"{trial.size} kills (SIGKILL) while saving",
        f"{unloadable} could not be loaded, {lost} were lost",
        [f"{unloadable} versions cannot be loaded, {lost} were lost"] if unloadable or lost else [],
    )


def kill_savers(store: Path, kills: int) -> tuple[int, int, int]:
    """Return the numbers of versions that were saved, that cannot be loaded, and that were there and are gone."""
    torch.set_num_threads(1)
    first = checkpoint.load(store / _MODEL / "1")
    manifest = msgspec.structs.replace(first.manifest, calibration=None, opset=None)
    start = time.monotonic()
    checkpoint.save(store, manifest, first.model, first.examples, first.card)
    seconds = time.monotonic() - start
    generator, saved, unloadable, lost = np.random.default_rng(0), 0, 0, 0
    for _ in range(kills):
        before = {path.name for path in (store / _MODEL).iterdir()}
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                while True:
                    checkpoint.save(store, manifest, first.model, first.examples, first.card)
            os._exit(1)
        time.sleep(float(generator.uniform(0, _MOST_SAVES * seconds)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        versions = {path.name: path for path in (store / _MODEL).iterdir()}
        lost += len(before - versions.keys())
        for name, folder in versions.items():
            saved += name not in before
            try:
                checkpoint.load(folder)
            except CheckpointError:
                unloadable += 1
            if name != "1":
                shutil.rmtree(folder)  # so that there are not ever more to load
    return saved, unloadable, lost


PROMISE = Promise(
    "saves",
    "kill -9 at any moment of a save loses nothing",
    "kills",
    200,
    20,
    prove,
    (save_in_place,),
)
