"""Bodies of calibrated answers: the outputs of a model that lives elsewhere."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from service.schemas.prediction import AnswerOptions


class CalibratedBody(AnswerOptions):
    """Outputs of a model as JSON: those arrays that the calibration takes, by `takes` of `GET /models/{name}`.

    Rows are the first axis, or the second where draws of the model are sent, which come first.
    """

    logits: list[Any] | None = Field(None, description="Logits, (rows, classes) or (draws, rows, classes).")
    probabilities: list[Any] | None = Field(
        None, description="Probabilities in place of logits, where those calibrated it; each row adds up to 1."
    )
    mean: list[Any] | None = Field(
        None,
        description="Means of a regression, in its targets' units: (rows, targets) or (draws, rows, targets).",
    )
    variance: list[Any] | None = Field(
        None, description="Variances of its noise in these units squared, in the shape of `mean`."
    )
    features: list[Any] | None = Field(
        None, description="What the last layer of the model reads of each row, (rows, features)."
    )
