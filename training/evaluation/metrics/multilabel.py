"""How well independent yes-or-no labels are predicted, of a row or of every step of a sequence."""

from __future__ import annotations

from training.evaluation.metrics.scores import mean_nll
from training.evaluation.predictor import Subject


def figures(subject: Subject) -> dict[str, float]:
    r"""Figures on the test split, over the observed steps of all sequences together.

    .. math:: -\frac{1}{N} \sum_n \log \frac{1}{S} \sum_s \prod_d p(y_{nd} | x, w_s)

    ``test_nll_nats`` is that: nats per step (per row, where a row has one outcome), all labels of a step together.
    The deterministic pass beside it is the posterior's mean alone.

    References:
        Boulanger-Lewandowski et al. (2012), Modeling Temporal Dependencies in High-Dimensional Sequences.
    """
    predictor, test, seed = subject.predictor, subject.dataset.test, subject.seed
    measured = {"test_nll_nats": mean_nll(predictor, test, subject.samples, seed)}
    if subject.samples:
        measured["test_nll_nats_deterministic"] = mean_nll(predictor, test, 0, seed)
    return measured
