"""What computes an answer, by name and version: what may differ when a line is replayed."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_PACKAGES = ("models", "service")
_LIBRARIES = ("torch", "numpy", "onnxruntime", "pillow", "safetensors", "msgspec", "pyarrow")


@functools.cache
def software() -> Mapping[str, str]:
    """Return the versions of this code and the libraries, and the processor: all that the last bits depend on."""
    return {
        "credence": _code(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        **{name: found for name in _LIBRARIES if (found := _version(name))},
    }


def _processor() -> str:
    """Return the model of the processor, by which libraries choose how they compute."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(library: str) -> str:
    for name in (library, f"{library}-gpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _code() -> str:
    """Return the first 16 digits of the SHA-256 of all the code of this repository that answers come from."""
    digest = hashlib.sha256()
    for path in sorted(path for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
