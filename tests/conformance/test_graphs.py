"""The laws that every graph keeps: ONNX Runtime answers as torch does, for every network, posterior and likelihood."""

from __future__ import annotations

import copy
import os
from functools import cache

import numpy as np
import pytest
import torch
from conformance.cases import generator, learnable, predictor_spec, rows
from conformance.test_generators import SEEDS, a_value
from msgspec.structs import replace
from torch import Tensor

from models.generation.generator import Generator
from models.generators import GENERATORS
from models.likelihoods import LIKELIHOODS
from models.networks import NETWORKS
from models.posteriors import POSTERIORS
from models.prediction.predictor import Predictor
from models.prediction.reference import Reference
from service.backends.generator_jobs import GenerateJob
from service.backends.onnx_generator import OnnxGenerator
from service.backends.onnx_predictor import OnnxPredictor
from service.backends.predictor_jobs import PredictJob
from service.backends.torch_generator import TorchGenerator
from service.backends.torch_loader import configure_torch, find_device
from service.backends.torch_predictor import DrawCache, TorchPredictor
from training.data.dataset import Split
from training.losses.free_energy import FreeEnergy
from training.run.export.generator import export_generator
from training.run.export.network import export_network
from training.seeds import initialised

DEVICE = find_device(os.environ.get("CREDENCE_DEVICE", "cpu"))
"""``make gpu`` says ``cuda``."""
configure_torch(0)
SAME = {"rtol": 1e-5, "atol": 1e-5}
WHITENED = {"rtol": 1e-3, "atol": 1e-4}
"""A distance is divided by deviations of the features: in directions where few rows differ, rounding is, too."""
SEED = 2**40 + 5
STEPS = 3
"""Of a sequence: the first, one between and the last. Torch takes a second to make a graph of three more."""
PARTS = [
    *((network, posterior, "categorical") for network in [*NETWORKS, "recurrent-many"] for posterior in POSTERIORS),
    *(("mlp", "mc_dropout", likelihood) for likelihood in LIKELIHOODS if likelihood != "categorical"),
]
"""Every network with every posterior, and every likelihood once: it comes after the graph."""


def drawable(parts: tuple[str, str, str]) -> Predictor:
    """A model of initial weights that has draws: a posterior is given iterates and rows as a run would."""
    spec = predictor_spec(*parts)
    if spec.network.name == "recurrent":
        channels, _, width = spec.inputs.shape
        spec = replace(spec, inputs=replace(spec.inputs, shape=(channels, STEPS, width)))
    model = initialised(spec, 0)
    assert isinstance(model, Predictor)
    known = Split(rows_of(model), learnable(model).targets)
    stream = torch.Generator().manual_seed(0)
    for _ in range(2):
        with torch.no_grad():
            for weight in model.posterior.network.parameters():
                weight += 0.02 * torch.randn(weight.shape, generator=stream)
        model.posterior.after_epoch(1.0)
    FreeEnergy(model.eval(), known, lambda: 0.0).after_training([known])
    _, features, compared = model.observe(known.inputs)
    model.reference = Reference.fit(features, compared, None, 0)
    return model.requires_grad_(False)


def rows_of(model: Predictor) -> Tensor:
    """The rows of all tests, a sequence no longer than this model takes."""
    return rows()[..., : model.inputs.shape[1], :]


@pytest.fixture(params=PARTS, ids="-".join)
def backends(request: pytest.FixtureRequest) -> tuple[TorchPredictor, OnnxPredictor]:
    model, cache_ = drawable(request.param), DrawCache(2**26)
    graph = export_network(model)
    return (
        TorchPredictor(model, DEVICE, cache_, weighs_evidence=True),
        OnnxPredictor(model, graph, DEVICE, cache_, weighs_evidence=True),
    )


def test_a_graph_answers_as_torch_in_any_company(backends: tuple[TorchPredictor, OnnxPredictor]) -> None:
    by_torch, by_graph = backends
    known = rows_of(by_torch.model)

    def job(first: int, last: int, samples: int, seed: int = SEED) -> PredictJob:
        return PredictJob(known[first:last].numpy(), seed, samples, keep_draws=samples > 0)

    most = by_torch.model.available_samples(60)
    few = min(most, 7)
    jobs = [job(0, 3, few), job(3, 4, most), job(4, 7, few)]
    for batch in ([job(0, 7, 0)], [job(2, 3, most, seed=3)], jobs, jobs[::-1], jobs[1:2]):
        for expected, given in zip(run(by_torch, batch), run(by_graph, batch), strict=True):
            assert given.keys() == expected.keys()
            for name, values in expected.items():
                tolerance = WHITENED if name == "mahalanobis" else SAME
                np.testing.assert_allclose(given[name], values, **tolerance, err_msg=name)
    x = by_torch.model.inputs.standardise(known.to(DEVICE))
    draw = by_torch.model.posterior.mean_function()
    observed, expected = (model.functions.observe(x, draw) for model in (by_graph.model, by_torch.model))
    torch.testing.assert_close(observed, expected, **SAME)


def run(backend: TorchPredictor, jobs: list[PredictJob]) -> list[dict[str, np.ndarray]]:
    done = backend.run(jobs, lambda: None)
    answers = [
        {**one.statistics, **one.evidence, "draw_means": one.draw_means, "draw_variances": one.draw_variances}
        for one in done
    ]
    return [{name: values for name, values in one.items() if values is not None} for one in answers]


@cache
def graph_of(name: str) -> bytes:
    return export_generator(generator(name))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_graph_makes_the_images_that_torch_makes(name: str) -> None:
    by_torch = TorchGenerator(fresh(name), DEVICE, 64)
    by_graph = OnnxGenerator(fresh(name), graph_of(name), DEVICE, 64)
    others = [
        GenerateJob(SEEDS[:2], by_torch.codes({control.name: a_value(control, value)}, 2))
        for control in by_torch.controls
        for value in (control.low, control.high)
    ]
    for jobs in ([GenerateJob(SEEDS)], [GenerateJob(SEEDS[3:]), GenerateJob(SEEDS[:3])], others):
        for expected, given in zip(by_torch.run(jobs, lambda: None), by_graph.run(jobs, lambda: None), strict=True):
            np.testing.assert_allclose(given.images, expected.images, **SAME)


def fresh(name: str) -> Generator:
    """One that a backend may move to its precision."""
    return copy.deepcopy(generator(name))
