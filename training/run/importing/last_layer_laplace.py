"""Last-layer Laplace around weights that were trained elsewhere."""

from __future__ import annotations

from torch import Tensor

from models.prediction.predictor import Predictor
from training.data import Split

_BATCH = 64


def fit_last_layer(model: Predictor, rows: Split) -> None:
    """Fit the Gaussian around the last layer in one pass over rows.

    Args:
        model: A predictor of the posterior ``laplace``, which is changed.
        rows: Rows that neither calibrate nor judge. Their number decides how narrow the Gaussian is.
    """
    batches = (rows.rows(slice(start, start + _BATCH)) for start in range(0, len(rows.inputs), _BATCH))
    standardised = ((model.inputs.standardise(x), model.outputs.standardise(target)) for x, target in batches)

    def expand(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return model.likelihood.cost(output, target), model.likelihood.hessian(output, target)

    model.posterior.after_training(standardised, expand)
