"""Pictures: which suit what, that they are small PNG files, the same every time, and hold what they should."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import msgspec
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from training import data, recipes
from training.data import Dataset
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.plots.plot import png, sheet
from training.evaluation.plots.prediction import PLOTS, render_plots, rotated_digit
from training.evaluation.predictor import PredictorEvaluation
from training.seeds import initialised

LARGEST = 60_000
CLASSIFIER = {"mutual-information.png", "reliability.png", "risk-coverage.png", "rotated-digit.png"}
WEIGHTS = {"signal-to-noise.png", "weights.png"}
SUITING = {
    "digits-mlp-mc_dropout": CLASSIFIER,
    "digits-convnet-bayes_by_backprop": CLASSIFIER | WEIGHTS,
    "curve-mlp-mc_dropout": {"bands.png", "sparsification.png"},
    "diabetes-mlp-bayes_by_backprop": {"predicted-true.png", "sparsification.png"} | WEIGHTS,
}


def evaluation(name: str, samples: int = 3) -> PredictorEvaluation:
    recipe = recipes.find(name)
    dataset = data.load(recipe.data)
    return PredictorEvaluation(initialised(recipe.spec(dataset), 0), dataset, samples, 0)


@pytest.fixture(scope="module")
def scenes() -> PredictorEvaluation:
    dataset = data.load("scenes")
    segnet = Component("segnet", {"channels": [4, 6], "kernel": 3})
    spec = PredictorSpec(segnet, Component("mc_dropout"), Component("categorical"), dataset.inputs, dataset.outputs)
    return PredictorEvaluation(initialised(spec, 0), replace(dataset, test=dataset.test.rows(slice(7))), 2, 0)


def check(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        image = Image.open(io.BytesIO(content))
        assert image.format == "PNG", name
        assert len(content) < LARGEST, name
        assert min(image.size) > 300, name


@pytest.mark.parametrize("name", SUITING)
def test_task_and_posterior_choose_the_pictures(name: str) -> None:
    files = render_plots(evaluation(name))
    assert files.keys() == SUITING[name]
    check(files)


def test_a_segmentation_shows_its_images(scenes: PredictorEvaluation) -> None:
    files = render_plots(scenes)
    assert files.keys() == {"mutual-information.png", "segmentation.png"}
    check(files)


def test_photographs_stay_small_and_the_labels_colours_exact(scenes: PredictorEvaluation) -> None:
    dataset = in_colour(scenes.dataset)
    segnet = Component("segnet", {"channels": [4], "kernel": 3})
    spec = PredictorSpec(segnet, Component("mc_dropout"), Component("categorical"), dataset.inputs, dataset.outputs)
    content = render_plots(PredictorEvaluation(initialised(spec, 0), dataset, 0, 0))["segmentation.png"]
    assert len(content) < LARGEST
    colours = {colour for _, colour in Image.open(io.BytesIO(content)).convert("RGB").getcolors()}
    assert (0x33, 0x22, 0x88) in colours


def in_colour(dataset: Dataset) -> Dataset:
    """Noise of every colour in place of the images: what compresses worst."""
    shape = (3, 32, 32)
    noise = 255 * torch.rand(len(dataset.test.inputs), *shape, generator=torch.Generator().manual_seed(0))
    specification = msgspec.structs.replace(dataset.inputs, shape=shape)
    return replace(dataset, inputs=specification, test=dataset.test._replace(inputs=noise))


def test_without_draws_there_is_no_information_to_show() -> None:
    files = render_plots(evaluation("digits-mlp-mc_dropout", samples=0))
    assert files.keys() == CLASSIFIER - {"mutual-information.png"}


def test_strange_rows_take_the_place_of_noise() -> None:
    usual = evaluation("digits-mlp-mc_dropout")
    others = replace(usual, ood=OodInputs("blank", torch.zeros(20, 1, 8, 8)))
    name = "mutual-information.png"
    assert render_plots(usual)[name] != render_plots(others)[name]


def test_the_same_subject_gives_the_same_bytes() -> None:
    assert render_plots(evaluation("curve-mlp-mc_dropout")) == render_plots(evaluation("curve-mlp-mc_dropout"))


def test_without_a_digit_one_nothing_is_turned(digits: Dataset) -> None:
    whole = evaluation("digits-mlp-mc_dropout")
    others = digits.test.rows((digits.test.targets != 1).nonzero().squeeze(1))
    assert not rotated_digit.suits(replace(whole, dataset=replace(digits, test=others)))
    assert rotated_digit.suits(whole)


def test_turning_by_nothing_and_by_a_right_angle() -> None:
    image = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0)) + 3
    turned = rotated_digit.rotate(image, torch.tensor([0.0, 90.0]), 3.0)
    assert torch.allclose(turned[0], image, atol=1e-4)
    assert torch.allclose(turned[1], image.rot90(1, (-2, -1)), atol=1e-4)


def test_what_comes_from_outside_is_the_ground() -> None:
    (turned,) = rotated_digit.rotate(torch.full((1, 8, 8), 5.0), torch.tensor([45.0]), 2.0)
    assert float(turned[0, 0, 0]) == pytest.approx(2)
    assert float(turned[0, 4, 4]) == pytest.approx(5)


def test_file_names_are_those_that_a_checkpoint_takes() -> None:
    assert all(re.fullmatch(r"[a-z0-9_-]{1,64}\.png", name) for name in PLOTS)
    assert all(picture.caption.endswith(".") for picture in PLOTS.values())


def test_pyplots_global_state_is_not_touched(scenes: PredictorEvaluation) -> None:
    render_plots(scenes)
    assert not pyplot.get_fignums()


def test_a_sheet_with_too_many_colours_is_still_small() -> None:
    figure = sheet(6, 5)
    noise = torch.rand(400, 400, 3, generator=torch.Generator().manual_seed(0))
    figure.subplots().imshow(noise.numpy())
    assert Image.open(io.BytesIO(png(figure))).mode == "P"
