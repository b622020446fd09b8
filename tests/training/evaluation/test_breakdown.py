"""A measurement shows each class and each target with its own figures, and the rows behind every figure."""

from __future__ import annotations

import pytest
import torch
from calibrated import calibrated

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.prediction.predictor import Predictor
from training import data
from training.data import Dataset, Split
from training.data.dataset import table_spec, target_spec
from training.evaluation.breakdown import ClassBreakdown, SetSizeBreakdown, TargetBreakdown
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Metrics
from training.seeds import initialised

MLP, DROPOUT = Component("mlp", {"hidden": [16]}), Component("mc_dropout")


def no_more(*_: object) -> Metrics:
    """Return no metrics of the family."""
    return {}


def predictor(spec: PredictorSpec) -> Predictor:
    model = initialised(spec, 0)
    assert isinstance(model, Predictor)
    return model.eval()


def test_each_class_has_its_own_line() -> None:
    dataset = data.load("digits")
    assert dataset.outputs is not None
    model = predictor(PredictorSpec(MLP, DROPOUT, Component("categorical"), dataset.inputs, dataset.outputs))
    calibration = calibrated([1.0] * 100, [i / 100 for i in range(100)])
    measured = measure(model, dataset, no_more, 5, calibration=calibration)
    lines = [line for line in measured.breakdown if isinstance(line, ClassBreakdown)]
    guess = model.predict(dataset.test.inputs, 5).mean.argmax(-1)
    for index, line in enumerate(lines):
        own = dataset.test.targets == index
        assert line.name == str(index)
        assert line.training == int((dataset.train.targets == index).sum())
        assert line.test == int(own.sum())
        assert line.recall == pytest.approx(float((guess[own] == index).double().mean()))
    assert len(lines) == 10
    covered = sum((line.coverage or 0) * line.test for line in lines) / len(guess)
    assert covered == pytest.approx(measured.metrics["test_conformal_coverage_90"])
    areas = [line.auc for line in lines if line.auc is not None]
    assert measured.metrics["test_auc"] == pytest.approx(sum(areas) / 10)
    assert measured.metrics["baseline_accuracy"] == pytest.approx(0.1, abs=0.01)
    assert measured.evidence["test_accuracy"] == "360 rows"
    assert measured.evidence["noise_auroc"] == "360 noise images"
    assert set(measured.evidence) == set(measured.metrics)
    sizes = [line for line in measured.breakdown if isinstance(line, SetSizeBreakdown)]
    assert sum(line.test for line in sizes) == 360
    held = sum(line.coverage * line.test for line in sizes) / 360
    assert held == pytest.approx(measured.metrics["test_conformal_coverage_90"])
    worst = min(line.coverage for line in sizes if line.test >= 20)
    assert measured.metrics["test_conformal_worst_size_coverage_90"] == pytest.approx(worst)


def test_each_of_several_targets_has_its_own_line() -> None:
    x = torch.linspace(-1, 1, 240).unsqueeze(-1)
    y = torch.cat([1000 + 10 * x, x.square()], 1)
    parts = [Split(x[i::4], y[i::4]) for i in range(4)]
    inputs, outputs = table_spec(x, ("x",)), target_spec(y, ("price", "rent"))
    dataset = Dataset("two", inputs, outputs, *parts)
    spec = PredictorSpec(MLP, DROPOUT, Component("heteroscedastic_gaussian"), inputs, outputs)
    measured = measure(predictor(spec), dataset, no_more, 5)
    lines = [line for line in measured.breakdown if isinstance(line, TargetBreakdown)]
    test, mean = parts[3].targets, parts[0].targets.mean(0)
    assert [(line.name, line.test) for line in lines] == [("price", 60), ("rent", 60)]
    for d, line in enumerate(lines):
        assert line.baseline == pytest.approx(float((test[:, d] - mean[d]).square().mean().sqrt()), rel=1e-4)
    assert any("no better than always answering the training rows' mean" in said for said in measured.cautions)
    assert any("rest on 60 rows" in said for said in measured.cautions)
