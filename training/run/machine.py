"""What a model was trained on, by kind: never a host's name."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

_CPUS = Path("/proc/cpuinfo")


def machine(device: torch.device) -> str:
    """The GPU, or the CPU and how many threads of it PyTorch uses now."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_cpu()}, {threads} thread{'s' if threads > 1 else ''}"


def _cpu() -> str:
    found = re.search(r"^model name\s*: (.+)$", _CPUS.read_text(), re.MULTILINE) if _CPUS.is_file() else None
    name = found[1] if found else platform.processor() or platform.machine()
    return " ".join(re.sub(r"\((R|TM|C)\)", "", name).split())
