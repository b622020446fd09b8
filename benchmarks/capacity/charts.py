"""Four charts of a plan in one picture: the simulation beside the measurement, loads, a death, and growth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from capacity.plan import FEW, GROWTH, MANY, Plan
from capacity.validation import TOLERANCE


def draw(plan: Plan, picture: Path) -> None:
    """Draw the charts of a plan."""
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    (validation, loads), (death, growth) = figure.subplots(2, 2)
    _draw_validation(plan, validation)
    _draw_loads(plan, loads)
    _draw_death(plan, death)
    _draw_growth(plan, growth)
    for axes in (validation, loads, death, growth):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    with rc_context({"svg.hashsalt": "capacity"}):  # names of its parts that stay from run to run
        figure.savefig(picture, format="svg", metadata={"Date": None})


def _draw_validation(plan: Plan, axes: Axes) -> None:
    for marker, processes in zip("os", dict.fromkeys(one.processes for one in plan.agreements), strict=True):
        for colour, figure in (("C0", "p50"), ("C1", "p99")):
            some = [one for one in plan.agreements if one.figure == figure and one.processes == processes]
            label = f"{figure}, {processes} process{'es' * (processes > 1)}"
            measured, simulated = ([1000 * getattr(one, side) for one in some] for side in ("measured", "simulated"))
            axes.plot(measured, simulated, marker, color=colour, label=label, fillstyle="none")
    ends = np.array([0.5, 100.0])
    axes.plot(ends, ends, color="grey", linewidth=0.8)
    axes.fill_between(ends, ends * (1 - TOLERANCE), ends * (1 + TOLERANCE), color="grey", alpha=0.15, linewidth=0)
    values = [
        1000 * value for one in plan.agreements if one.figure != "goodput" for value in (one.measured, one.simulated)
    ]
    limits = (min(values) / 1.3, max(values) * 1.3)
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    axes.set(xlabel="measured [ms]", ylabel="simulated [ms]", title=f"Simulation and measurement, ±{TOLERANCE:.0%}")


def _draw_loads(plan: Plan, axes: Axes) -> None:
    capacity = plan.measured.times.capacity
    for colour, (name, points) in zip(("C0", "C2"), plan.curves.items(), strict=True):
        rates = [point.load * capacity for point in points]
        axes.plot(rates, [1000 * point.p99 for point in points], color=colour, label=f"p99, {name}")
        axes.plot(rates, [1000 * point.p50 for point in points], ":", color=colour, label=f"p50, {name}")
    axes.axhline(1000 * plan.measured.within, color="grey", linewidth=0.8, label="in time")
    axes.set(yscale="log", xlabel="requests/s of each replica", ylabel="[ms]", title="Steady load, by the balancer")


def _draw_death(plan: Plan, axes: Axes) -> None:
    for colour, count in (("C3", FEW), ("C0", MANY)):
        moments, p99 = plan.failures[count].record.by_second(99)
        axes.plot(moments, 1000 * p99, color=colour, label=f"p99 of {count} replicas")
    axes.set(yscale="log", xlabel="seconds", ylabel="[ms]", title="One replica dies, and another one starts")


def _draw_growth(plan: Plan, axes: Axes) -> None:
    ends = np.cumsum([seconds for seconds, _ in GROWTH])
    history = [*plan.growth.history, (float(ends[-1]), *plan.growth.history[-1][1:])]
    times, ready, starting = (np.array(column) for column in zip(*history, strict=True))
    axes.step(
        np.array([0.0, *ends]), np.array([GROWTH[0][1], *(load for _, load in GROWTH)]), color="grey", label="load"
    )
    axes.step(times, ready, where="post", color="C0", label="replicas that are ready")
    axes.step(times, ready + starting, where="post", color="C0", linestyle=":", label="with those that start")
    axes.set(xlabel="seconds", ylabel="replicas", title="Load that doubles every minute, autoscaled")
