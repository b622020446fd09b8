"""Perceptual path length: how much images change along the path from one latent code to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.generation.latent_traversal import slerp
from models.generation.style import StyleMixer
from models.noise import Site, Uniform, draw_noise
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics
from training.seeds import seeds_from

_STEP = 1e-4
"""The paper's epsilon, as a share of the path."""
_AT_ONCE = 100
_PAIRS = 1000
"""Most paths."""


def measure(evaluation: GeneratorEvaluation) -> Metrics:
    """Return the path lengths of a generator that has styles, on the features of the feature classifier.

    There are as many paths as images, but 1000 at most.
    """
    if evaluation.classifier is None or not isinstance(evaluation.generator, StyleMixer):
        return {}
    pairs = min(_PAIRS, evaluation.samples)
    return path_length(evaluation.generator, evaluation.classifier.features, evaluation.seed, pairs)


@torch.inference_mode()
def path_length(model: StyleMixer, features: Callable[[Tensor], Tensor], seed: int, pairs: int) -> Metrics:
    r"""Return the mean length of paths between two codes z along the sphere, and between their styles w along a line.

    .. math:: E\left[\epsilon^{-2} \lVert f(G(c(t))) - f(G(c(t + \epsilon))) \rVert^2\right]

    with t uniform on the path, or 0: at its ends the codes are ones that training has seen, also in w. Only lengths on
    the same features can be compared.

    Args:
        model: A generator with styles, in evaluation mode.
        features: The function ``f`` from images ``(B, channels, height, width)`` in [0, 1] to features ``(B, ...)``; in
            the paper, those of VGG.
        seed: Seed of the first code; each code has its own.
        pairs: Number of paths.

    Returns:
        ``path_length_z`` and ``path_length_w`` in squared units of the features, and the ratio of the second to the
        first; with ``_end`` in their names, those at the ends.

    References:
        Karras et al. (2019), StyleGAN, section 4.1, eq. 2 and 3.
    """
    latents = model.latents(seeds_from(seed, 2 * pairs))
    first, second = ({name: tensor[half::2] for name, tensor in latents.items()} for half in (0, 1))
    drawn = draw_noise([Site("place on the path", (pairs,), Uniform(0.0, 1 - _STEP))], seed, 1)
    uniform = drawn["place on the path"][0].double()
    styles = model.styles(first).double(), model.styles(second).double()
    measured: Metrics = {}
    # Doubles, because a step is not much longer than the distance of two floats.
    for suffix, t in (("", uniform), ("_end", torch.zeros_like(uniform))):
        positions = torch.stack([t, t + _STEP], 1)
        z = torch.stack([slerp(*path) for path in zip(first["z"], second["z"], positions, strict=True)], 1).float()
        w = [torch.lerp(*styles, position[:, None, None]).float() for position in (t, t + _STEP)]
        in_z, in_w = _length(model, features, first, "z", list(z)), _length(model, features, first, "styles", w)
        ratio = {f"path_length_w_over_z{suffix}": in_w / in_z} if in_z else {}
        measured |= {f"path_length_z{suffix}": in_z, f"path_length_w{suffix}": in_w} | ratio
    return measured


def _length(
    model: StyleMixer,
    features: Callable[[Tensor], Tensor],
    latents: dict[str, Tensor],
    name: str,
    points: Sequence[Tensor],
) -> float:
    """Return the mean squared distance of images whose codes differ in one part, over the squared step."""
    moved = []
    for rows in torch.split(torch.arange(len(points[0])), _AT_ONCE):
        codes = [{part: tensor[rows] for part, tensor in (latents | {name: point}).items()} for point in points]
        here, there = (features(model.generate(batch)) for batch in codes)
        moved.append((here - there).flatten(1).square().sum(1))
    return float(torch.cat(moved).mean()) / _STEP**2
