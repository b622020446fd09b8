"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("torch", "onnxruntime", "fastapi", "uvicorn", "pydantic", "numpy")


def processor() -> str:
    """Return the name of this machine's processor, as Linux tells it."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    named = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    return named[1] if named else platform.machine()


def description() -> str:
    """Return the processor and its cores."""
    return f"{processor()}, {os.cpu_count()} cores"


def versions() -> str:
    """Return the versions of Python and of the libraries that the figures depend on."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _LIBRARIES)])
