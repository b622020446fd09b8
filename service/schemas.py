"""What requests may say and answers hold: the source of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from models.noise import SEED_LIMIT
from service.errors import InvalidRequestError

Statistic = Literal[
    "mean",
    "aleatoric_variance",
    "epistemic_variance",
    "total_variance",
    "predictive_entropy",
    "expected_entropy",
    "mutual_information",
    "standard_error",
]


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


def _split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_not_bool)]
Real = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]


def _in_seed_range(value: int) -> int:
    if not 0 <= value < SEED_LIMIT:
        raise ValueError("a seed is a whole number from 0 to 2**64 - 1")
    return value


Seed = Annotated[Whole, AfterValidator(_in_seed_range)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""In a body: text and booleans are none."""


class Options(BaseModel):
    """What a request may say: nothing else is let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PredictOptions(Options):
    """Options of a prediction, each in the query or in a JSON body."""

    model: str | None = Field(None, description="Name from `GET /models`; the default model if left out.")
    version: Whole | None = Field(None, description="The newest if left out.")
    samples: Whole | Literal["auto"] = Field(
        50,
        description="Number of draws, 0 to 1000. 0: the posterior's mean, without epistemic terms. "
        "`auto`: until the largest standard error of `mean` is below `tolerance`.",
    )
    tolerance: Annotated[Real, Field(gt=0)] | None = Field(
        None, description="For `samples=auto`: in the units of `mean`."
    )
    aleatoric_samples: Annotated[Whole, Field(ge=1)] | None = Field(
        None, description="Samples of the noise on the logits, at most 1000, where a model has it (logit_normal)."
    )
    seed: Seed | Literal["random"] | None = Field(
        None,
        description="Seed of the draws, 0 to 2**64 - 1, or `random`. "
        "The server's default if left out, so that answers repeat.",
    )
    outputs: Annotated[tuple[Statistic, ...] | None, BeforeValidator(_split)] = Field(
        None, description="Statistics to answer, separated by commas; all if left out."
    )
    interval: Annotated[Real, Field(gt=0, le=0.999)] | None = Field(
        None,
        description="Also answer, at this level, the central credible interval of the outcome (regression) or "
        "the smallest set of classes that holds this probability (classification).",
    )
    draws: bool = Field(False, description="Also answer each draw's predictive mean.")
    covariance: bool = Field(
        False, description="Also answer the epistemic covariance between the rows, one matrix for every output."
    )


class PredictBody(PredictOptions):
    """A prediction as JSON."""

    inputs: list[Any] = Field(
        description="Raw rows in the model's input shape, or flat. `GET /models/{name}` has shape, range and units."
    )


class PredictAnswer(BaseModel):
    """Columns, one entry a row. Whatever the model cannot estimate is null, never 0.

    Where a model answers at every step of a sequence or every pixel of an image, those axes follow the rows.
    """

    model: str
    version: str
    task: Literal["classification", "segmentation", "regression", "multilabel"]
    method: str = Field(description="The posterior.")
    seed: int = Field(description="Of the draws; sending it repeats the answer.")
    samples: int = Field(description="Draws used.")
    stop_reason: Literal["fixed", "tolerance", "samples"]
    classes: list[str] | None = Field(None, description="Order of the classes' columns (classification).")
    targets: list[str] | None = Field(None, description="Order of the targets' columns, with units (regression).")
    label: list[Any] | None = Field(
        None, description="Most probable class, or the labels that are more probable than not (multilabel)."
    )
    mean: list[Any] | None = Field(None, description="Class probabilities, or the expected target in its units.")
    aleatoric_variance: list[Any] | None = Field(
        None, description="Noise in the data: probability squared, or target units squared."
    )
    epistemic_variance: list[Any] | None = Field(
        None, description="Disagreement of the draws, in the same units; null for one function."
    )
    total_variance: list[Any] | None = Field(None, description="Their sum.")
    predictive_entropy: list[Any] | None = Field(None, description="Nats. Of a Gaussian for a regression.")
    expected_entropy: list[Any] | None = Field(None, description="Nats, aleatoric.")
    mutual_information: list[Any] | None = Field(None, description="Nats, epistemic: the difference of the two.")
    standard_error: list[Any] | None = Field(
        None, description="Monte-Carlo error of `mean`, in its units; null for one draw."
    )
    ood_score: list[float] | None = Field(
        description="How little the model knows of each row: mutual information in nats, or epistemic variance; the "
        "mean over a row's steps or pixels. Null for one function."
    )
    decision: list[Literal["accept", "abstain"]] | None = Field(
        description="By a threshold on `ood_score` from the calibration rows; null for a model without one."
    )
    interval_method: Literal["conformal", "credible"] | None = Field(
        None, description="Conformal: holds the outcome at this rate. Credible: what the model believes."
    )
    interval: dict[str, Any] | None = Field(None, description="`level`, `lower`, `upper` in target units (regression).")
    prediction_set: list[Any] | None = Field(
        None, description="Smallest sets of classes of that probability (classification)."
    )
    draws: list[Any] | None = Field(None, description="Each draw's `mean`: draws, rows, outputs.")
    covariance: list[Any] | None = Field(None, description="Epistemic covariance: outputs, rows, rows.")


class ProblemAnswer(BaseModel):
    """A refusal, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What was given and what is allowed.")
    instance: str
    code: str
    error: str = Field(description="The same as `detail`.")
    errors: list[dict[str, str]] = Field(default_factory=list, description="At most ten: `pointer` and `detail`.")


M = TypeVar("M", bound=BaseModel)


def validate(schema: type[M], query: QueryParams, body: Mapping[str, Any]) -> M:
    """Options from query and body together.

    Raises:
        InvalidRequestError: for an option that does not exist, is given twice, or has a value that is not allowed.
    """
    given: dict[str, Any] = {}
    for name, value in [*query.multi_items(), *body.items()]:
        if name in given and given[name] != value and str(given[name]).lower() != str(value).lower():
            raise InvalidRequestError(f"{_known(schema, name)} is given twice with different values")
        given[name] = value
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        place = f"/{name}" if name in _options(schema) else None
        raise InvalidRequestError(_explain(schema, name, first["msg"]), place) from error


def _options(schema: type[BaseModel]) -> dict[str, str | None]:
    """Descriptions of the options by the names that requests use."""
    return {field.alias or name: field.description for name, field in schema.model_fields.items()}


def _known(schema: type[BaseModel], name: str) -> str:
    """The name of an option, but not of a thing that a client made up."""
    return name if name in _options(schema) else "an option"


def _explain(schema: type[BaseModel], name: str, message: str) -> str:
    options = _options(schema)
    if name not in options:
        return f"there is no such option; options are: {', '.join(options)}"
    return f"{name} is not allowed: {message[0].lower()}{message[1:]}. Allowed: {options[name]}"
