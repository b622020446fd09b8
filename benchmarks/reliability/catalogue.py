"""All promises, in the order of the page."""

from __future__ import annotations

from reliability import (
    checkpoints,
    costs,
    deadlines,
    leaving,
    neighbours,
    nonfinite,
    overload,
    resuming,
    saves,
    seeds,
    series,
    soak,
    stopping,
)

PROMISES = tuple(
    module.PROMISE
    for module in (
        neighbours,
        seeds,
        nonfinite,
        costs,
        overload,
        leaving,
        deadlines,
        stopping,
        checkpoints,
        saves,
        resuming,
        series,
        soak,
    )
)
