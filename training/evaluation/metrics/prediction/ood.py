"""Metrics of out-of-distribution detection: whether the model notices inputs of another kind."""

from __future__ import annotations

from training.evaluation.measurement import Metrics
from training.evaluation.metrics.ranking import auroc, average_precision, fpr_at_95_tpr
from training.evaluation.predictor import PredictorEvaluation


def measure(evaluation: PredictorEvaluation) -> Metrics:
    """Return how well each score of ``metrics.ood_scores`` tells the rows apart.

    There are AUROC, false alarms where 95 % are found, and area under precision-recall. The rows out of distribution
    are the positive ones. There is also the mean of each score on them, and the ratio of their mean epistemic score to
    that of the test split (Kendall & Gal, 2017, table 3).
    """
    if evaluation.ood is None:
        return {}
    measured = {}
    for name, usual in evaluation.test_scores.items():
        scores = evaluation.ood_scores[name]
        measured[f"ood_auroc_{name}"] = auroc(usual, scores)
        measured[f"ood_fpr_at_95_tpr_{name}"] = fpr_at_95_tpr(usual, scores)
        measured[f"ood_aupr_{name}"] = average_precision(usual, scores)
        if name in ("entropy", "information"):
            measured[f"ood_{name}_nats"] = float(scores.mean())
        if name in ("epistemic_variance", "information") and usual.mean() > 0:
            measured[f"ood_{name}_ratio"] = float(scores.mean() / usual.mean())
    return measured
