"""The section of a card on the columns of the user's table."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.dataset import Finding
from training.data.findings import HEADINGS, as_rows


def columns_section(findings: Sequence[Finding]) -> str:
    """Return a table in markdown with a line for each column; empty if the data came without."""
    if not findings:
        return ""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *as_rows(findings)]
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return f"\n## Columns\n\n{table}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
