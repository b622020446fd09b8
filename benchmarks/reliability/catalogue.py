"""All promises, in the order of the page."""

from __future__ import annotations

from reliability import (
    access,
    audit,
    bodies,
    checkpoints,
    container,
    costs,
    deadlines,
    device,
    endings,
    fairness,
    framing,
    holds,
    hostile_store,
    leaving,
    memory,
    neighbours,
    nonfinite,
    overload,
    reload,
    resuming,
    saves,
    seeds,
    series,
    soak,
    sockets,
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
        endings,
        framing,
        sockets,
        stopping,
        reload,
        checkpoints,
        saves,
        resuming,
        hostile_store,
        memory,
        device,
        access,
        audit,
        series,
        container,
        soak,
    )
)
