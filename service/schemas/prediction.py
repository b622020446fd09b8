"""Options and answers of predictions: the source of their part of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from service.schemas.fields import Options, PlainNumber, Seed, Whole

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
Output = (
    Statistic
    | Literal["label", "ood_score", "decision", "alarms", "p_values", "outside", "interval", "prediction_set", "masks"]
)


_MOST_OUTPUTS = 32
Outputs = Annotated[tuple[Output, ...], Field(max_length=_MOST_OUTPUTS)]


def _split(value: object) -> object:
    """Return the names in a text; too many of them are refused before each is looked at."""
    names = [part.strip() for part in value.split(",", _MOST_OUTPUTS)] if isinstance(value, str) else value
    if isinstance(names, list) and len(names) > _MOST_OUTPUTS:
        raise ValueError(f"Input should have at most {_MOST_OUTPUTS} items")
    return names


class VersionChoice(Options):
    """Choice of a model's version."""

    version: Whole | None = Field(None, description="Version, a whole number; the newest if left out.")


class AnswerOptions(Options):
    """Options of an answer, whoever draws."""

    version: Whole | None = Field(None, description="Version, a whole number; the newest if left out.")
    outputs: Annotated[Outputs | None, BeforeValidator(_split, json_schema_input_type=str | Outputs | None)] = Field(
        None,
        description="Fields of the answer, separated by commas, in any order: statistics, `label`, `ood_score`, "
        "`decision`, `alarms`, `p_values`, `outside`, and with `interval` also `interval`, `prediction_set` or "
        "`masks`; all but `p_values` if left out.",
    )
    interval: Annotated[float, Field(gt=0, le=0.999, allow_inf_nan=False), PlainNumber] | None = Field(
        None,
        description="Probability, above 0 and at most 0.999, for which to answer an interval of the outcome as well "
        "(regression), or a set of classes or labels that holds it.",
    )
    interval_for: Annotated[str, Field(pattern="^(all|class|group:.+)$")] | None = Field(
        None,
        description="Whom the level of `interval` holds for: `all` rows on average, each `class` or label, or each "
        "category of a column of the table, `group:COLUMN`; each class if left out where all have calibration rows "
        "enough, else all.",
    )
    interval_score: Literal["probability", "cumulative", "deviation", "asymmetric"] | None = Field(
        None,
        description="Score by which `interval` is calibrated. Of classes `probability`, which gives the smallest sets, "
        "or `cumulative`, which gives larger ones to harder rows; of a regression `deviation`, or `asymmetric`, with "
        "each end calibrated on its own. The first of each if left out.",
    )
    max_error: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False), PlainNumber] | None = Field(
        None,
        description="Largest share of wrong classes among accepted rows: `decision` abstains from unsure rows too, so "
        "that the share is below it with 95 % confidence in the calibration rows (classification).",
    )
    max_loss: Annotated[float, Field(gt=0, allow_inf_nan=False), PlainNumber] | None = Field(
        None,
        description="Largest mean absolute error among accepted rows, in the target's units, likewise (regression of "
        "one target).",
    )
    draws: bool = Field(False, description="`true` to answer the predictive mean of each draw as well.")
    covariance: bool = Field(
        False,
        description="`true` to answer the epistemic covariance between the rows as well, a matrix for every output.",
    )
    interval_method: Literal["adaptive"] | None = Field(
        None,
        description="`adaptive` to adapt the level of `interval` to the outcomes that are reported, so that it holds "
        "under drift too; the answer is remembered as with `record`. As calibrated if left out.",
    )
    record: bool = Field(
        False,
        description="`true` to have the answer remembered, so that `POST /outcomes` can say later what came true: by "
        "the id in its header `X-Request-ID` and the number of the row.",
    )


class PredictOptions(AnswerOptions):
    """Options of a prediction, each in the query or in a JSON body."""

    model: str | None = Field(None, description="Name of a model from `GET /models`; the default model if left out.")
    samples: Whole | Literal["auto"] = Field(
        50,
        description="Number of draws, 0 to 1000. With 0, the posterior's mean answers, without epistemic terms. With "
        "`auto`, each row takes draws until the largest standard error of its `mean` is below `tolerance`.",
    )
    max_samples: Annotated[int, Field(ge=2), PlainNumber] | None = Field(
        None, description="Most draws of a row with `samples=auto`; as many as the server allows if left out."
    )
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False), PlainNumber] | None = Field(
        None, description="Largest standard error allowed with `samples=auto`, in the units of `mean`."
    )
    aleatoric_samples: Annotated[int, Field(ge=1), PlainNumber] | None = Field(
        None,
        description="Samples of the noise on the logits, 1 to 1000, for models that have such noise (logit_normal).",
    )
    seed: Seed | Literal["random"] | None = Field(
        None,
        description="Seed of the draws, 0 to 2**64 - 1, or `random`; the server's default if left out, so that answers "
        "repeat.",
    )
    on_unknown: Literal["refuse", "abstain"] = Field(
        "refuse",
        description="Treatment of a category that no training row has: `refuse` the request, or `abstain` from its "
        "row, whose statistics are null and whose columns `unknown` names.",
    )


class PredictBody(PredictOptions):
    """Request of a prediction as JSON."""

    inputs: list[Any] | dict[str, list[Any]] = Field(
        description="Rows of a table as records of raw values by column name (of sequences, a list of records each), "
        "or an object of columns; or raw rows in the model's input shape, or flat. Of a model of "
        "several inputs, records of them, or an object with all rows of each. `GET /models/{name}` has columns, "
        "inputs, shape, range and units, and an example."
    )


class ModelFacts(BaseModel):
    """The model that answers."""

    model: str
    version: str
    task: Literal["classification", "segmentation", "regression", "multilabel"]
    method: str = Field(description="Name of the posterior.")


class AnswerFacts(ModelFacts):
    """Facts about an answer that all its rows share."""

    seed: int = Field(description="Seed of the draws; sending it repeats the answer.")
    samples: int = Field(description="Number of draws used; with `samples=auto`, by the row that took the most.")
    stop_reason: Literal["fixed", "tolerance", "samples"] = Field(
        description="Reason for this number of draws: it was asked for, the tolerance was reached, or the limit was."
    )
    precision: Literal["bfloat16"] | None = Field(
        None,
        description="Numbers that the draws were evaluated in, if not float32: answers move by less than a tenth of "
        "their standard error.",
    )
    classes: list[str] | None = Field(
        None, description="Names of the classes, in the order of the columns (classification)."
    )
    targets: list[str] | None = Field(
        None, description="Names of the targets with their units, in the order of the columns (regression)."
    )


class PredictAnswer(AnswerFacts):
    """Statistics of the predictive distribution, one entry a row. A term that a model cannot estimate is null, never 0.

    Where a model answers at every step of a sequence or every pixel of an image, those axes follow the rows.
    """

    label: list[Any] | None = Field(
        None, description="Most probable class of each row, or the labels that are more probable than not (multilabel)."
    )
    mean: list[Any] | None = Field(None, description="Class probabilities, or expected targets in their units.")
    aleatoric_variance: list[Any] | None = Field(None, description="Noise in the data, in units of `mean` squared.")
    epistemic_variance: list[Any] | None = Field(
        None, description="Disagreement of the draws, in units of `mean` squared; null for a single function."
    )
    total_variance: list[Any] | None = Field(
        None, description="Sum of the aleatoric and the epistemic variance, in units of `mean` squared."
    )
    predictive_entropy: list[Any] | None = Field(
        None, description="Entropy of the predictive distribution in nats; of a regression, that of a Gaussian."
    )
    expected_entropy: list[Any] | None = Field(None, description="Aleatoric part of the entropy in nats.")
    mutual_information: list[Any] | None = Field(None, description="Epistemic part of the entropy in nats.")
    standard_error: list[Any] | None = Field(
        None, description="Monte-Carlo error of `mean`, in its units; null for a single draw."
    )
    row_samples: list[int | None] | None = Field(
        None, description="Number of draws that each row took, with `samples=auto`."
    )
    ood_score: list[float] | None = Field(
        None,
        description="How unlike the calibration rows each row is, in nats: minus the logarithm of the share of them "
        "with as much evidence against it, for the kind of evidence that speaks loudest; null where nothing is "
        "decided.",
    )
    decision: list[Literal["accept", "abstain"] | None] | None = Field(
        None,
        description="Whether the model knows enough of each row: 5 % of the rows that are like those of training are "
        "abstained from, at any number of draws. A row with an unknown category abstains. Null with a single draw of "
        "several, and for a model that was not calibrated; `decision_reason` says so.",
    )
    alarms: list[list[str] | None] | None = Field(
        None,
        description="What speaks against each row: kinds of evidence (`mutual_information` or `epistemic_variance`, "
        "`predictive_entropy` or `total_variance`, `energy`, `mahalanobis`, `neighbour`, `input_neighbour`), `outside` "
        "the observed range, `max_error` or `max_loss`; none for a row that is accepted.",
    )
    p_values: dict[str, list[float]] | None = Field(
        None,
        description="Share of calibration rows with as much evidence as each row, by the kind of evidence, and of "
        "their largest (`joint`): conformal p-values.",
    )
    decision_reason: str | None = Field(None, description="Reason why nothing was decided, if nothing was.")
    outside: list[list[str]] | None = Field(
        None,
        description="Columns of each row whose value is far beyond the range of the training rows, more than half its "
        "width: they raise `ood_score` (tables).",
    )
    unknown: list[list[str]] | None = Field(
        None,
        description="Columns of each row whose category no training row has, with `on_unknown=abstain`; the row has no "
        "statistics.",
    )
    ignored: list[str] | None = Field(
        None, description="Columns that were sent, and that the model does not predict from, such as its target."
    )
    interval_method: str | None = Field(
        None,
        description="Kind of interval or set: `conformal` ones hold the outcome at the rate asked for, `conformal by "
        "class` and `conformal by COLUMN` at that rate in each class or category; `conformal quantile` (or `conformal "
        "quantile by COLUMN`) ones too, each end as far from the median as a quantile regression predicts; `risk "
        "control` (or `risk control by class`) misses at most the rest of a row's outcomes on average, where it has "
        "many; `credible` ones hold that much of what the model believes; `adaptive` ones are conformal, of a level "
        "that outcomes moved.",
    )
    adapted_level: float | None = Field(
        None,
        description="Level that outcomes have moved the one asked for to, above 1 too (`interval_method=adaptive`).",
    )
    interval: dict[str, Any] | None = Field(
        None, description="`level`, and `lower` and `upper` ends in target units (regression)."
    )
    prediction_set: list[Any] | None = Field(
        None,
        description="Set of classes, or of labels, that holds the level asked for, one a row (or step, or pixel).",
    )
    masks: list[Any] | None = Field(
        None,
        description="Where each class may be at the level asked for, 1 among 0, of shape rows x classes x height x "
        "width (segmentation).",
    )
    draws: list[Any] | None = Field(None, description="Mean of each draw, of shape draws x rows x outputs.")
    covariance: list[Any] | None = Field(None, description="Epistemic covariance, of shape outputs x rows x rows.")


class InstancesBody(PredictOptions):
    """Request of a prediction in KServe's V1 form; the model is named in the path."""

    instances: list[Any] = Field(description="Rows, as `inputs` of `POST /predict` are.")


class InstancesAnswer(AnswerFacts):
    """Statistics of the predictive distribution in KServe's V1 form: an object a row, and what the rows share."""

    predictions: list[dict[str, Any]] = Field(
        description="The fields of an answer to `POST /predict` that have one entry a row, as an object for each row."
    )
    interval_method: str | None = Field(None, description="Kind of interval or set.")
    decision_reason: str | None = Field(None, description="Reason why nothing was decided, if nothing was.")
    covariance: list[Any] | None = Field(None, description="Epistemic covariance, of shape outputs x rows x rows.")
    ignored: list[str] | None = Field(None, description="Columns that the model does not predict from.")
