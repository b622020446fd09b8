"""Everything that ``docs/performance.md`` says of the service's speed, in one run: ``make bench``.

Run from the repository's root: ``python benchmarks/bench.py [--quick] [--write docs/performance.md]``. It starts
Credence and its peers on the same network and measures them in turn; then what the parts of a request cost in process,
how that grows, how much memory it takes, and how soon the service is ready. Absolute figures are this machine's; ratios
are what counts. ``--quick`` takes short stretches, to see that it works.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import description, versions
from page import Target, table, write
from peers import report
from peers.compare import compare
from peers.load import LoadError, wrk
from peers.workload import prepare
from rich.console import Console

from service.backends.torch_loader import configure_torch

_CONSOLE = Console(stderr=True, highlight=False)


def main() -> None:
    """Measure all, print it, and write it into a page if one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short stretches, to see that it works")
    parser.add_argument("--write", type=Path, help="page whose marked part is replaced; the chart lies beside it")
    options = parser.parse_args()
    try:
        wrk()
    except LoadError as error:
        sys.exit(str(error))
    configure_torch(1)
    started = time.perf_counter()
    text = measure(options.quick, options.write)
    text += f"\nThe whole run took {(time.perf_counter() - started) / 60:.0f} minutes.\n"
    if options.write:
        write(options.write, text)
    Console(highlight=False).print(text, markup=False)


def measure(quick: bool, page: Path | None) -> str:
    """Return what was measured, in Markdown; the chart is drawn beside the page."""
    with tempfile.TemporaryDirectory() as folder:
        say("saving the networks")
        workload = prepare(Path(folder))
        comparison = compare(workload, *((1, 1) if quick else (3, 2)), say)
    parts = [f"Measured on {description()}; {versions()}; {report.versions()}."]
    found: list[Target] = report.targets(comparison)
    parts += ["## Against other servers", report.tables(comparison)]
    if page:
        report.draw(comparison, page.with_suffix(".svg"))
        parts.append(f"![Requests per second of each server]({page.with_suffix('.svg').name})")
    goals = table(["figure", "target", "now", "met"], [target.cells() for target in found])
    return "\n\n".join([parts[0], "## Targets", goals, *parts[1:]]) + "\n"


def say(what: str) -> None:
    """Tell whoever waits what goes on."""
    _CONSOLE.print(f"==> {what}")


if __name__ == "__main__":
    main()
