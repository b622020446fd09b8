"""The graph of a model's answers says what the model says, and there is none where torch says it better."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from random_models import DROPOUT, MLP, SPECS, TABLE

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.prediction.answer_graph import AnswerGraph
from models.prediction.predictor import EVIDENCE, STATISTICS, Predictor
from models.prediction.reference import Reference
from models.specs import OutputSpec
from training.run.export.answer import export_answer
from training.run.export.network import export_network

LABELS = PredictorSpec(MLP, DROPOUT, Component("bernoulli"), TABLE, OutputSpec("multilabel", ("c", "d")))
COUNTS = OutputSpec("regression", ("visits",), (0.0,), (1.0,), support="count")


def spec_of(name: str) -> PredictorSpec:
    spec = SPECS[name]
    assert isinstance(spec, PredictorSpec)
    return spec


def with_reference(spec: PredictorSpec) -> Predictor:
    """A model of random weights and a temperature, that compares rows with some noise."""
    torch.manual_seed(0)
    model = msgspec.structs.replace(spec, outputs=msgspec.structs.replace(spec.outputs, temperature=0.7)).build()
    _, features, compared = model.requires_grad_(False).observe(noise(model, 60))
    classes = model.outputs.size if model.outputs.task == "classification" else 0
    labels = torch.arange(60) % classes if classes else None
    model.reference = Reference.fit(features.clone(), compared.clone(), labels, classes)
    return model


def noise(model: Predictor, rows: int) -> torch.Tensor:
    return model.inputs.example(rows) + torch.rand(rows, *model.inputs.shape) * model.inputs.scale[0]


@pytest.mark.parametrize("spec", [spec_of("mlp"), spec_of("regression"), LABELS])
@pytest.mark.parametrize(("rows", "draws"), [(1, 50), (6, 2)])
def test_its_results_are_the_models(spec: PredictorSpec, rows: int, draws: int) -> None:
    model = with_reference(spec)
    answer = export_answer(model, export_network(model))
    assert answer is not None
    x = model.inputs.standardise(noise(model, rows))
    outputs = torch.cat(list(model.functions.outputs(x, model.posterior.sample(3, draws))))
    given = (x, outputs, *model.functions.observe(x, model.posterior.mean_function()))
    expected = model.answer(*given)
    statistics, evidence = AnswerGraph(answer, weighs_evidence=True).answer(*given)
    found = {f"{STATISTICS}{n}": v for n, v in statistics.items()} | {f"{EVIDENCE}{n}": v for n, v in evidence.items()}
    assert found.keys() == expected.keys()
    assert {f"{EVIDENCE}mahalanobis", f"{EVIDENCE}neighbour", f"{STATISTICS}mutual_information"} <= found.keys()
    for name, values in found.items():
        assert values.dtype == np.float64
        assert values == pytest.approx(expected[name].double().numpy(), rel=1e-3, abs=1e-5)


def test_without_evidence_none_is_computed() -> None:
    model = with_reference(spec_of("mlp"))
    answer = export_answer(model, export_network(model))
    assert answer is not None
    x = model.inputs.standardise(noise(model, 2))
    given = (x, torch.randn(4, 2, 10), torch.randn(2, 10), torch.randn(2, 32))
    assert AnswerGraph(answer, weighs_evidence=False).answer(*given)[1] == {}


def test_a_model_without_a_reference_has_the_evidence_of_its_answer() -> None:
    model = spec_of("mlp").build().requires_grad_(False)
    answer = export_answer(model, export_network(model))
    assert answer is not None
    _, evidence = AnswerGraph(answer, weighs_evidence=True).answer(
        torch.randn(2, 1, 8, 8), torch.randn(4, 2, 10), torch.randn(2, 10), torch.randn(2, 32)
    )
    assert evidence.keys() == {"mutual_information", "predictive_entropy"}


@pytest.mark.parametrize(
    "spec",
    [
        spec_of("segnet"),  # a map's arithmetic takes longer than its calls
        spec_of("ensemble"),  # its graph is not one of pairs
        spec_of("logits"),  # how many samples of its noise are made at a time depends on the rows
        PredictorSpec(MLP, DROPOUT, Component("negative_binomial"), TABLE, COUNTS),  # ONNX has no gamma function
    ],
)
def test_there_is_none_where_torch_answers(spec: PredictorSpec) -> None:
    model = spec.build().requires_grad_(False)
    assert export_answer(model, export_network(model)) is None
    assert export_answer(model, None) is None
