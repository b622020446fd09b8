"""Reports of outcomes, and what the outcomes of a model show: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.schemas.fields import Options, PlainNumber, Whole

_MOST = 10_000

_OUTCOME = (
    "What came true: the name of a class; a number in the target's unit, of several targets a list or an object by "
    "name; the list of the labels that hold; of steps and pixels a list of these, with null for what is not known."
)


class Outcome(Options):
    """The outcome of one row of an answer."""

    request: str = Field(max_length=128, description="Id of the request, as its answer's header `X-Request-ID` has it.")
    row: Annotated[int, Field(ge=0, lt=2**31), PlainNumber] = Field(0, description="Number of the row, from 0.")
    outcome: Any = Field(description=_OUTCOME)


class OutcomesBody(Options):
    """Outcomes of answers that are remembered."""

    outcomes: list[Outcome] = Field(
        min_length=1,
        max_length=_MOST,
        fail_fast=True,
        description=f"Outcomes, each with its request and row, 1 to {_MOST}.",
    )
    on_unknown: Literal["refuse", "skip"] = Field(
        "refuse",
        description="Treatment of an outcome whose answer is not remembered, or no longer: `refuse` all, or `skip` it.",
    )


class InputsBody(Options):
    """Outcomes of rows that are predicted now."""

    model: str | None = Field(None, description="Name of a model from `GET /models`; the default model if left out.")
    version: Whole | None = Field(None, description="Version, a whole number; the newest if left out.")
    inputs: list[Any] | dict[str, list[Any]] = Field(
        description="Rows, as `inputs` of `POST /predict` are; they are predicted now, with its default options."
    )
    outcomes: list[Any] = Field(description=f"The outcome of each row. {_OUTCOME}")


class ReportBody(BaseModel):
    """Outcomes: of answers that are remembered, or of rows that are predicted now."""

    outcomes: list[Outcome | Any] = Field(
        description=f"Outcomes of remembered answers, each an object with `request`, `row` and `outcome`; or, with "
        f"`inputs`, the outcome of each of these. {_OUTCOME}"
    )
    on_unknown: Literal["refuse", "skip"] = Field(
        "refuse",
        description="Treatment of an outcome whose answer is not remembered, or no longer: `refuse` all, or `skip` it.",
    )
    model: str | None = Field(None, description="With `inputs`: name of the model; the default model if left out.")
    version: int | None = Field(None, description="With `inputs`: version; the newest if left out.")
    inputs: list[Any] | dict[str, list[Any]] | None = Field(
        None, description="Rows, as `inputs` of `POST /predict` are; they are predicted now, with its default options."
    )


class Recorded(BaseModel):
    """Number of outcomes that are now durable, and of those that changed nothing."""

    recorded: int = Field(description="Outcomes that were not known before.")
    repeated: int = Field(description="Outcomes that had been reported before, and are the same.")
    skipped: int = Field(description="Outcomes whose answer is not remembered, with `on_unknown=skip`.")


class Figures(BaseModel):
    """Means over outcomes; null where the answers do not tell."""

    rows: int = Field(description="Number of outcomes.")
    coverage: float | None = Field(description="Share of the outcomes that the sets or intervals held.")
    coverage_low: float | None = Field(description="Lower end of the band that holds the true coverage, at all times.")
    coverage_high: float | None = Field(description="Upper end of that band; it fails with a probability of 1 %.")
    error: float | None = Field(description="Share of wrong classes or labels, or mean absolute error in target units.")
    nll: float | None = Field(description="Mean negative log-likelihood in nats; of a regression, that of a Gaussian.")
    brier: float | None = Field(description="Mean of the summed squared errors of the probabilities (classification).")
    square: float | None = Field(description="Mean of squared error over predicted variance; 1 is right (regression).")
    ece: float | None = Field(description="Mean distance of confidence from accuracy, in ten bins (classification).")


class Part(Figures):
    """Figures of the outcomes of one class, or of one group."""

    name: str = Field(description="Class of the outcome, or category of the row; `(others)` beyond 200 of them.")


class CurvePoint(Figures):
    """Figures of a stretch of outcomes; `rows` counts up to its end."""

    evidence: float | None = Field(description="Evidence at its end.")


class StreamAnswer(Figures):
    """Outcomes of the answers of one level and method."""

    level: float | None = Field(description="Share of the outcomes that the sets are to hold; null for no sets.")
    method: str | None = Field(description="Kind of set or interval, as `interval_method` of answers.")
    evidence: float | None = Field(
        description="Base-10 logarithm of the evidence that the coverage is below the level; an alarm from 2 on."
    )
    alarm: bool = Field(description="Is the coverage too low? False in 99 of 100 cases, forever, where it is not.")
    alarm_at: int | None = Field(description="Number of the outcome that raised the alarm.")
    by: dict[str, list[Part]] = Field(description="Figures by `class`, and by `group:COLUMN` of a table's categories.")
    curve: list[CurvePoint] = Field(description="At most 50 stretches of outcomes, in order.")


class OutcomesAnswer(BaseModel):
    """Coverage, calibration and error of a model on the rows whose outcome is known."""

    model: str
    version: str
    alarm: bool = Field(description="Is the coverage of any kind of set too low?")
    levels: dict[str, float] = Field(
        description="Level that outcomes have adapted each level to, for `interval_method=adaptive`."
    )
    streams: list[StreamAnswer] = Field(description="Answers by level and method, most outcomes first.")


class AllOutcomesAnswer(BaseModel):
    """Versions of models whose outcomes are known."""

    models: list[dict[str, Any]] = Field(description="`model`, `version`, `rows` and `alarm` of each.")
