"""``benchmarks/capacity_plan.py`` makes a plan of what an earlier run has measured, and writes it into a page."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from capacity.facts import Facts
from capacity.measured import Measured
from capacity.times import ServiceTimes, Surroundings
from capacity.validation import LOADS, TOLERANCE, Trial, compare, most_rate, simulate_trial
from page import marks

ROOT = Path(__file__).parents[3]
TIMES = ServiceTimes(0.0002, 0.0002, 0.0001, 0.0005, 0.0003, (0.9, 1.0, 1.1), 80, 1024)
AROUND = Surroundings(2, 0.0001, 0.0001, 1.2)
FACTS = Facts(7600, 1400, 420, 0.008, 520_000_000, 5.5, 9_000_000, 40, 900.0, 850.0)
WITHIN = 0.025


def trials(times: ServiceTimes) -> list[Trial]:
    """Trials of a service of which the simulation knows everything."""
    asked = [
        Trial(processes, load, load * most_rate(times, AROUND, processes), 1.0, 0, 0, 0, 0)
        for processes in (1, 2)
        for load in LOADS
    ]
    return [simulate_trial(trial, times, AROUND, WITHIN) for trial in asked]


def test_the_simulation_agrees_with_itself_and_not_with_a_slower_service() -> None:
    alike = compare(trials(TIMES), TIMES, AROUND, WITHIN)
    assert [one.difference for one in alike] == [0.0] * 3 * 2 * len(LOADS)
    slower = [one for one in compare(trials(TIMES), TIMES.slower(1.3), AROUND, WITHIN) if one.figure == "p99"]
    assert [one.load for one in slower if one.holds] == []
    assert min(one.difference for one in slower) > TOLERANCE


def test_a_plan_is_made_of_what_was_measured(tmp_path: Path) -> None:
    page, file = tmp_path / "page.md", tmp_path / "measured.json"
    begin, end = marks("make capacity")
    page.write_text(f"Before.\n{begin}\n{end}\nAfter.\n")
    measured = Measured("a machine", WITHIN, TIMES, AROUND, FACTS, trials(TIMES))
    measured.write(file)
    command = [sys.executable, "benchmarks/capacity_plan.py", "--quick", "--measured", str(file), "--core", "0.5"]
    done = subprocess.run([*command, "--write", str(page)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout in page.read_text()
    assert "18 of 18 figures agree within 15%" in done.stdout
    assert "At 0.5 an hour for a core and 1 for a GPU" in done.stdout
    counts = re.findall(r"^\| ([\d,]+) \| (\d+) \| (\d+) ", done.stdout.split("## A replica")[0], re.MULTILINE)
    assert [rate for rate, *_ in counts] == ["1,000", "10,000", "100,000", "1,000,000"]
    assert all(int(looking) <= int(blind) for _, blind, looking in counts)
    assert int(counts[-1][1]) > 1_000_000 / TIMES.capacity
    assert (tmp_path / "page.svg").read_text().startswith("<?xml")
    assert Measured.read(tmp_path / "page.json") == measured
