"""The plot of a comparison: a panel for each figure, and in it a model a line, with error bars."""

from __future__ import annotations

from training.evaluation.plots.plot import BLUE, GREY, png, sheet, tidy
from training.experiments.comparison.comparison import Comparison

FILE = "comparison.png"
_BARS = 2.0
"""Standard errors on either side."""


def render_plot(comparison: Comparison) -> bytes:
    """Return a PNG file: estimates with two standard errors, blue where not told from the best, grey elsewhere."""
    labels, standings = list(comparison.judged), comparison.standings
    figure = sheet(2.7 * len(standings) + 1.2, 0.34 * len(labels) + 1.2)
    panels = figure.subplots(1, len(standings), sharey=True, squeeze=False)[0]
    for axes, standing in zip(panels, standings, strict=True):
        for place, label in enumerate(labels):
            found = comparison.estimate(label, standing.figure)
            bar = _BARS * found.error if found.error > 0 else None
            colour = BLUE if label in standing.level else GREY
            axes.errorbar(found.value, place, xerr=bar, fmt="o", color=colour, capsize=2, markersize=4)
        axes.set_yticks(range(len(labels)), labels)
        arrow = "←" if standing.figure.better == "lower" else "→"
        tidy(axes, f"{standing.figure.name}  ({arrow} better)", "")
    panels[0].invert_yaxis()
    return png(figure)
