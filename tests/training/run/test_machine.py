"""A machine is named by its kind, and by nothing that tells it from others of the kind."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from training.run import machine as module
from training.run.machine import machine

CPU = torch.device("cpu")


def test_the_model_of_the_cpu_and_the_threads_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some(R)  CPU(TM) 9 @ 2.60GHz\nmodel name\t: x\n")
    monkeypatch.setattr(module, "_CPUS", tmp_path / "cpuinfo")
    assert machine(CPU) == "Some CPU 9 @ 2.60GHz, 1 thread"
    torch.set_num_threads(2)
    assert machine(CPU) == "Some CPU 9 @ 2.60GHz, 2 threads"


def test_without_a_list_of_cpus_the_kind_and_never_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CPUS", tmp_path / "nothing")
    assert machine(CPU) == f"{platform.processor() or platform.machine()}, 1 thread"
    assert platform.node() not in machine(CPU)
