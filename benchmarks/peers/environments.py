"""A virtual environment for each peer, with exact versions; torch and what else Credence has is shared, not copied."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".bench"
"""Ignored by git; ``make clean`` removes it."""
REQUIREMENTS = Path(__file__).parent / "requirements"


class MissingPeerError(Exception):
    """The peer cannot be installed or started here, for the reason that it gives."""


def python_of(name: str) -> Path:
    """Return the Python of a peer's environment, which is made where it is missing or has other versions.

    Raises:
        MissingPeerError: with the last line of what the installation said.
    """
    folder, wanted = ENVIRONMENTS / name, (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _share_packages(python)
        requirements = str(REQUIREMENTS / f"{name}.txt")
        pip = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check")
        _run(*pip, "--no-deps", "-r", requirements)
        installed.write_text(wanted, encoding="utf-8")
    return python


def _share_packages(python: Path) -> None:
    """Let an environment import Credence's packages as well; its own come first."""
    (own,) = (python.parents[1] / "lib").glob("python*/site-packages")
    (own / "shared.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingPeerError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")
