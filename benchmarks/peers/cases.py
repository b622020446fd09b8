"""What is measured over HTTP: each server, and Credence in several ways."""

from __future__ import annotations

from dataclasses import dataclass

from peers.dialects import ROWS, Credence, CredenceNpy, Dialect, OpenInference
from peers.servers import BENTOML, CREDENCE, ECHO, FOLDED, IN_BFLOAT16, LITSERVE, LOOP, MLSERVER, RAY, Server


@dataclass(frozen=True)
class Case:
    """One way of asking one server.

    Attributes:
        name: Name in the tables.
        server: The server that is asked.
        path: Path with the query.
        dialect: Form of requests and answers.
        model: Name of the model that answers; empty if nothing is computed, whose answers have to be found wrong.
        seeds: Whether every request has a seed of its own, so that no draws are kept.
    """

    name: str
    server: Server
    path: str = "/predict"
    dialect: Dialect = ROWS
    model: str = "mlp"
    seeds: bool = False


OURS = Case("**Credence**", CREDENCE, "/predict?samples=50", Credence())
NPY = Case("body as npy", CREDENCE, "/predict?samples=50", CredenceNpy())
SEEDS = Case("a new seed in every request", CREDENCE, "/predict?samples=50", Credence(), seeds=True)
VARIANTS = (
    NPY,
    SEEDS,
    *(
        Case(name, CREDENCE, f"/predict?samples=50&model={model}", Credence(), model)
        for name, model in {
            "calibrated: evidence, decision, prediction set": "mlp-calibrated",
            "LeNet, dropout before the last layer": "lenet",
            "LeNet, calibrated": "lenet-calibrated",
        }.items()
    ),
    Case("CREDENCE_PRECISION=bfloat16", IN_BFLOAT16, "/predict?samples=50", Credence()),
    Case("CREDENCE_PRECISION=bfloat16, LeNet", IN_BFLOAT16, "/predict?samples=50&model=lenet", Credence(), "lenet"),
)
"""Credence asked in other ways."""

BY_LOOP = Case(LOOP.name, LOOP)
PARSED = Case(ECHO.name, ECHO, model="")
PEERS = (
    BY_LOOP,
    Case(FOLDED.name, FOLDED),
    Case(LITSERVE.name, LITSERVE),
    Case(BENTOML.name, BENTOML),
    Case(MLSERVER.name, MLSERVER, "/v2/models/network/infer", OpenInference()),
    Case(RAY.name, RAY),
)
"""Other ways of serving the same network."""
CASES = (OURS, *PEERS, PARSED, *VARIANTS)
