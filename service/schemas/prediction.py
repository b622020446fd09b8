"""What requests may say and answers hold: the source of the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.datastructures import QueryParams
from starlette.requests import Request

from models.noise import SEED_LIMIT
from service.errors import FieldError, InvalidRequestError

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


_NUMBER = re.compile("[-+0-9.eE]+")


def _number(value: object) -> object:
    """Refuse booleans, and texts that Python takes for numbers and people do not: ``1_0``, digits of other scripts."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not a boolean")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("Input should be a number in the digits 0 to 9")
    return value


def _split(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


PlainNumber = BeforeValidator(_number)
"""Goes last: bounds that follow it would not be keywords of the JSON schema."""
Whole = Annotated[int, PlainNumber]
Real = Annotated[float, Field(allow_inf_nan=False), PlainNumber]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT), PlainNumber]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""In a body: text and booleans are none."""


class Options(BaseModel):
    """What a request may say: nothing else is let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class VersionChoice(Options):
    """Which version of a model."""

    version: Whole | None = Field(None, description="A whole number; the newest if left out.")


class PredictOptions(Options):
    """Options of a prediction, each in the query or in a JSON body."""

    model: str | None = Field(None, description="Name from `GET /models`; the default model if left out.")
    version: Whole | None = Field(None, description="A whole number; the newest if left out.")
    samples: Whole | Literal["auto"] = Field(
        50,
        description="Number of draws, 0 to 1000. 0: the posterior's mean, without epistemic terms. "
        "`auto`: until the largest standard error of `mean` is below `tolerance`.",
    )
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False), PlainNumber] | None = Field(
        None, description="For `samples=auto`: in the units of `mean`."
    )
    aleatoric_samples: Annotated[int, Field(ge=1), PlainNumber] | None = Field(
        None, description="Samples of the noise on the logits, at most 1000, where a model has it (logit_normal)."
    )
    seed: Seed | Literal["random"] | None = Field(
        None,
        description="Seed of the draws, 0 to 2**64 - 1, or `random`. "
        "The server's default if left out, so that answers repeat.",
    )
    outputs: Annotated[
        tuple[Statistic, ...] | None, BeforeValidator(_split, json_schema_input_type=str | tuple[Statistic, ...] | None)
    ] = Field(None, description="Statistics to answer, separated by commas; all if left out.")
    interval: Annotated[float, Field(gt=0, le=0.999, allow_inf_nan=False), PlainNumber] | None = Field(
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


M = TypeVar("M", bound=BaseModel)


def validate(schema: type[M], query: QueryParams, body: Mapping[str, Any], at: str = "") -> M:
    """Options from query and body together.

    What is in both may be written in two ways, as ``0.50`` and ``0.5``; what is twice in the query may not.

    Args:
        at: JSON pointer to the options.

    Raises:
        InvalidRequestError: for an option that does not exist, has two values, or one that is not allowed.
    """
    asked = dict(query)
    options = _validated(schema, {**asked, **body}, at)
    other = _validated(schema, {**body, **asked}, at) if asked.keys() & body.keys() else options
    names = {field.alias or name: name for name, field in schema.model_fields.items()}
    for option in asked:
        values = [getattr(one, names[option]) for one in (options, other)]
        if values[0] != values[1] or len(set(query.getlist(option))) > 1:
            raise InvalidRequestError(f"{option} is given twice with different values", f"{at}/{option}")
    return options


def refuse_query(request: Request) -> None:
    """Refuse any option, for routes that have none."""
    validate(Options, request.query_params, {})


def _validated(schema: type[M], given: Mapping[str, Any], at: str) -> M:
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        faults = _faults(schema, error.errors(include_url=False, include_input=False, include_context=False), at)
        raise InvalidRequestError(faults[0].detail, faults[0].pointer, faults) from error


class _Place(NamedTuple):
    """Where a fault is, by names of the schema alone: a client's own names are not repeated.

    Attributes:
        parts: Names and indices from the root.
        union: Those before the first type of a union; faults that share them are of its branches.
        field: The innermost field.
        known: The fields of the innermost object, by the names that requests use.
    """

    parts: tuple[str | int, ...]
    union: tuple[str | int, ...]
    field: FieldInfo | None
    known: Mapping[str, FieldInfo]

    @property
    def name(self) -> str:
        return ".".join(part for part in self.parts if isinstance(part, str))

    @property
    def pointer(self) -> str:
        return "".join(f"/{part}" for part in self.parts)


def _place(schema: type[BaseModel], loc: Iterable[str | int]) -> _Place:
    parts: list[str | int] = []
    union, field, known = None, None, _fields(schema)
    for part in loc:
        if isinstance(part, str) and part not in known:
            union = tuple(parts) if union is None else union
            continue
        parts.append(part)
        if isinstance(part, str):
            field = known[part]
            if get_origin(field.annotation) is dict:  # what follows is a name that the client made up
                return _Place(tuple(parts), tuple(parts), field, {})
            known = _fields(_model(field))
    return _Place(tuple(parts), tuple(parts) if union is None else union, field, known)


def _fields(schema: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {} if schema is None else {field.alias or name: field for name, field in schema.model_fields.items()}


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """The schema of a field that is an object."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _faults(schema: type[BaseModel], errors: list[ErrorDetails], at: str) -> list[FieldError]:
    """One fault a place, at most ten; of a union, what its branches say that came furthest."""
    unions: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for error in errors:
        unions.setdefault(_place(schema, error["loc"]).union, []).append(error)
    faults = []
    for branches in list(unions.values())[:10]:
        depth = max(len(error["loc"]) for error in branches)
        furthest = [error for error in branches if len(error["loc"]) == depth]
        place = _place(schema, furthest[0]["loc"])
        pointer = place.pointer.rpartition("/")[0] if furthest[0]["type"] == "missing" else place.pointer
        faults.append(FieldError(f"{at}{pointer}", _explained(place, furthest)))
    return faults


def _explained(place: _Place, errors: list[ErrorDetails]) -> str:
    if errors[0]["type"] == "extra_forbidden" or not place.parts:  # half a character is no key that pydantic can name
        names = ", ".join(place.known)
        if place.name:
            return f"{place.name} is not allowed: it has no such field. Its fields: {names}"
        return f"there is no such option; options are: {names}" if names else "there is no such option; there are none"
    reasons = list(dict.fromkeys(_reason(error) for error in errors))
    others = [reason.removeprefix("input should be ") for reason in reasons[1:]]
    where = f", at {place.pointer}" if isinstance(place.parts[-1], int) else ""
    allowed = place.field.description if place.field else ""
    return f"{place.name} is not allowed{where}: {', or '.join([reasons[0], *others])}. Allowed: {allowed}"


def _reason(error: ErrorDetails) -> str:
    """What pydantic says, without the names of our classes."""
    if error["type"] == "model_type":
        return "input should be an object"
    if error["type"] == "int_parsing_size":
        return "input should be a smaller whole number"
    text = error["msg"].removeprefix("Value error, ")
    return f"{text[0].lower()}{text[1:]}"
