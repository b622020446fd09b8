"""All promises, in the order of the page."""

from __future__ import annotations

from reliability import neighbours, seeds

PROMISES = tuple(module.PROMISE for module in (neighbours, seeds))
