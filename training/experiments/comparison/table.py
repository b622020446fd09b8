"""A comparison as a table, for the console and for cards."""

from __future__ import annotations

from training.experiments.comparison.comparison import Comparison
from training.experiments.comparison.judging import OOD
from training.experiments.comparison.plot import FILE
from training.experiments.comparison.reading import explain, show


def as_table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the headings, and a line for every model; ``*`` marks the best of a figure and its equals."""
    standings = comparison.standings
    headings = ["model", *(standing.figure.name for standing in standings), "answer, ms", "MB", "training, s"]
    lines = []
    for label, runs in comparison.judged.items():
        cells = [
            show(comparison.estimate(label, standing.figure)) + " *" * (label in standing.level)
            for standing in standings
        ]
        costs = comparison.milliseconds(label), runs[0].megabytes, comparison.training_seconds(label)
        lines.append([label, *cells, *(f"{cost:.2g}" for cost in costs)])
    return headings, lines


def card_section(comparison: Comparison, label: str, command: str) -> str:
    """Return the section of a model's card in markdown: the table, what it says in words, and the plot.

    Args:
        comparison: The comparison.
        label: Label of the model whose card it is.
        command: Command that compares again.
    """
    headings, lines = as_table(comparison)
    others = ", ".join(other for other in comparison.judged if other != label)
    rows = [headings, ["---"] * len(headings), *lines]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    read = "\n".join(f"- {_on_one_line(sentence)}" for sentence in explain(comparison))
    meanings = "\n".join(f"- {one.name}: {one.meaning}; {one.better} is better" for one in comparison.figures)
    return f"""
## Compared with {others}

This model is `{label}`. Measured on the {comparison.tested}; {describe_ood(comparison)}.
`*`: the best by this figure, or not told apart from it. Again:

    {command}

{table}

{read}

![The figures of every model with two standard errors on either side.]({FILE})

Grey: clearly worse than the best, by differences that are taken row by row; so bars may overlap all the same.

{meanings}
"""


def describe_ood(comparison: Comparison) -> str:
    """Return what was out of distribution, or that nothing was."""
    if not comparison.ood:
        return "no rows out of distribution: --ood names some"
    if all(figure.name != OOD for figure in comparison.figures):
        return f"out of distribution: {comparison.ood}, which no score tells apart with so few calibration rows"
    return f"out of distribution: {comparison.ood}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
