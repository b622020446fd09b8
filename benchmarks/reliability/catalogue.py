"""All promises, in the order of the page."""

from __future__ import annotations

from reliability import costs, deadlines, leaving, neighbours, nonfinite, seeds

PROMISES = tuple(module.PROMISE for module in (neighbours, seeds, nonfinite, costs, deadlines, leaving))
