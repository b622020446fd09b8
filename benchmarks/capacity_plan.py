"""Everything that ``docs/capacity.md`` says of growth, in one run: ``make capacity``.

Run from the repository's root: ``python benchmarks/capacity_plan.py [--quick] [--write docs/capacity.md]``. It measures
what a replica's work takes, holds a simulation of the service against the service itself, and asks the simulation
about rates that no machine here can send. ``--measured docs/capacity.json`` takes what an earlier run has measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from capacity.charts import draw
from capacity.limits import Allowances
from capacity.measured import Effort, Measured, measure
from capacity.plan import Assumptions, make_plan
from capacity.prices import Prices
from capacity.report import report
from page import write
from rich.console import Console

_CONSOLE = Console(stderr=True, highlight=False)
MARK = "make capacity"
_QUICK, _FULL = Effort(1, 0.5, 1.0), Effort(3, 0.7, 3.0)


def main() -> None:
    """Measure, simulate, print the plan, and write it into a page if one is named."""
    options = _parse()
    if options.measured:
        measured = Measured.read(options.measured)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measured = measure(Path(folder), _QUICK if options.quick else _FULL, options.within / 1000, say)
    if options.write:
        measured.write(options.write.with_suffix(".json"))
    allowed = Allowances(**{field.name: getattr(options, field.name) for field in fields(Allowances)})
    assumptions = Assumptions(Prices(options.core, options.gpu), allowed, options.pod_seconds)
    plan = make_plan(measured, assumptions, quick=options.quick, say=say)
    text = report(plan)
    if options.write:
        picture = options.write.with_suffix(".svg")
        draw(plan, picture)
        write(options.write, f"{text}\n![Simulation and measurement, loads, a death, growth]({picture.name})", MARK)
    sys.stdout.write(text)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--measured", type=Path, metavar="FILE", help="what an earlier run measured, not to measure")
    source.add_argument(
        "--within", type=float, default=25.0, metavar="MS", help="milliseconds in which an answer is of use"
    )
    parser.add_argument("--quick", action="store_true", help="short stretches and runs, to see that it works")
    parser.add_argument(
        "--write", type=Path, help="page whose marked part is replaced; a chart and what was measured lie beside it"
    )
    parser.add_argument("--core", type=float, default=0.05, help="price of an hour of a core with 2 GB")
    parser.add_argument("--gpu", type=float, default=1.0, help="price of an hour of a GPU")
    parser.add_argument(
        "--pod-seconds", type=float, default=10.0, help="seconds around a process's start, of a new pod"
    )
    for field in fields(Allowances):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=float, default=field.default, help="what an engine bears: docs/capacity.md")
    return parser.parse_args()


def say(what: str) -> None:
    """Tell whoever waits what goes on."""
    _CONSOLE.print(f"==> {what}")


if __name__ == "__main__":
    main()
