"""Does the model notice inputs of another kind?"""

from __future__ import annotations

from training.evaluation.metrics.ranking import auroc, average_precision
from training.evaluation.predictor import Subject


def figures(subject: Subject) -> dict[str, float]:
    """AUROC and area under precision-recall of each score of :func:`~training.evaluation.metrics.ood_scores.novelty`.

    The strange rows are the positive ones. Beside them, the mean of each score on them, and how many times that of the
    test split their mean epistemic score is (Kendall & Gal, 2017, table 3).
    """
    if subject.strange is None:
        return {}
    measured = {}
    for name, usual in subject.usual_scores.items():
        scores = subject.strange_scores[name]
        measured[f"ood_auroc_{name}"] = auroc(usual, scores)
        measured[f"ood_aupr_{name}"] = average_precision(usual, scores)
        if name in ("entropy", "information"):
            measured[f"ood_{name}_nats"] = float(scores.mean())
        if name in ("epistemic_variance", "information") and usual.mean() > 0:
            measured[f"ood_{name}_ratio"] = float(scores.mean() / usual.mean())
    return measured
