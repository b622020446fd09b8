"""Log-likelihood of the test images under a variational autoencoder: its bound, and an estimate."""

from __future__ import annotations

import math

import torch

from training.data import Dataset
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.importance import importance_nll
from training.losses.variational import Bound
from training.seeds import derive

_ACTIVE = 0.01
"""Variance over images of a unit's posterior mean, above which the unit is active (Burda et al., 2016)."""


@torch.inference_mode()
def measure(bound: Bound, dataset: Dataset, samples: int, most_images: int, seed: int) -> Metrics:
    """Return the bound on the test split with its two parts, the estimated log-likelihood and the active units.

    Args:
        bound: The bound that the model was trained with; its treatment of the pixels is part of the metrics' names.
        dataset: Data of which the test split is measured.
        samples: Number of importance samples of each image.
        most_images: Number of images that the log-likelihood is estimated for, at most.
        seed: Seed of the noise.
    """
    images = bound.unit(dataset.test).inputs
    nll, kl, code = bound.terms(images, derive(seed, "figures"))
    some = bound.encoded(images[:most_images], derive(seed, "figures"), 0).images
    estimated = float(importance_nll(bound.vae, some, samples, seed).mean())
    measured = {
        f"test_negative_elbo_{bound.treatment}_nats": float((nll + kl).mean()),
        f"test_reconstruction_{bound.treatment}_nats": float(nll.mean()),
        "test_kl_nats": float(kl.mean()),
        f"test_nll_importance_{bound.treatment}_nats": estimated,
        "importance_samples": samples,
        "importance_images": len(some),
        "active_code_units": float((code.var(0) > _ACTIVE).sum()),
    }
    if bound.treatment == "dequantised":
        per_value = estimated / (images[0].numel() * math.log(2))
        measured["test_nll_importance_bits_per_value"] = per_value + math.log2(bound.levels)
    return measured
