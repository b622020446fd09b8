"""Evidence that a model does not know about a row, of several kinds; larger is always more of it.

A single score is blind to something: mutual information does not rise where all functions agree on nonsense, entropy
does not where they are sure of it, and distances do not where a row lies between classes. The kinds are

* ``mutual_information``, of a regression ``epistemic_variance``: the drawn functions disagree;
* ``predictive_entropy``, of a regression ``total_variance``: nothing stands out, for whatever reason;
* ``energy``: the logits of all classes are low;
* ``mahalanobis``, ``neighbour``, ``input_neighbour``: the features, or the row itself, are far from those of training
  rows (:class:`models.prediction.reference.Reference`).
"""

from __future__ import annotations

import math

from torch import Tensor

from models.prediction.uncertainty import Uncertainty
from models.specs import OutputSpec


def of_answer(answer: Uncertainty, outputs: OutputSpec) -> dict[str, Tensor]:
    """Return the evidence in a predictive distribution, ``(B,)`` each, the mean over a row's steps or pixels.

    Args:
        answer: Statistics of the rows, NaN at the steps after the end of a sequence.
        outputs: Specification of the outcome.

    Returns:
        ``mutual_information`` and ``predictive_entropy`` in nats; of a regression ``epistemic_variance`` and
        ``total_variance``, in the targets' training deviations squared, summed over the targets. Without draws there
        is no epistemic part, and the variance is the noise's alone.
    """
    if outputs.outcome == "regression":
        unit = answer.mean.new_tensor(outputs.deviations or (1.0,)).square()
        found = {"epistemic_variance": answer.epistemic_variance, "total_variance": answer.variance}
        return {name: mean_of_row((value / unit).sum(-1)) for name, value in found.items() if value is not None}
    found = {"mutual_information": answer.mutual_information, "predictive_entropy": answer.predictive_entropy}
    return {name: mean_of_row(value) for name, value in found.items() if value is not None}


def energy(logits: Tensor) -> Tensor:
    """Return the energy of each row in nats, ``(B,)``, from logits ``(B, *positions, C)`` (Liu et al., 2020)."""
    return mean_of_row(-logits.logsumexp(-1))


def mean_of_row(values: Tensor) -> Tensor:
    """Return the mean over a row's steps or pixels, ``(B,)``; NaN, after the end of a sequence, does not count."""
    if values.ndim == 1:
        return values
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    return flat.nanmean(-1) if flat.isnan().any() else flat.mean(-1)
