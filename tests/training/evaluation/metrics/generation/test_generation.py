"""All figures together, of generators whose faults are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from fake_generators import Copier
from torch import Tensor

from models.generation.style import StyleMixer
from models.noise import Normal, Site
from models.specs import Control
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.metrics.generation import diversity, measure_generator, remark

WITH_JUDGE = {
    "frechet_lenet",
    "frechet_lenet_floor",
    "frechet_lenet_ratio",
    "frechet_images",
    "precision",
    "recall",
    "classes_present",
    "class_kl_to_uniform_nats",
}
WITHOUT = {
    "pairwise_distance_ratio",
    "nearest_training_ratio",
    "parzen_log_likelihood_nats",
    "parzen_standard_error_nats",
    "parzen_sigma",
}


def measure(shown: Tensor, digits: Dataset) -> dict[str, float]:
    return measure_generator(GeneratorEvaluation(Copier(pixels(digits.inputs, shown)), digits, 1000, 0))


def test_real_images_of_the_same_kind_are_as_good_as_can_be(digits: Dataset) -> None:
    measured = measure(digits.test.inputs, digits)
    assert measured.keys() == WITH_JUDGE | WITHOUT
    assert measured["frechet_images"] == 252
    assert 0.5 < measured["frechet_lenet_ratio"] < 1.5
    assert measured["precision"] > 0.9
    assert measured["recall"] > 0.8
    assert measured["classes_present"] == 10
    assert measured["class_kl_to_uniform_nats"] < 0.02
    assert measured["pairwise_distance_ratio"] == pytest.approx(1, abs=0.05)
    assert measured["nearest_training_ratio"] == pytest.approx(1, abs=0.1)


def test_training_images_are_known_again(digits: Dataset) -> None:
    assert measure(digits.train.inputs, digits)["nearest_training_ratio"] < 0.01


def test_one_image_over_and_over(digits: Dataset) -> None:
    measured = measure(digits.test.inputs[:1], digits)
    assert measured["classes_present"] == 1
    assert measured["class_kl_to_uniform_nats"] == pytest.approx(2.302585)
    assert measured["recall"] < 0.05
    assert measured["pairwise_distance_ratio"] < 0.01
    assert measured["frechet_lenet_ratio"] > 10
    assert measured["parzen_log_likelihood_nats"] < measure(digits.test.inputs, digits)["parzen_log_likelihood_nats"]


def test_noise_is_far_away(digits: Dataset) -> None:
    noise = 16 * torch.rand(500, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    measured = measure(noise, digits)
    assert measured["frechet_lenet_ratio"] > 5
    assert measured["precision"] < 0.7
    assert measured["recall"] < 0.05
    assert measured["nearest_training_ratio"] > 1.5


def test_without_classes_the_rest_is_measured_and_what_is_left_out_is_said(digits: Dataset) -> None:
    unlabelled = replace(digits, outputs=None)
    evaluation = GeneratorEvaluation(Copier(pixels(digits.inputs, digits.test.inputs)), unlabelled, 100, 0)
    assert measure_generator(evaluation).keys() == WITHOUT
    assert "left out are the Fréchet distance, precision, recall, the classes and SSIM" in remark(evaluation)


def test_the_judge_is_named_with_its_accuracy(digits: Dataset) -> None:
    evaluation = GeneratorEvaluation(Copier(pixels(digits.inputs, digits.test.inputs)), digits, 100, 0)
    assert evaluation.classifier is not None
    assert f"40 epochs; {evaluation.classifier.accuracy:.1%} right" in remark(evaluation)


def test_larger_images_are_compared_within_their_class(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "_SMALLEST_SIDE", 8)
    measured = measure(digits.test.inputs, digits)
    assert measured.keys() == WITH_JUDGE | WITHOUT | {"ssim_within_class", "ssim_within_class_real"}
    assert measured["ssim_within_class"] == pytest.approx(measured["ssim_within_class_real"], abs=0.1)


def test_two_images_are_enough_for_every_figure(digits: Dataset) -> None:
    shown = pixels(digits.inputs, digits.test.inputs)
    assert measure_generator(GeneratorEvaluation(Copier(shown), digits, 2, 0)).keys() == WITH_JUDGE | WITHOUT


class Truncated(Copier):
    """Shows the first of its images the more often, the smaller psi is."""

    def __init__(self, shown: Tensor) -> None:
        super().__init__(shown)
        self.controls = (*self.controls, Control("truncation_psi", "continuous", 0.0, 1.0, "variety", default=1.0))

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self.shown[(latents["which"] * latents["truncation_psi"] ** 4).long()]


def test_truncation_is_measured_where_there_is_some(digits: Dataset) -> None:
    evaluation = GeneratorEvaluation(Truncated(pixels(digits.inputs, digits.test.inputs)), digits, 1000, 0)
    measured = measure_generator(evaluation)
    both = {"truncated_precision", "truncated_recall", "truncation_precision_gain", "truncation_recall_loss"}
    assert measured.keys() == WITH_JUDGE | WITHOUT | both
    assert measured["truncated_precision"] > 0.9
    assert measured["truncated_recall"] < measured["recall"] - 0.2
    assert measured["truncation_precision_gain"] == measured["truncated_precision"] - measured["precision"]
    assert measured["truncation_recall_loss"] == measured["recall"] - measured["truncated_recall"]


class Styled(Copier, StyleMixer):
    """A style is an image, and a code z one of their mixtures."""

    def __init__(self, shown: Tensor) -> None:
        super().__init__(shown)
        self.sites, self.controls = (Site("z", (2,), Normal()),), ()
        self.levels = {"coarse": range(1)}

    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        return latents["styles"] if "styles" in latents else latents["z"][:, None]

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return torch.sigmoid(torch.einsum("bs,schw->bchw", self.styles(latents)[:, 0], self.shown[:2]))


def test_path_length_is_measured_where_there_are_styles(digits: Dataset) -> None:
    measured = measure_generator(
        GeneratorEvaluation(Styled(pixels(digits.inputs, digits.test.inputs)), digits, 1000, 0)
    )
    lengths = {f"path_length_{of}{end}" for of in ("z", "w", "w_over_z") for end in ("", "_end")}
    assert measured.keys() == WITH_JUDGE | WITHOUT | lengths
    assert 0 < measured["path_length_w"] < 3 * measured["path_length_z"]
