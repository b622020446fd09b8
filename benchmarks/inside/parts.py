"""What each part of an answer costs: a pass, the draws, their products, their statistics, JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from page import Target, number, table
from torch import Tensor

from inside.models import GENERATORS, PREDICTORS, generator, predictor
from inside.peak import Peak
from inside.products import Products, record
from inside.turns import milliseconds
from models.checkpoints.checkpoint import GeneratorSpec, PredictorSpec
from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import DrawSums, Uncertainty
from service.backends.generator_jobs import GenerateJob
from service.backends.predictor_jobs import PredictJob
from service.handlers.arrays import encode_json
from service.http.json_rows import read_numbers

DRAWS, ROWS = 50, 8
_IMAGES = 16
_LEVELS = 32
_TARGETS: Mapping[str, float] = {
    "MLP 784-512-512-10": 5,
    "LeNet, dropout before the last layer": 0.5,
    "SegNet, 4 blocks of 32, 24 x 32": 0.4 * DRAWS,
}
"""Most that 50 draws may cost, in passes."""


@dataclass(frozen=True)
class Parts:
    """Milliseconds of the parts, by their names, and the products of the draws."""

    times: Mapping[str, float]
    products: Products


def measure_parts(spec: PredictorSpec, turns: int) -> Parts:
    """Measure a model that the service has just loaded."""
    backend = predictor(spec)
    model, network = backend.model, backend.model.posterior.network
    raw = torch.rand(ROWS, *spec.inputs.shape)
    x, draws = model.inputs.standardise(raw), model.posterior.sample(0, DRAWS)
    products = record(lambda: evaluate(network, x, draws))
    job, body = PredictJob(raw.numpy(), 0, DRAWS), json.dumps({"inputs": raw.tolist()}).encode()
    with torch.inference_mode():
        outputs = torch.cat(list(model.functions.outputs(x, draws)))
        (answer,) = backend.run([job], lambda: None)
    work: dict[str, Callable[[], object]] = {
        "one pass": lambda: network(x),
        "50 draws": lambda: list(model.functions.outputs(x, draws)),
        "products alone": products.run,
        "statistics alone": lambda: summarise(model, outputs),
        "answer": lambda: backend.run([job], lambda: None),
        "JSON in": lambda: read_numbers(body, "inputs", ROWS, _LEVELS),
        "JSON out": lambda: encode_json(answer.statistics),
    }
    return Parts(milliseconds(work, turns), products)


def summarise(model: Predictor, outputs: Tensor) -> Uncertainty:
    """Return the statistics of outputs ``(S, B, ...)`` as torch computes them, call by call."""
    conditionals = model.likelihood.conditionals(outputs, model.likelihood.sample_noise())
    return model.summarise(DrawSums.of(conditionals))


def predictors(turns: int, peak: Peak) -> tuple[str, list[Target]]:
    """Return the table of all predictive models, and the figures that have a target."""
    lines, targets, headings = [], list[Target](), list[str]()
    for name, spec in PREDICTORS.items():
        parts = measure_parts(spec, turns)
        times, products = parts.times, parts.products
        ratio = times["50 draws"] / times["one pass"]
        share = peak.share(products.operations, products.bytes, times["50 draws"])
        headings = ["8 rows, milliseconds", *times, "50 draws / one pass", "of the peak: operations, bytes"]
        lines.append([name, *(number(value) for value in times.values()), number(ratio), share])
        if name in _TARGETS:
            targets.append(Target(f"50 draws over one pass, 8 rows, in process: {name}", _TARGETS[name], ratio, False))
    return table(headings, lines), targets


def generators(turns: int, peak: Peak) -> str:
    """Return the table of all generators: what one image costs, alone and among 16."""
    lines = [[name, *measure_generator(spec, turns, peak)] for name, spec in GENERATORS.items()]
    headings = ["an image, milliseconds", "alone", f"among {_IMAGES}", "by", "of the peak: operations, bytes"]
    return table(headings, lines)


def measure_generator(spec: GeneratorSpec, turns: int, peak: Peak) -> list[str]:
    """Return the line of a generator that the service has just loaded."""
    backend = generator(spec)
    model, one, many = backend.model, GenerateJob((0,)), GenerateJob(tuple(range(_IMAGES)))
    work = {"one": lambda: backend.run([one], lambda: None), "many": lambda: backend.run([many], lambda: None)}
    times, latents = milliseconds(work, turns), model.latents(range(_IMAGES))
    products = record(lambda: model.images(model.to_weights(latents)))
    share = peak.share(products.operations, products.bytes, times["many"])
    return [number(times["one"]), number(times["many"] / _IMAGES), backend.name, share]
