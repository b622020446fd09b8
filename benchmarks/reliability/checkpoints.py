"""A checkpoint in which a single bit is wrong, or from which the end is missing, is refused."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from models.checkpoints import checkpoint, folder
from models.errors import CheckpointError
from reliability.promise import Promise, Result, Trial

_MODEL = "curve-mlp-mc_dropout"
_FLIPS_PER_CUT = 5


def check_lengths_alone() -> None:
    """Checksums are made of the lengths of the files alone."""

    def sha256(content: bytes) -> Any:
        return hashlib.sha256(str(len(content)).encode())

    vars(folder)["hashlib"] = SimpleNamespace(sha256=sha256)


def prove(trial: Trial) -> Result:
    """Flip bits of all files of a checkpoint, cut files short, and load it each time."""
    version = trial.folder / _MODEL / "1"
    shutil.copytree(trial.store / _MODEL / "1", version)
    flips, cuts = trial.size, trial.size // _FLIPS_PER_CUT
    loaded = trial.run_apart(spoil, version, flips, cuts)
    return Result(
        f"{flips + cuts} checkpoints loaded",
        f"{flips} with one bit flipped, {cuts} cut short, in any of the files",
        f"{len(loaded)} of {flips + cuts} were loaded",
        [f"a checkpoint was loaded though {loaded[0]}"] if loaded else [],
    )


def spoil(version: Path, flips: int, cuts: int) -> list[str]:
    """Return the damage with which the checkpoint was loaded all the same."""
    contents = {path.name: path.read_bytes() for path in version.iterdir()}
    contents.pop("SHA256SUMS")
    contents["SHA256SUMS"] = folder.checksums(contents)
    (version / "SHA256SUMS").write_bytes(contents["SHA256SUMS"])
    checkpoint.load(version)  # whole, it is loaded
    generator, names, loaded = np.random.default_rng(0), sorted(contents), []
    for i in range(flips + cuts):
        name = names[i % len(names)]
        whole = contents[name]
        place = int(generator.integers(len(whole)))
        bit = 1 << int(generator.integers(8))
        damaged = whole[:place] + (bytes([whole[place] ^ bit]) + whole[place + 1 :] if i < flips else b"")
        (version / name).write_bytes(damaged)
        try:
            checkpoint.load(version)
            loaded.append(f"{name} had {'a bit flipped' if i < flips else 'lost its end'} at byte {place}")
        except CheckpointError:
            pass
        except Exception as error:
            loaded.append(f"{name} was damaged, which only a {type(error).__name__} noticed")
        (version / name).write_bytes(whole)
    return loaded


PROMISE = Promise(
    "checkpoints",
    "A checkpoint with one wrong bit, or cut short, is refused",
    "flipped bits",
    1000,
    100,
    prove,
    (check_lengths_alone,),
)
