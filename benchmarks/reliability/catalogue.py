"""All promises, in the order of the page."""

from __future__ import annotations

from reliability import (
    bodies,
    checkpoints,
    costs,
    deadlines,
    fairness,
    holds,
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
        bodies,
        holds,
        nonfinite,
        costs,
        overload,
        fairness,
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
