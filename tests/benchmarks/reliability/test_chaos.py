"""``benchmarks/chaos.py`` tries the real service, finds a planted fault, and writes what it found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chaos import read_lines, report
from page import marks
from starter_store import trained_store

ROOT = Path(__file__).parents[3]


def test_a_promise_is_tried_on_the_real_service_and_the_page_gets_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = marks("make chaos")
    page.write_text(f"Before.\n{begin}\n{end}\nAfter.\n")
    command = [sys.executable, "benchmarks/chaos.py", "--store", str(trained_store()), "--quick"]
    done = subprocess.run(
        [*command, "--only", "nonfinite", "--only", "access", "--write", str(page)],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = page.read_text()
    assert done.stdout in written
    assert "2 of 2 kept" in written
    assert "An output that is not finite is answered with 200: red" in written
    assert "Keys are not asked for: red" in written
    assert written.startswith("Before.\n")
    assert written.endswith("After.\n")
    kept = read_lines(page)  # a run of other promises leaves these lines as they are
    again = report([], kept, 60, quick=False)
    assert "2 of 2 kept" in again
    assert again.splitlines()[2:] == done.stdout.splitlines()[2:]
