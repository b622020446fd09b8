"""The part of a page that ``make bench`` or ``make chaos`` writes: tables, and figures beside their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BENCH = "make bench"
"""The command whose part of a page is marked by default."""


@dataclass(frozen=True)
class Target:
    """A figure that is aimed at.

    Attributes:
        figure: What it is.
        bound: The target.
        now: What was measured; ``None`` if it was not.
        least: Whether the bound is the least that is wanted, not the most.
    """

    figure: str
    bound: float
    now: float | None
    least: bool = True

    @property
    def met(self) -> bool:
        """Return whether the target is met."""
        return self.now is not None and (self.now >= self.bound if self.least else self.now <= self.bound)

    def cells(self) -> list[str]:
        """Return its line in a table."""
        now = "not measured" if self.now is None else number(self.now)
        return [self.figure, f"{'≥' if self.least else '≤'} {self.bound:g}", now, "yes" if self.met else "no"]


def number(value: float) -> str:
    """Return a figure with three digits that count.

    >>> [number(value) for value in (1234.5, 12.345, 0.012345)]
    ['1234', '12.3', '0.0123']
    """
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are set to the right."""
    rule = "|---" + "|---:" * (len(headings) - 1) + "|"
    return "\n".join([f"| {' | '.join(headings)} |", rule, *(f"| {' | '.join(line)} |" for line in lines)])


def write(page: Path, text: str, command: str = BENCH) -> None:
    """Put a text between the marks of a page, in place of what is there.

    Args:
        page: Page in Markdown.
        text: New text.
        command: Command that writes it, which the marks name.

    Raises:
        ValueError: if the page does not have each mark once, in order.
    """
    begin, end = marks(command)
    before = page.read_text(encoding="utf-8")
    if not (before.count(begin) == before.count(end) == 1 and before.index(begin) < before.index(end)):
        raise ValueError(f"{page} needs the lines {begin} and {end}, once each, to know what to replace")
    head, tail = before[: before.index(begin)], before[before.index(end) :]
    page.write_text(f"{head}{begin}\n\n{text.strip()}\n\n{tail}", encoding="utf-8")


def marks(command: str) -> tuple[str, str]:
    """Return the comments before and after the part that a command writes."""
    return f"<!-- {command} -->", f"<!-- end of {command} -->"
