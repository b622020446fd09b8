"""Options and answers of acquisition: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.fields import Options, PlainNumber, Seed, Whole
from service.schemas.prediction import ModelFacts

Acquisition = Literal["bald", "batchbald", "epig", "random"]


class AcquireOptions(Options):
    """Options of an acquisition, each in the query or in a JSON body."""

    n: Annotated[int, Field(ge=1), PlainNumber] = Field(
        description="Number of rows to choose, at least 1 and at most the rows of the pool."
    )
    acquisition: Acquisition = Field(
        "batchbald",
        description="Way of choosing: `bald`, the rows whose labels say most about the model, each by itself; "
        "`batchbald`, the rows whose labels say most together; `epig`, the rows whose labels say most about the labels "
        "of the targets; `random`, which any model allows, to compare with.",
    )
    model: str | None = Field(None, description="Name of a model from `GET /models`; the default model if left out.")
    version: Whole | None = Field(None, description="Version, a whole number; the newest if left out.")
    samples: Annotated[int, Field(ge=2), PlainNumber] = Field(
        50, description="Number of draws, 2 to 1000. No label of a class says more than the logarithm of this number."
    )
    seed: Seed | Literal["random"] | None = Field(
        None,
        description="Seed of the draws and of random rows, 0 to 2**64 - 1, or `random`; the server's default if left "
        "out, so that answers repeat.",
    )


class AcquireBody(AcquireOptions):
    """Request of an acquisition as JSON."""

    inputs: list[Any] | dict[str, list[Any]] = Field(
        description="Pool of rows without a label, in the forms that `POST /predict` takes."
    )
    targets: list[Any] | dict[str, list[Any]] | None = Field(
        None,
        description="Rows like those that the model is to be good at, for `epig`, in the same forms; the pool if left "
        "out.",
    )


class AcquireAnswer(ModelFacts):
    """Rows to label next, in the order in which they were chosen."""

    acquisition: Acquisition = Field(description="Way of choosing.")
    seed: int = Field(description="Seed; sending it repeats the answer.")
    samples: int | None = Field(description="Number of draws used; null if none was.")
    pool: int = Field(description="Number of rows in the pool.")
    targets: int | None = Field(description="Number of target rows, for `epig`; null otherwise.")
    rows: list[int] = Field(description="Numbers of the chosen rows in the pool, counted from 0, the first one first.")
    gain: list[float] | None = Field(
        description="Score by which each row was chosen, in nats: what its label says by itself (`bald`), beyond the "
        "rows before it (`batchbald`), or about a target's label (`epig`); null for `random`."
    )
    joint_information: list[float] | None = Field(
        description="What the labels of the rows up to each one say about the model together, in nats; null for a "
        "model without draws."
    )
    estimate: Literal["exact", "sampled", "gaussian"] | None = Field(
        description="Kind of `joint_information`, given the draws: over all combinations of the labels, over a sample "
        "of them, or by the Gaussian of the same moments (regression)."
    )
