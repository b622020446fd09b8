"""The targets of a regression as its likelihood takes them: which values they have, and how they are standardised."""

from __future__ import annotations

import msgspec
from torch import Tensor

from models.catalogue import Component
from models.likelihoods import LIKELIHOODS
from models.prediction.regression import Regression
from models.specs import OutputSpec, Support
from training.data import Dataset
from training.data.dataset import moments
from training.errors import RecipeError

_SHOWN = 3
"""Number of values that a refusal shows."""
_SUPPORTS = {"positive": "above 0", "count": "whole numbers from 0"}


def support_of(likelihood: Component) -> Support:
    """Return the values that a target of this likelihood can have."""
    kind = LIKELIHOODS[likelihood.name]
    return kind.support if issubclass(kind, Regression) else "real"


def outputs_for(likelihood: Component, dataset: Dataset) -> OutputSpec:
    """Return the specification of the targets: of what is above 0, the moments are those of the logarithm.

    Raises:
        RecipeError: if a target is none that the likelihood can have, with the first of them.
    """
    assert dataset.outputs is not None  # the caller has checked
    support = support_of(likelihood)
    if support == "real":
        return dataset.outputs
    _check(dataset, dataset.outputs.names, likelihood.name, support)
    targets = dataset.train.targets
    mean, scale = moments(targets.log() if support == "positive" else targets)
    return msgspec.structs.replace(dataset.outputs, mean=mean, scale=scale, support=support)


def likelihood_for(likelihood: Component, dataset: Dataset) -> Component:
    """Return the likelihood with what follows from the data: the mean of counts, about which the network predicts."""
    if support_of(likelihood) != "count":
        return likelihood
    rate = [max(mean, 1e-3) for mean in moments(dataset.train.targets)[0]]
    return Component(likelihood.name, {"rate": rate, **likelihood.config})


def _check(dataset: Dataset, names: tuple[str, ...], likelihood: str, support: Support) -> None:
    for index, name in enumerate(names):
        parts = ("train", "validation", "calibration", "test")
        if bad := [place for part in parts for place in _places(dataset, part, index, support)]:
            more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
            raise RecipeError(
                f"targets of {likelihood} are {_SUPPORTS[support]}; {name!r} of {dataset.name!r} has"
                f" {', '.join(bad[:_SHOWN])}{more}: leave these rows out, or take another likelihood"
            )


def _places(dataset: Dataset, part: str, index: int, support: Support) -> list[str]:
    """Return the values of a target that cannot be, each with its row in the file, or else in its part of the data."""
    targets: Tensor = getattr(dataset, part).targets[..., index]
    values, each = targets.flatten(), targets[0].numel()  # outcomes of a row
    allowed = values > 0 if support == "positive" else (values >= 0) & (values == values.round())
    rows = (~(allowed | values.isnan())).nonzero().flatten()
    place = dataset.place_of or (lambda part, row: f"{part} row {row}")
    return [f"{float(values[row]):g} ({place(part, int(row) // each)})" for row in rows]
