"""Random flips, crops and colours of pictures: their laws, and masks that go along."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.specs import InputSpec
from training import data, recipes
from training.data import Split
from training.errors import RecipeError
from training.loops.progress import Run
from training.losses.picture_augmentation import PictureAugmentation
from training.losses.step_context import StepContext
from training.recipes.kinds.assignments import assign
from training.seeds import initialised

PICTURES = InputSpec("image", (3, 5, 7), low=0.0, high=255.0)
PIXELS = torch.arange(35.0).reshape(1, 5, 7)
ROWS = torch.stack([PIXELS, PIXELS + 40, PIXELS + 80], 1).expand(300, 3, 5, 7)
MASKS = PIXELS.long().expand(300, 5, 7)
CONTEXT = StepContext(7, 3, 0.0)


def changed(seed: int = 7, **options: object) -> Split:
    augmentation = PictureAugmentation(PICTURES, **options)  # type: ignore[arg-type]
    return augmentation(Split(ROWS, MASKS), replace(CONTEXT, seed=seed))


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", [-1]), ("vertical", [-2]), ("both", [-1, -2])])
def test_half_of_the_pictures_are_mirrored_each_with_its_mask(flip: str, axes: list[int]) -> None:
    images, masks = changed(flip=flip)
    assert (images[:, 0] == masks).all()
    for axis in (-1, -2):
        corners = masks[:, 0, 0], masks.flip(axis)[:, 0, 0]
        mirrored = (corners[0] > corners[1]).float().mean()
        assert float(mirrored) == pytest.approx(0.5 if axis in axes else 0.0, abs=0.12)
    assert {tuple(mask.flatten().sort().values.tolist()) for mask in masks} == {tuple(range(35))}


def test_crops_shift_pictures_and_continue_them_by_their_mirror_image() -> None:
    images, masks = changed(crop=2)
    assert (images[:, 0] == masks).all()
    continued = torch.nn.functional.pad(PIXELS[None], (2, 2, 2, 2), mode="reflect")[0, 0]
    allowed = {tuple(continued[y : y + 5, x : x + 7].flatten().tolist()): (y, x) for y in range(5) for x in range(5)}
    seen = [allowed[tuple(mask.flatten().float().tolist())] for mask in masks]
    assert set(seen) == set(allowed.values())


def test_colours_change_within_their_range_and_masks_do_not() -> None:
    images, masks = changed(colour_jitter=0.5)
    assert (masks == MASKS).all()
    assert images.min() >= 0
    assert images.max() <= 255
    assert len(images.unique(dim=0)) == 300
    plain = PictureAugmentation(PICTURES, colour_jitter=0.5)(Split(torch.full_like(ROWS, 100.0), MASKS), CONTEXT)
    brightness = plain.inputs[:, 0, 0, 0] / 100  # of one grey, neither contrast nor saturation changes anything
    assert 0.5 <= float(brightness.min()) < 0.52
    assert 1.48 < float(brightness.max()) <= 1.5


def test_a_seed_makes_the_same_changes_and_each_step_others() -> None:
    options = {"flip": "both", "crop": 1, "colour_jitter": 0.2}
    assert torch.equal(changed(**options).inputs, changed(**options).inputs)
    assert not torch.equal(changed(**options).inputs, changed(seed=8, **options).inputs)


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        (InputSpec("table", (3,)), {"flip": "both"}, "change pictures, not a table"),
        (PICTURES, {"crop": 5}, "crop=5 is too much: pictures are 5 x 7 pixels"),
        (InputSpec("image", (1, 5, 7)), {"colour_jitter": 0.1}, "needs pictures with a smallest and a largest value"),
    ],
)
def test_what_cannot_be_changed_is_refused(inputs: InputSpec, options: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        PictureAugmentation(inputs, **options)  # type: ignore[arg-type]


def test_recipes_set_them_and_without_them_the_weights_are_what_they_were() -> None:
    digits = data.load("digits")
    plain = recipes.find("digits-mlp-mc_dropout").with_epochs(1)
    flipped = assign(plain, ["flip=horizontal", "crop=1", "colour_jitter=0.1"])
    assert flipped.options == " --set flip=horizontal --set crop=1 --set colour_jitter=0.1"
    weights = []
    for recipe in (plain, assign(plain, ["flip=none", "crop=0"]), flipped):
        model = initialised(recipe.spec(digits), 0)
        recipe.train(model, digits, Run(0))
        weights.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    for text in ("flip=sideways", "crop=-1", "colour_jitter=1"):
        with pytest.raises(RecipeError, match="is not allowed"):
            assign(plain, [text])
