"""The processors that compute in bfloat16 by themselves."""

from __future__ import annotations

import torch


def cpu_knows_bfloat16() -> bool:
    """Return whether the CPU multiplies in bfloat16; one that does not takes up to twelve times as long."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
