"""The starter models for the tests: trained two at a time, and kept until the code that trains them changes.

``make test`` runs this file before the tests; where pytest runs alone, the first test that needs the models does.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[1]
STORES = ROOT / ".starter"
"""Ignored by git; ``make clean`` removes it."""
AT_ONCE = 2
"""Every run has one thread, as in ``make serve``: more at a time change no figure."""


def trained_store() -> Path:
    """Return a store with every starter model, after training those that it lacks."""
    STORES.mkdir(exist_ok=True)
    with FileLock(STORES / "lock"):
        store = STORES / fingerprint()
        missing = [name for name in starter_names() if not (store / name).exists()]
        if missing:
            remove_outdated(store)
            with ThreadPoolExecutor(AT_ONCE) as runs:
                deque(runs.map(lambda name: train(name, store), missing), maxlen=0)
    return store


def fingerprint() -> str:
    """Return a digest of everything that decides what the models are."""
    digest = hashlib.sha256()
    for path in [ROOT / "constraints.txt", *sorted([*ROOT.glob("models/**/*.py"), *ROOT.glob("training/**/*.py")])]:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def starter_names() -> list[str]:
    from training.recipes import RECIPES  # takes seconds: torch

    return [recipe.name for recipe in RECIPES.values() if recipe.starter]


def remove_outdated(store: Path) -> None:
    for path in STORES.iterdir():
        if path.is_dir() and path != store:
            shutil.rmtree(path)


def train(name: str, store: Path) -> None:
    """Fit one model as ``make serve`` does, and print the lines about its epochs."""
    command = [sys.executable, "-m", "training", "fit", name, "--out", str(store)]
    output: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        assert run.stdout
        for line in run.stdout:
            output.append(line)
            if "  epoch " in line:
                sys.stdout.write(line)
                sys.stdout.flush()
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(output)}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    trained_store()
