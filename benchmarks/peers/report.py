"""The comparison of servers as it stands on the page: a table, a chart and figures with their targets."""

from __future__ import annotations

import re
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from page import Target, number, table

from peers.cases import BY_LOOP, NPY, OURS, PARSED, PEERS, SEEDS, VARIANTS, Case
from peers.compare import CONNECTIONS, Comparison
from peers.environments import REQUIREMENTS
from peers.load import Load

ONE, MANY = CONNECTIONS
_PACKAGES = {"fastapi": "uvloop", "ray": "ray"}
"""The package of an environment that is named on the page, where it has another name than the environment."""


def tables(comparison: Comparison) -> str:
    """Return the tables of all servers, and of Credence asked in other ways."""
    headings = [
        "server",
        *(f"{what}, {n} connection{'s' * (n > 1)}" for n in CONNECTIONS for what in ("requests/s", "p50 [ms]", "p99")),
    ]
    servers = [line(case, comparison) for case in (OURS, *PEERS, PARSED)]
    ways = [line(case, comparison) for case in (OURS, *VARIANTS)]
    return f"{table(headings, servers)}\n\n{table(['Credence asked in other ways', *headings[1:]], ways)}"


def line(case: Case, comparison: Comparison) -> list[str]:
    """Return the line of a case, or why its server is absent."""
    if reason := comparison.missing.get(case.server.name):
        return [f"{case.name}: absent ({reason})", *["-"] * 3 * len(CONNECTIONS)]
    loads = [comparison.loads[case, connections] for connections in CONNECTIONS]
    return [case.name, *(number(value) for load in loads for value in (load.rate, load.p50, load.p99))]


def targets(comparison: Comparison) -> list[Target]:
    """Return the figures that the service is judged by."""
    loads = comparison.loads
    peers = [case for case in PEERS if (case, MANY) in loads]

    def over(case: Case, other: Case) -> float | None:
        both = (case, MANY) in loads and (other, MANY) in loads
        return loads[case, MANY].rate / loads[other, MANY].rate if both else None

    ours = loads[OURS, MANY]
    best_rate = max((loads[case, MANY].rate for case in peers), default=None)
    best_median = min((loads[case, ONE].p50 for case in peers), default=None)
    many = f"at {MANY} connections, JSON"
    return [
        Target(f"requests/s {many}, over the best peer", 6, best_rate and ours.rate / best_rate),
        Target(f"requests/s {many}, over the loop of passes", 60, over(OURS, BY_LOOP)),
        Target(f"requests/s {many}, over parse-and-answer of FastAPI with pydantic", 2, over(OURS, PARSED)),
        Target(
            "p50 at 1 connection over the best peer's", 0.25, best_median and loads[OURS, ONE].p50 / best_median, False
        ),
        Target(f"p99 over p50 at {MANY} connections", 2, ours.p99 / ours.p50, False),
        Target("npy body over JSON body, requests/s", 1.3, over(NPY, OURS)),
        Target("a new seed in every request over the bank, requests/s", 0.5, over(SEEDS, OURS)),
    ]


def versions() -> str:
    """Return the versions of the peers."""
    found = []
    for file in sorted(REQUIREMENTS.glob("*.txt")):
        package = _PACKAGES.get(file.stem, file.stem)
        version = re.search(rf"^{package}==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        found.append(f"{package} {version[1] if version else '?'}")
    return ", ".join(found)


def draw(comparison: Comparison, picture: Path) -> None:
    """Draw the rates of all servers as bars."""
    shown = [case for case in (OURS, *PEERS, PARSED) if (case, MANY) in comparison.loads]
    figure = Figure(figsize=(7, 0.9 + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for offset, connections in zip((-0.2, 0.2), CONNECTIONS, strict=True):
        loads: list[Load] = [comparison.loads[case, connections] for case in shown]
        places = [index + offset for index in range(len(shown))]
        bars = axes.barh(places, [load.rate for load in loads], 0.38, label=f"{connections} connections")
        axes.bar_label(bars, fmt="%.0f", padding=2, fontsize=8)
    axes.set_yticks(range(len(shown)), [case.name.strip("*") for case in shown])
    axes.invert_yaxis()
    axes.set_xlabel("requests/s, 50 draws each; parse and answer only computes nothing")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with rc_context({"svg.hashsalt": "bench"}):  # names of its parts that stay from run to run
        figure.savefig(picture, format="svg", metadata={"Date": None})
