"""The kind of machine that a model was trained on; never the name of a host."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

from training.loops.processes import count_processes

_CPUS = Path("/proc/cpuinfo")


def machine(device: torch.device) -> str:
    """Return the GPU, or the CPU and the number of threads that PyTorch uses now; of several processes, how many."""
    together = f", {count_processes()} processes" if count_processes() > 1 else ""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}{together}"
    threads = torch.get_num_threads()
    return f"{_cpu()}, {threads} thread{'s' if threads > 1 else ''}{together}"


def _cpu() -> str:
    model = re.search(r"^model name\s*: (.+)$", _CPUS.read_text(), re.MULTILINE) if _CPUS.is_file() else None
    name = model[1] if model else platform.processor() or platform.machine()
    return " ".join(re.sub(r"\((R|TM|C)\)", "", name).split())
