"""What the codes of an InfoGAN stand for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from models.generators.infogan import InfoGAN
from training.data import Dataset
from training.evaluation.metrics.generation.infogan import (
    class_code,
    codes_of_strokes,
    information,
    stroke_correlations,
)


@pytest.fixture
def model() -> InfoGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InfoGAN((1, 8, 8), {"kind": 3, "digit": 10}, ("c1", "c2"), noise=5, width=8, critic_width=8).eval()


def test_no_information_is_claimed_before_training(model: InfoGAN) -> None:
    latents = model.latents(range(200))
    figures = information(model, model.generate(latents), latents)
    assert figures["information_bound_nats"] < 0.1
    assert figures["information_bound_share"] == pytest.approx(
        figures["information_bound_nats"] / math.log(30), rel=1e-4
    )


def test_each_stroke_has_a_code_of_its_own() -> None:
    correlations = {
        "c1": {"slant": -0.9, "width": 0.8},
        "c2": {"slant": 0.7, "width": 0.1},
        "c3": {"slant": 0.0, "width": 0.2},
    }
    assert codes_of_strokes(correlations) == {"slant": "c2", "width": "c1"}
    assert codes_of_strokes({"c1": correlations["c1"]}) == {"slant": "c1"}
    assert codes_of_strokes({}) == {}


def test_the_class_code_has_as_many_values_as_there_are_classes(model: InfoGAN, digits: Dataset) -> None:
    assert class_code(model, digits) == "digit"
    assert class_code(model, replace(digits, outputs=None)) is None
    assert class_code(InfoGAN((1, 8, 8), {"kind": 3}), digits) is None


class Drawn(InfoGAN):
    """Whose second code is how far a line leans."""

    def images(self, latents):
        y, x = torch.meshgrid(torch.arange(8) - 3.5, torch.arange(8) - 3.5, indexing="ij")
        return (1.5 - (x + 0.5 * latents["c2"][:, None, None] * y).abs()).clamp(0, 1)[:, None]


def test_the_code_that_leans_a_line_follows_the_slant() -> None:
    model = Drawn((1, 8, 8), {"digit": 3}, ("c1", "c2")).eval()
    latents = model.latents(range(300))
    measured = stroke_correlations(model, model.generate(latents), latents)
    assert measured["c2"]["slant"] > 0.99
    assert abs(measured["c1"]["slant"]) < 0.3
    assert stroke_correlations(model, torch.rand(300, 3, 8, 8), latents) == {}
