"""A classifier's figures: known answers, and agreement with what the predictor itself says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from models.specs import VOID
from training import recipes
from training.data import Dataset
from training.evaluation.metrics.prediction import classification, measure_predictor
from training.evaluation.metrics.ranking import auroc
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.predictor import ClassPredictions, PredictorEvaluation
from training.seeds import initialised


@pytest.fixture(scope="module")
def evaluation(digits: Dataset) -> PredictorEvaluation:
    return PredictorEvaluation(initialised(recipes.find("digits-mlp-mc_dropout").spec(digits), 0), digits, 3, 5)


def test_figures_of_a_perfect_and_of_a_confidently_wrong_classifier() -> None:
    labels, sure = torch.tensor([0, 1, 2]), torch.eye(3, dtype=torch.float64)
    perfect = classification.measure_probabilities(sure, labels)
    others = {name: value for name, value in perfect.items() if name != "test_accuracy"}
    assert perfect["test_accuracy"] == 1
    assert others == pytest.approx(dict.fromkeys(others, 0), abs=1e-6)
    wrong = classification.measure_probabilities(sure, labels.roll(1))
    assert (wrong["test_error"], wrong["test_brier"]) == pytest.approx((1, 2))


def test_where_nothing_is_wrong_there_is_nothing_to_tell_apart() -> None:
    labels, sure = torch.tensor([0, 1]), torch.eye(2, dtype=torch.float64)
    assert classification.measure_selection(ClassPredictions(sure, labels, torch.zeros(2), None)) == {"test_aurc": 0}


def test_entropy_that_marks_every_mistake_tells_them_apart() -> None:
    probs = torch.tensor([[0.9, 0.1], [0.95, 0.05], [0.6, 0.4]], dtype=torch.float64)
    entropy = torch.special.entr(probs).sum(-1)
    figures = classification.measure_selection(ClassPredictions(probs, torch.tensor([0, 0, 1]), entropy, None))
    assert figures == pytest.approx({"test_aurc": 1 / 9, "misclassification_auroc": 1})


def test_entropies_and_information_are_the_services(evaluation: PredictorEvaluation, digits: Dataset) -> None:
    answer, figures = evaluation.predictor.predict(digits.test.inputs, 3, 5), measure_predictor(evaluation)
    assert figures["test_entropy_nats"] == pytest.approx(float(answer.predictive_entropy.mean()))
    assert answer.mutual_information is not None
    assert figures["test_information_nats"] == pytest.approx(float(answer.mutual_information.mean()))
    assert figures["test_expected_entropy_nats"] == pytest.approx(float(answer.expected_entropy.mean()))


def test_strange_rows_are_ranked_by_every_score(evaluation: PredictorEvaluation, digits: Dataset) -> None:
    blank = OodInputs("blank", torch.zeros(30, 1, 8, 8))
    figures = measure_predictor(replace(evaluation, ood=blank))
    usual, other = (evaluation.predictor.predict(x, 3, 5) for x in (digits.test.inputs, blank.rows))
    scores = {
        "entropy": (usual.predictive_entropy, other.predictive_entropy),
        "information": (usual.mutual_information, other.mutual_information),
        "probability": (-usual.mean.amax(-1), -other.mean.amax(-1)),
    }
    for name, (of_usual, of_other) in scores.items():
        assert figures[f"ood_auroc_{name}"] == pytest.approx(auroc(of_usual, of_other), abs=1e-6)
        assert 0 < figures[f"ood_aupr_{name}"] <= 1


def test_without_draws_there_is_no_information_to_rank_by(evaluation: PredictorEvaluation) -> None:
    figures = measure_predictor(replace(evaluation, samples=0, ood=OodInputs("blank", torch.zeros(3, 1, 8, 8))))
    assert "ood_auroc_entropy" in figures
    assert not [name for name in figures if "information" in name]
    assert all(math.isfinite(value) for value in figures.values())


def test_the_same_rows_are_not_strange(evaluation: PredictorEvaluation, digits: Dataset) -> None:
    figures = measure_predictor(replace(evaluation, ood=OodInputs("itself", digits.test.inputs)))
    # Rounding may decide between a row and itself: half a pair of 360 for each row.
    assert figures["ood_auroc_entropy"] == pytest.approx(0.5, abs=2e-3)


def test_every_position_of_a_row_is_an_outcome_and_the_void_is_none(
    evaluation: PredictorEvaluation, digits: Dataset
) -> None:
    unseen = digits.test.targets.clone()
    unseen[:100] = VOID
    part = replace(evaluation, dataset=replace(digits, test=digits.test._replace(targets=unseen)))
    rest = replace(evaluation, dataset=replace(digits, test=digits.test.rows(slice(100, None))))
    assert len(part.class_predictions.labels) == len(unseen) - 100
    assert torch.allclose(part.class_predictions.probs, rest.class_predictions.probs)


def test_each_answer_is_computed_once(evaluation: PredictorEvaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, asked = replace(evaluation), []
    predict = type(evaluation.predictor).predict
    monkeypatch.setattr(
        type(evaluation.predictor), "predict", lambda self, rows, *a: asked.append(len(rows)) or predict(self, rows, *a)
    )
    measure_predictor(fresh)
    assert sorted(asked) == [1, 360, 360, 360]  # blank, test, noise, rotated
