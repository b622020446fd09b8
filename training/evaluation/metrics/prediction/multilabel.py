"""Metrics of independent yes-or-no labels, of a row or of every step of a sequence."""

from __future__ import annotations

from training.evaluation.measurement import Metrics
from training.evaluation.metrics.likelihood import mean_nll
from training.evaluation.predictor import PredictorEvaluation


def measure(evaluation: PredictorEvaluation) -> Metrics:
    r"""Return metrics on the test split, over the observed steps of all sequences together.

    .. math:: -\frac{1}{N} \sum_n \log \frac{1}{S} \sum_s \prod_d p(y_{nd} | x, w_s)

    ``test_nll_nats`` is this in nats per step (per row, where a row has one outcome), all labels of a step together.
    ``test_nll_nats_deterministic`` is that of the posterior's mean alone.

    References:
        Boulanger-Lewandowski et al. (2012), Modeling Temporal Dependencies in High-Dimensional Sequences.
    """
    predictor, test, seed = evaluation.predictor, evaluation.dataset.test, evaluation.seed
    measured = {"test_nll_nats": mean_nll(predictor, test, evaluation.samples, seed)}
    if evaluation.samples:
        measured["test_nll_nats_deterministic"] = mean_nll(predictor, test, 0, seed)
    return measured
