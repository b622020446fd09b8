"""Everything that ``docs/reliability.md`` promises, tried on the real service: ``make chaos``.

Run from the repository's root: ``python benchmarks/chaos.py --store STORE [--quick] [--only NAME] [--write
docs/reliability.md]``. Every promise is tried twice: on the code as it is, and with a fault planted that must turn the
line red. The status is 1 if a promise is broken, or if a planted fault was not noticed. With ``--only`` the other lines
of the page stay as they are, each with the day on which it was tried.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import description, versions
from page import marks, table, write
from reliability.catalogue import PROMISES
from reliability.promise import Promise, Verdict, try_promise
from rich.console import Console

_CONSOLE = Console(stderr=True, highlight=False)
_HEADINGS = ("promise", "load", "faults", "lost", "verdict", "with a planted fault", "tried on")
_VERDICT = _HEADINGS.index("verdict")
MARK = "make chaos"


def main() -> None:
    """Try the promises, print the table, and write it into a page if one is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [promise.name for promise in PROMISES]
    parser.add_argument("--store", type=Path, required=True, help="store with the starter models")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="short trials: all of them in five minutes")
    parser.add_argument("--write", type=Path, help="page whose marked part is replaced")
    options = parser.parse_args()
    chosen = [promise for promise in PROMISES if not options.only or promise.name in options.only]
    started = time.monotonic()
    verdicts = [tell(promise, options.store, quick=options.quick) for promise in chosen]
    others = read_lines(options.write) if options.write and options.only else {}
    text = report(verdicts, others, time.monotonic() - started, quick=options.quick)
    sys.stdout.write(text)
    if options.write:
        write(options.write, text, MARK)
    sys.exit(any(verdict.result is not None and not verdict.kept for verdict in verdicts))


def tell(promise: Promise, store: Path, *, quick: bool) -> Verdict:
    """Try a promise, and say how it went."""
    size = promise.quick if quick else promise.full
    _CONSOLE.print(f"==> {promise.name}: {promise.text} ({size} {promise.unit})")
    verdict = try_promise(promise, store, quick=quick)
    _CONSOLE.print(f"    {' | '.join(verdict.cells()[1:])} ({verdict.seconds:.0f} s)")
    return verdict


def read_lines(page: Path) -> dict[str, list[str]]:
    """Return the lines of the table that a page has, by the promise."""
    begin, end = marks(MARK)
    written = page.read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    lines = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| ")]
    return {cells[0]: cells for cells in lines if len(cells) == len(_HEADINGS)}


def report(verdicts: Sequence[Verdict], others: Mapping[str, list[str]], seconds: float, *, quick: bool) -> str:
    """Return the table in Markdown, with the machine and the day.

    Args:
        verdicts: Findings of this run.
        others: Lines of earlier runs by their promise, for those that were not tried in this one.
        seconds: Seconds that this run took.
        quick: Whether its trials were short.
    """
    today = f"{datetime.now(UTC):%d %B %Y}"
    tried = {verdict.promise.text: [*verdict.cells(), today] for verdict in verdicts if verdict.result is not None}
    missing = {verdict.promise.text: [*verdict.cells(), today] for verdict in verdicts if verdict.result is None}
    lines = {**missing, **others, **tried}
    ordered = [lines[promise.text] for promise in PROMISES if promise.text in lines]
    words = [cells[_VERDICT] for cells in ordered]
    kept, untried = sum(word.startswith("kept") for word in words), sum(word.startswith("not run") for word in words)
    told = f"{kept} of {len(words) - untried} kept{f' and {untried} not run' if untried else ''}; the last run took"
    told += f" {seconds / 60:.0f} minutes on {description()}; {versions()}."
    told += " A quick run, of short trials." if quick else ""
    return f"{told}\n\n{table(_HEADINGS, ordered)}\n"


if __name__ == "__main__":
    main()
