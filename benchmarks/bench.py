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

from inside.growth import grow
from inside.memory import FEW, MANY, peak_bytes
from inside.parts import generators, predictors
from inside.peak import measure_peak
from machine import description, versions
from page import Target, table, write
from peers import load, report
from peers.compare import compare
from peers.workload import prepare
from rich.console import Console
from startup import measure_starts

from service.backends.torch_loader import configure_torch

_CONSOLE = Console(stderr=True, highlight=False)
_ROUGH = "A quick run, of short stretches: the figures are rough."


def main() -> None:
    """Measure all, print it, and write it into a page if one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short stretches, to see that it works")
    parser.add_argument("--write", type=Path, help="page whose marked part is replaced; the chart lies beside it")
    options = parser.parse_args()
    try:
        load.wrk()
    except load.LoadError as error:
        sys.exit(str(error))
    configure_torch(1)
    started = time.perf_counter()
    text = measure(options.quick, options.write)
    text += f"\nThe whole run took {(time.perf_counter() - started) / 60:.0f} minutes.\n"
    if options.write:
        write(options.write, text)
    sys.stdout.write(text)


def measure(quick: bool, page: Path | None) -> str:
    """Return what was measured, in Markdown; the chart is drawn beside the page."""
    with tempfile.TemporaryDirectory() as folder:
        say("saving the networks")
        comparison = compare(prepare(Path(folder)), *((1, 1) if quick else (3, 2)), say)
        say("starting the service with one model and with all bundled ones")
        starts, ready = measure_starts(Path(folder))
    inside, goals = measure_inside(3 if quick else 15)
    targets = [*report.targets(comparison), *goals, ready]
    chart = ""
    if page:
        report.draw(comparison, page.with_suffix(".svg"))
        chart = f"\n\n![Requests per second of each server]({page.with_suffix('.svg').name})"
    parts = {
        "Targets": table(["figure", "target", "now", "met"], [target.cells() for target in targets]),
        "Against other servers": report.tables(comparison) + chart,
        **inside,
        "Start": starts,
    }
    told = f"Measured on {description()}; {versions()}; {report.versions()}; {load.version()}, one thread."
    told += f" {_ROUGH}" if quick else ""
    return "\n\n".join([told, *(f"## {heading}\n\n{text}" for heading, text in parts.items())]) + "\n"


def measure_inside(turns: int) -> tuple[dict[str, str], list[Target]]:
    """Return what was measured in process by its heading, and the figures that have a target."""
    say("measuring the parts of an answer")
    peak = measure_peak(turns)
    told = f"Peak of one thread: {peak.operations / 1e9:.0f} GFLOP/s in float32, {peak.bytes / 1e9:.1f} GB/s copied."
    parts, targets = predictors(turns, peak)
    say("measuring generators")
    images = generators(turns, peak)
    say("measuring growth and memory")
    growth = grow(turns)
    few, many = peak_bytes(FEW), peak_bytes(MANY)
    figure = f"SegNet 360 x 480, {MANY} draws: peak memory over {FEW} draws"
    targets.append(Target(figure, 1.1, many / few, least=False))
    sizes = f"{few / 1e6:.0f} MB with {FEW} draws, {many / 1e6:.0f} MB with {MANY}"
    memory = f"SegNet with torch, one image of 360 x 480: {sizes}, of a whole process."
    return {"Parts of an answer": f"{told}\n\n{parts}\n\n{images}", "Growth": f"{growth}\n\n{memory}"}, targets


def say(what: str) -> None:
    """Tell whoever waits what goes on."""
    _CONSOLE.print(f"==> {what}")


if __name__ == "__main__":
    main()
