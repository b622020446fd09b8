"""The CPUs that compute in bfloat16."""

from __future__ import annotations

import pytest
import torch

from training.loops.precision import cpu_knows_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "knows"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True, "amx_bf16": False}, False)],
)
def test_a_cpu_knows_bfloat16_by_its_instructions(
    capabilities: dict[str, bool], knows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert cpu_knows_bfloat16() is knows
