"""Metrics of an InfoGAN: the information of its images about its codes, and the meaning of each code."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from models.generators.infogan import InfoGAN
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.feature_classifier import feature_classifier_of
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.codes import match, spearman
from training.evaluation.metrics.strokes import slant, stroke_width, width
from training.losses.mutual_information import categorical_bound
from training.losses.objectives import continuous_code_nll, mutual_information_bound
from training.seeds import seeds_from

STROKES = {"slant": slant, "width": width}
"""Measures that continuous codes are meant to follow, one code each: the paper's two."""
MEASURES = {**STROKES, "stroke_width": stroke_width}
"""Measures that continuous codes are compared with."""

_IMAGES = 2000
_BLOCK = 500
"""Number of images that are read at a time."""


def measure(model: InfoGAN, dataset: Dataset, seed: int) -> Metrics:
    """Return the information, the stroke correlations and the agreement with the classes of generated images.

    Args:
        model: A trained model.
        dataset: Data that it was trained on. Its test split is read too where a code has a value for every class.
        seed: Seed of the first generated image.
    """
    latents = model.latents(seeds_from(seed, _IMAGES))
    images = model.generate(latents)
    measured = information(model, images, latents) | _stroke_metrics(stroke_correlations(model, images, latents))
    code = class_code(model, dataset)
    return measured if code is None else measured | _agreement(model, dataset, code, latents[code], images)


@torch.inference_mode()
def information(model: InfoGAN, images: Tensor, latents: dict[str, Tensor]) -> Metrics:
    """Return ``L_I`` of the codes in nats, and as a share of their entropy.

    Args:
        model: A model in evaluation mode.
        images: Images that it generated, ``(N, channels, height, width)`` in [0, 1].
        latents: Codes that the images were generated from, ``(N, ...)`` each.
    """
    _, read = model.judge_and_read(images)
    measured = {}
    if model.categorical:
        bound = float(categorical_bound(model, read, latents))
        entropy = sum(math.log(values) for values in model.categorical.values())
        measured = {"information_bound_nats": bound, "information_bound_share": bound / entropy}
    for name in model.continuous:
        nll = continuous_code_nll(read.mean[name], read.log_variance[name], latents[name])
        measured[f"{name}_information_bound_nats"] = float(mutual_information_bound(math.log(2), nll))
    return measured


def stroke_correlations(model: InfoGAN, images: Tensor, latents: dict[str, Tensor]) -> dict[str, Metrics]:
    """Return Spearman's coefficient of every continuous code with each of ``MEASURES``, by code.

    It is computed within each combination of the categorical codes' values. Images with one channel are taken for
    handwriting; images with more have no coefficients.

    Args:
        model: The model that generated the images.
        images: Generated images, ``(N, channels, height, width)`` in [0, 1].
        latents: Codes that the images were generated from, ``(N, ...)`` each.
    """
    if images.shape[1] != 1:
        return {}
    groups = torch.zeros(len(images), dtype=torch.int64)
    for name, values in model.categorical.items():
        groups = groups * values + latents[name]
    measured = {stroke: measure(images) for stroke, measure in MEASURES.items()}
    return {
        name: {stroke: spearman(latents[name], values, groups) for stroke, values in measured.items()}
        for name in model.continuous
    }


def codes_of_strokes(correlations: dict[str, Metrics]) -> dict[str, str]:
    """Assign a code to each of ``STROKES``, one to one, so that the sum of the coefficients' sizes is largest.

    Args:
        correlations: Coefficients by code and measure, as :func:`stroke_correlations` returns them.
    """
    codes = list(correlations)
    sizes = np.array([[abs(correlations[code][stroke]) for stroke in STROKES] for code in codes])
    pairs = zip(*linear_sum_assignment(sizes.reshape(-1, len(STROKES)), maximize=True), strict=True)
    return {list(STROKES)[j]: codes[i] for i, j in pairs}


def class_code(model: InfoGAN, dataset: Dataset) -> str | None:
    """Return the first categorical code with as many values as the images have classes, if there is one."""
    classes = dataset.outputs if dataset.outputs is not None and dataset.outputs.task == "classification" else None
    return next((name for name, values in model.categorical.items() if classes and values == classes.size), None)


def read_values(model: InfoGAN, images: Tensor, code: str) -> Tensor:
    """Return the likeliest value of a categorical code for each image.

    Args:
        model: The model that reads the images, on any device.
        images: Images ``(N, channels, height, width)`` in [0, 1].
        code: Name of a categorical code.

    Returns:
        Values, int64 ``(N,)``, on the CPU.
    """
    device = next(model.parameters()).device
    return torch.cat([model.read(part.to(device), code).cpu() for part in torch.split(images, _BLOCK)])


def _stroke_metrics(correlations: dict[str, Metrics]) -> Metrics:
    measured = {
        f"{code}_{stroke}_spearman": value for code, values in correlations.items() for stroke, value in values.items()
    }
    followed = codes_of_strokes(correlations)
    if len(followed) == len(STROKES):
        measured["stroke_spearman_least_size"] = min(abs(correlations[code][s]) for s, code in followed.items())
        measured["stroke_width_spearman_size"] = abs(correlations[followed["width"]]["stroke_width"])
    return measured


def _agreement(model: InfoGAN, dataset: Dataset, code: str, values: Tensor, images: Tensor) -> Metrics:
    test = dataset.test.rows(slice(None))
    read, size = read_values(model, pixels(dataset.inputs, test.inputs), code), model.categorical[code]
    classifier = feature_classifier_of(dataset)
    assert classifier is not None  # the values of the code could not have been named without classes
    shown = classifier.classes(classifier.features(images))
    return {
        "samples_one_to_one_agreement": match(values, shown, size)[1],
        "samples_named_agreement": float((values == shown).double().mean()),
        "test_one_to_one_agreement": match(read, test.targets, size)[1],
    }
