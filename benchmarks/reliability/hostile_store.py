"""A checkpoint is only what lies in its folder: links, pipes, pickles and false manifests are refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from models.checkpoints import checkpoint, folder
from models.checkpoints.folder import checksums
from models.errors import CheckpointError
from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, digits

_MOST_SECONDS = 1.0
_FORGED = "line\nINFO root: FAKE LOG"
_OUTSIDE = "the canary"


class _Canary:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"echo {_OUTSIDE} > {self._path}",)


def read_anything() -> None:
    """Nobody looks whether something is a regular file."""
    vars(folder)["_KINDS"] = {}


def prove(trial: Trial) -> Result:
    """Fill a store with one attack a folder, beside a good model, and see what is served."""
    store, canary = trial.folder / "store", trial.folder / "canary"
    outside = trial.folder / "outside.md"
    outside.write_text(_OUTSIDE)
    attacks = _attacks(outside, canary)
    for name, attack in attacks.items():
        version = store / name / "1"
        shutil.copytree(trial.store / DIGITS / "1", version)
        _rename(version, name)
        attack(version)
    checkpoint.load(trial.store / DIGITS / "1")  # so that what is made once is there
    slowest = max(_refused_within(store / name / "1") for name in attacks)
    with trial.serve() as service, service.client() as client:
        told = client.get("/models").json()
        alive = client.post("/predict", json={"inputs": digits(1)}).status_code
        log = service.log.read_text(encoding="utf-8")
    served = attacks.keys() - {_FORGED} - {refused["name"] for refused in told["refused"]}
    broken = [
        *([f"{sorted(served)} are not refused"] if served else []),
        *(["the canary was written: something in a store was executed"] if canary.exists() else []),
        *(["a line of the log was forged"] if "\nINFO root: FAKE LOG" in log else []),
        *(["what lies outside the store is told"] if _OUTSIDE in json.dumps(told) else []),
        *([f"a refusal took {slowest:.1f} s"] if slowest > _MOST_SECONDS else []),
        *([f"the good model answered with {alive}"] if alive != 200 else []),
    ]
    return Result(
        "a store with one good model",
        f"{len(attacks)} hostile checkpoints: {', '.join(name for name in attacks if name.isprintable())}",
        f"{len(served)} not refused; refused within {slowest:.2f} s",
        broken,
    )


def _attacks(outside: Path, canary: Path) -> Mapping[str, Callable[[Path], object]]:
    """Return functions that turn a good checkpoint into an attack."""

    def manifest(*keys: str, value: object) -> Callable[[Path], None]:
        def change(version: Path) -> None:
            content = json.loads((version / "manifest.json").read_text())
            part = content
            for key in keys[:-1]:
                part = part[key]
            part[keys[-1]] = value
            (version / "manifest.json").write_text(json.dumps(content))
            _seal(version)

        return change

    def replace(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
        def change(version: Path) -> None:
            (version / name).unlink(missing_ok=True)
            make(version / name)

        return change

    return {
        "link": replace("card.md", lambda path: path.symlink_to(outside)),
        "hard-link": replace("card.md", lambda path: path.hardlink_to(outside)),
        "device": replace("card.md", lambda path: path.symlink_to("/dev/zero")),
        "pipe": replace("card.md", os.mkfifo),
        "pipe-beside": replace("notes.txt", os.mkfifo),
        "folder": replace("more", os.mkdir),
        "pickle": replace("weights.safetensors", lambda path: path.write_bytes(pickle.dumps(_Canary(canary)))),
        "terabyte": replace("weights.safetensors", lambda path: os.truncate(_touched(path), 2**40)),
        "eight-gigabytes": manifest("model", "network", "config", "hidden", value=[32_000, 64_000]),
        "temperature": manifest("model", "outputs", "temperature", value=0.0),
        "unknown-field": manifest("extra", value=1),
        "foreign-version": manifest("format_version", value=99),
        "another-name": manifest("name", value="../../outside"),
        _FORGED: lambda version: None,
    }


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _rename(version: Path, name: str) -> None:
    content = json.loads((version / "manifest.json").read_text())
    (version / "manifest.json").write_text(json.dumps(content | {"name": name}))
    _seal(version)


def _seal(version: Path) -> None:
    """Make the checksums true of what lies there."""
    names = [path.name for path in version.iterdir() if path.name != "SHA256SUMS"]
    (version / "SHA256SUMS").write_bytes(checksums({name: (version / name).read_bytes() for name in names}))


def _refused_within(version: Path) -> float:
    """Return the seconds until a checkpoint is refused; infinity if it is loaded."""
    start = time.monotonic()
    try:
        checkpoint.load(version)
    except CheckpointError:
        return time.monotonic() - start
    return 0.0 if version.parent.name == _FORGED else float("inf")


PROMISE = Promise(
    "store",
    "A checkpoint is only what lies in its folder, and nothing in it is executed; the others serve",
    "stores",
    1,
    1,
    prove,
    (read_anything,),
)
