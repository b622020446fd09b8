"""Pictures of generators: which suit what, that they are small files, the same every time, and show what they say."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
import torch
from fake_generators import Copier, Mixer, Painter
from PIL import Image
from rounding import ROUNDING
from torch import Tensor

from models.generation.generator import Generator
from training import recipes
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.plots.generation import (
    PLOTS,
    interpolations,
    manifold,
    mixing,
    render_plots,
    stages,
    traversals,
)
from training.evaluation.plots.image_grid import in_rows
from training.evaluation.plots.prediction import PLOTS as OF_PREDICTORS
from training.seeds import initialised

LARGEST = 250_000
USUAL = {"samples.png", "traversals.png", "interpolations.png"}


@pytest.fixture
def of(digits: Dataset) -> Callable[..., GeneratorEvaluation]:
    return lambda generator, seed=0: GeneratorEvaluation(generator, digits, 2, seed)


def shade(images: Tensor) -> Tensor:
    """What went into the sigmoid."""
    return images.mean((-3, -2, -1)).logit()


SUITING = {
    "vector": (Painter("z"), USUAL),
    "codes": (Painter("kind", "c"), USUAL),
    "kinds": (Painter("kind"), USUAL - {"interpolations.png"}),
    "plane": (Painter("z", size=2), USUAL | {"manifold.png"}),
    "plane and more": (Painter("z", "c", size=2), USUAL),
    "grown": (Painter("z", "resolution"), USUAL | {"stages.png"}),
    "truncated": (Painter("z", "truncation_psi"), USUAL | {"truncation.png"}),
    "styled": (Mixer(), USUAL | {"mixing.png"}),
}


@pytest.mark.parametrize("name", SUITING)
def test_what_a_generator_can_do_chooses_its_pictures(name: str, of: Callable[..., GeneratorEvaluation]) -> None:
    generator, expected = SUITING[name]
    assert {file for file, picture in PLOTS.items() if picture.suits(of(generator))} == expected


@pytest.mark.parametrize("generator", ["digits-vae", "digits-infogan", *SUITING])
def test_files_are_small_and_the_same_every_time(
    generator: str, of: Callable[..., GeneratorEvaluation], digits: Dataset
) -> None:
    model = SUITING[generator][0] if generator in SUITING else initialised(recipes.find(generator).spec(digits), 0)
    assert isinstance(model, Generator)
    files = render_plots(of(model.eval()))
    assert files == render_plots(of(model))
    for name, content in files.items():
        image = Image.open(io.BytesIO(content))
        assert image.format == "PNG", name
        assert len(content) < LARGEST, name
        assert min(image.size) > 150, name


def test_names_are_those_that_a_checkpoint_takes_and_nobody_elses() -> None:
    assert all(re.fullmatch(r"[a-z0-9_-]{1,64}\.png", name) for name in PLOTS)
    assert all(picture.caption.endswith(".") for picture in PLOTS.values())
    assert not PLOTS.keys() & OF_PREDICTORS.keys()


def test_two_codes_are_swept_and_the_rest_is_held(of: Callable[..., GeneratorEvaluation]) -> None:
    evaluation = of(Painter("z", "kind", "c"))
    down, across = evaluation.generator.controls[1:]
    panel = traversals.two_codes(evaluation, down, across)
    z = evaluation.generator.latents([0])["z"][0, 0]
    expected = torch.arange(4.0)[:, None] + torch.linspace(-1, 1, 10) + z
    assert torch.allclose(shade(panel.grid), expected, atol=1e-4)
    assert panel.rows == ["0", "1", "2", "3"]
    assert (panel.columns[0], panel.columns[-1]) == ("-1", "1")


def test_one_code_is_swept_for_another_seed_in_every_row(of: Callable[..., GeneratorEvaluation]) -> None:
    evaluation = of(Painter("z", "c"), seed=7)
    panel = traversals.one_code(evaluation, evaluation.generator.controls[1])
    z = evaluation.generator.latents(range(7, 17))["z"][:, :1]
    assert torch.allclose(shade(panel.grid), z + torch.linspace(-1, 1, 10), atol=1e-4)


def test_numbers_of_a_vector_are_swept_within_its_limits(of: Callable[..., GeneratorEvaluation]) -> None:
    evaluation = of(Painter("z"))
    panel = traversals.units(evaluation, evaluation.generator.controls[0])
    swept, *others = shade(panel.grid)
    assert torch.allclose(swept, torch.linspace(-2.5, 2.5, 10).clamp(-2, 2), atol=1e-4)
    assert all(torch.allclose(row, evaluation.generator.latents([0])["z"][0, 0], atol=1e-4) for row in others)


def test_a_way_begins_and_ends_at_its_seeds_and_holds_what_has_no_between(
    of: Callable[..., GeneratorEvaluation],
) -> None:
    evaluation = of(Painter("z", "kind"))
    ways = shade(interpolations.interpolate_images(evaluation))
    starts, ends = (evaluation.generator.latents(seeds) for seeds in (range(8), range(8, 16)))
    assert torch.allclose(ways[:, 0], starts["z"][:, 0] + starts["kind"], atol=1e-4)
    assert torch.allclose(ways[:, -1], ends["z"][:, 0] + starts["kind"], atol=1e-4)


def test_the_plane_has_equal_probabilities_with_the_first_number_to_the_right() -> None:
    probabilities = torch.special.ndtr(manifold.plane()).reshape(20, 20, 2)
    middles = (torch.arange(20) + 0.5) / 20
    assert torch.allclose(probabilities[..., 0], middles.expand(20, 20), atol=1e-5)
    assert torch.allclose(probabilities[..., 1], middles.flip(0)[:, None].expand(20, 20), atol=1e-5)


def test_stages_are_the_same_codes_enlarged(of: Callable[..., GeneratorEvaluation]) -> None:
    evaluation = of(Painter("z", "resolution"))
    grown = stages.stages(evaluation, evaluation.generator.controls[1])
    assert grown.shape == (2, 10, 1, 4, 4)
    assert torch.allclose(shade(grown)[0], evaluation.generator.latents(range(10))["z"][:, 0], atol=1e-4)
    torch.testing.assert_close(grown[0], grown[1], **ROUNDING)


def test_the_mixing_table_takes_each_level_from_its_column(of: Callable[..., GeneratorEvaluation]) -> None:
    evaluation = of(Mixer())
    table = mixing.mixed_images(evaluation)
    assert table.shape == (1 + 3 * 3, 1 + 6, 3, 4, 4)
    colours = table[..., 0, 0]
    rows, columns = (torch.sigmoid(evaluation.generator.latents(seeds)["z"]) for seeds in (range(3), range(3, 9)))
    assert torch.allclose(colours[0, 1:], columns)
    assert torch.allclose(colours[1:, 0], rows.repeat(3, 1))
    for level in range(3):
        cells = colours[1 + 3 * level : 4 + 3 * level, 1:]
        assert torch.allclose(cells[..., level], columns[:, level].expand(3, 6))
        others = [layer for layer in range(3) if layer != level]
        assert torch.allclose(cells[..., others], rows[:, None, others].expand(3, 6, 2))


def test_a_last_row_is_filled_up_with_white() -> None:
    rows = in_rows(torch.zeros(5, 1, 2, 2), 3)
    assert rows.shape == (2, 3, 1, 2, 2)
    assert rows[1, 2].min() == 1
    assert rows.sum() == 4


def test_real_images_are_beside_the_made_ones(of: Callable[..., GeneratorEvaluation], digits: Dataset) -> None:
    shown = pixels(digits.inputs, digits.train.inputs[:1])
    figure = PLOTS["samples.png"].draw(of(Copier(shown)))
    left, right = (axes.images[0].get_array() for axes in figure.axes)
    assert left is not None
    assert right is not None
    assert (left[:8, :8, 0] == shown[0, 0].numpy()).all()
    assert left.shape == right.shape
    assert (left != right).any()
