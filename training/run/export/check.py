"""Does a graph answer as the model that it was made of does?"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from models.generation.generator import Generator
from models.generation.graph import GraphImages
from models.prediction.graph import graph_functions
from models.prediction.predictor import Predictor
from training.errors import ExportError

TOLERANCE = 1e-5
"""Largest difference that is rounding, relative to values beyond 1."""
_ROWS, _SAMPLES, _SEED = 5, 4, 0


@torch.inference_mode()
def check_network(model: Predictor, graph: bytes) -> float:
    """Return the largest difference between a graph's outputs and features and those of the network.

    Args:
        model: The model that the graph was made of, on the CPU.
        graph: The serialised graph.

    Raises:
        ExportError: if it is no rounding.
    """
    functions = graph_functions(graph, model.posterior, model.row_bytes, model.draw_bytes, torch.device("cpu"))
    x = torch.randn(_ROWS, *model.inputs.shape, generator=torch.Generator().manual_seed(_SEED))
    if model.inputs.ragged:
        x[0, x.shape[1] // 2 :] = torch.nan
    mean = model.posterior.mean_function()
    samples = model.available_samples(_SAMPLES)
    worst = 0.0
    for rows in (x, x[:1]):
        pairs = list(zip(functions.observe(rows, mean), model.functions.observe(rows, mean), strict=True))
        if samples:
            draws = model.posterior.sample(_SEED, samples)
            parts = functions.outputs(rows, draws), model.functions.outputs(rows, draws)
            pairs.append((torch.cat(list(parts[0])), torch.cat(list(parts[1]))))
        worst = max(worst, *(difference(*pair) for pair in pairs))
    return _rounding(worst)


def check_generator(model: Generator, graph: bytes) -> float:
    """Return the largest difference between a graph's images and those of the generator as a service computes them.

    Args:
        model: The generator that the graph was made of, on the CPU.
        graph: The serialised graph.

    Raises:
        ExportError: if it is no rounding.
    """
    images, precise = GraphImages(graph, model), copy.deepcopy(model).to(model.precision)
    codes = [model.latents(range(_SEED, _SEED + count)) for count in (_ROWS, 1)]
    if not images.takes(codes[0]):
        raise ExportError("the graph does not take the code of a request without controls")
    return _rounding(max(difference(images.generate(one), precise.generate(one)) for one in codes))


def _rounding(worst: float) -> float:
    if not worst <= TOLERANCE:
        raise ExportError(
            f"the graph's results differ from torch's by {worst:.1e}, and {TOLERANCE} is allowed: this model is served"
            " by torch alone"
        )
    return worst


def difference(graph: Tensor, torch_: Tensor) -> float:
    """Return the largest difference between two tensors of one shape, relative to the largest value beyond 1.

    A small result of large sums is rounded as they are, so that its own size is no measure.

    Raises:
        ExportError: if their shapes differ.
    """
    if graph.shape != torch_.shape:
        raise ExportError(f"the graph's outputs are of shape {tuple(graph.shape)}, torch's of {tuple(torch_.shape)}")
    return float((graph - torch_).abs().max() / torch_.abs().max().clamp_min(1))
