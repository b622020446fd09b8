"""Perceptual path length: how far images move on the way from one code to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.generation.latent_traversal import slerp
from models.generation.style import StyleMixer
from models.noise import Site, Uniform, draw_noise
from training.evaluation.generator import Gallery
from training.evaluation.measurement import Metrics
from training.seeds import seeds_from

_STEP = 1e-4
"""The paper's epsilon, a share of the way."""
_AT_ONCE = 100


def figures(gallery: Gallery) -> dict[str, float]:
    """On the judge's features, of a generator that has styles."""
    if gallery.judge is None or not isinstance(gallery.generator, StyleMixer):
        return {}
    return path_length(gallery.generator, gallery.judge.features, gallery.seed)


@torch.inference_mode()
def path_length(model: StyleMixer, features: Callable[[Tensor], Tensor], seed: int, pairs: int = 1000) -> Metrics:
    r"""Mean length of the ways between two codes z, which bend along the sphere, and between their straight ones in w.

    .. math:: E\left[\epsilon^{-2} \lVert f(G(c(t))) - f(G(c(t + \epsilon))) \rVert^2\right]

    with t uniform on the way, or 0: at its ends the codes are ones that training has seen, also in w.

    Only lengths on the same features can be compared.

    Args:
        features: ``f``, of images ``(B, channels, height, width)`` in [0, 1]: ``(B, ...)``. In the paper, VGG's.
        seed: Of the first code; each has its own.
        pairs: Number of ways.

    Returns:
        ``path_length_z`` and ``path_length_w``, in squared units of the features, and the second over the first; with
        ``_end`` in their names those at the ends.

    References:
        Karras et al. (2019), StyleGAN, section 4.1, eq. 2 and 3.
    """
    latents = model.latents(seeds_from(seed, 2 * pairs))
    first, second = ({name: tensor[half::2] for name, tensor in latents.items()} for half in (0, 1))
    place = draw_noise([Site("place on the path", (pairs,), Uniform(0.0, 1 - _STEP))], seed, 1)
    full = place["place on the path"][0].double()
    styles = model.styles(first).double(), model.styles(second).double()
    found: Metrics = {}
    # Doubles, because a step is not much longer than the distance of two floats.
    for suffix, t in (("", full), ("_end", torch.zeros_like(full))):
        places = torch.stack([t, t + _STEP], 1)
        z = torch.stack([slerp(*way) for way in zip(first["z"], second["z"], places, strict=True)], 1).float()
        w = [torch.lerp(*styles, at[:, None, None]).float() for at in (t, t + _STEP)]
        in_z, in_w = _length(model, features, first, "z", list(z)), _length(model, features, first, "styles", w)
        ratio = {f"path_length_w_over_z{suffix}": in_w / in_z} if in_z else {}
        found |= {f"path_length_z{suffix}": in_z, f"path_length_w{suffix}": in_w} | ratio
    return found


def _length(
    model: StyleMixer,
    features: Callable[[Tensor], Tensor],
    latents: dict[str, Tensor],
    name: str,
    points: Sequence[Tensor],
) -> float:
    """Between images whose codes differ in one part, which is once here and once there."""
    moved = []
    for rows in torch.split(torch.arange(len(points[0])), _AT_ONCE):
        codes = [{part: tensor[rows] for part, tensor in (latents | {name: point}).items()} for point in points]
        here, there = (features(model.generate(batch)) for batch in codes)
        moved.append((here - there).flatten(1).square().sum(1))
    return float(torch.cat(moved).mean()) / _STEP**2
