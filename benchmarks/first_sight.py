"""From an empty store to the first answer: what a new user waits for after the install.

    python benchmarks/first_sight.py [--write docs/performance.md]

It does what ``make serve`` does then, on a store of its own, and asks the default model about a stroke of 28 x 28
pixels, as the playground does when a digit is drawn, until it answers; and then waits for all other models.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
from machine import description
from page import Target, number, table, write
from peers.servers import CREDENCE, Process

from service.settings import Settings

PRETRAINED = Path(__file__).parents[1] / "pretrained"
COMMAND = "first_sight.py"
_BOUND = 60
_SIDE = 28


def main() -> None:
    """Measure once, and print the table or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page to write the table into")
    page = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:
        text = measure(Path(folder))
    if page is None:
        sys.stdout.write(f"{text}\n")
    else:
        write(page, text, COMMAND)


def measure(folder: Path) -> str:
    """Return the table of what happened when, in seconds from the end of the install."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "service", "add-pretrained", str(PRETRAINED), "--store", str(folder / "store")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    added = time.perf_counter() - begun
    listening = replace(CREDENCE, health="/health/live")
    process = Process(listening, folder, CREDENCE_DEFAULT_MODEL=Settings.model_fields["default_model"].default)
    try:
        wait(lambda: httpx.post(f"{process.url}/predict", json=stroke(), timeout=_BOUND))
        answered = time.perf_counter() - begun
        wait(lambda: httpx.get(f"{process.url}/health/ready", timeout=_BOUND))
        ready = time.perf_counter() - begun
    finally:
        process.stop()
    log = process.log.read_text(encoding="utf-8")
    loads = [(name, float(took)) for name, took in re.findall(r"loaded (\S+) version \d+ in ([\d.]+) s", log)]
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in sorted(loads, key=lambda load: -load[1]))
    steps = [
        ("the pretrained models are in the store", added),
        ("a drawn digit is answered", answered),
        ("all models are ready", ready),
    ]
    target = Target("first drawn digit answered after the install, seconds", _BOUND, answered, least=False)
    lines = table(["after the install", "seconds"], [[step, number(seconds)] for step, seconds in steps])
    aim = table(["figure", "target", "now", "met"], [target.cells()])
    return f"{description()}\n\n{lines}\n\n{aim}\n\nTo load, in seconds: {told}."


def stroke() -> dict[str, object]:
    """Return a request about a digit as a hand draws it: a one."""
    row = [[255.0 if 13 <= x <= 14 and 4 <= y < 24 else 0.0 for x in range(_SIDE)] for y in range(_SIDE)]
    return {"inputs": [[row]], "samples": 50}


def wait(ask: Callable[[], httpx.Response]) -> None:
    """Ask until the answer is that of success; while models load it is another."""
    while (answer := ask()).status_code != 200:
        if answer.status_code != 503:
            answer.raise_for_status()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
