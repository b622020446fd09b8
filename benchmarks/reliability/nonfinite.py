"""A model's output that is not finite is an error of the service, with a metric; never an answer."""

from __future__ import annotations

from http import HTTPStatus

import torch
from torch import Tensor

from models.errors import NonFiniteOutputError
from models.specs import InputSpec
from reliability.promise import Promise, Result, Trial
from reliability.rows import MARK, body, digits, marked
from service.errors import KINDS, Kind

_CODE = "non-finite-output"
_NAN = float("nan")


def poison_marks() -> None:
    """A marked row becomes NaN behind the checks, as in a network that is broken."""
    original = InputSpec.standardise

    def standardise(self: InputSpec, rows: Tensor) -> Tensor:
        is_marked = rows.flatten(1)[:, :1] == MARK
        return torch.where(is_marked.reshape(-1, *[1] * (rows.ndim - 1)), _NAN, original(self, rows))

    InputSpec.standardise = standardise  # type: ignore[method-assign]


def answer_all_the_same() -> None:
    """An output that is not finite is answered with 200."""
    KINDS[NonFiniteOutputError] = Kind(HTTPStatus.OK, _CODE, "Nulls")


def prove(trial: Trial) -> Result:
    """Send good and poisoned rows in turn, as JSON with and without other good rows."""
    rows, wrong = digits(2 * trial.size), []
    with trial.serve(poison_marks, backend="torch") as service, service.client() as client:
        for good, bad in zip(rows[::2], rows[1::2], strict=True):
            for sent, expected in (([good], 200), ([marked(bad)], 500), ([good, marked(bad)], 500)):
                answer = client.post("/predict", content=body(sent), headers={"Content-Type": "application/json"})
                if answer.status_code != expected or (expected >= 500 and answer.json()["code"] != _CODE):
                    wrong.append(f"{answer.status_code} for {expected}")
        counted = service.metric("credence_rejections_total", reason=_CODE)
    broken = [f"{len(wrong)} answers were wrong, the first {wrong[0]}"] if wrong else []
    if counted != 2 * trial.size:
        broken.append(f"the metric counted {counted:.0f} of {2 * trial.size}")
    return Result(
        f"{3 * trial.size} requests",
        f"{2 * trial.size} with a row that the model answers by NaN",
        str(len(wrong)),
        broken,
    )


PROMISE = Promise(
    "nonfinite",
    f"An output that is not finite is 500 `{_CODE}` and counted, never an answer",
    "rows",
    200,
    10,
    prove,
    (answer_all_the_same,),
)
