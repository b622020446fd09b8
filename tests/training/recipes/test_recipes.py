"""Every recipe ends in a checkpoint that the service would take, after two epochs as after many."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace as replace_struct
from PIL import Image

from models.checkpoints.checkpoint import NAME, Manifest, Origin, load
from models.checkpoints.selftest import verify
from models.specs import InputSpec
from training import data, recipes
from training.data import Dataset
from training.data.pixels import pixel_spec
from training.errors import RecipeError
from training.evaluation import generator
from training.evaluation.evaluate import measure
from training.loops import settings as loop_settings
from training.loops.progress import Epoch, Run
from training.recipes.kinds.recipe import Recipe
from training.run import fit as fitting
from training.run.fit import fit, state_file, train

BUNDLED = {
    "digits-mlp-mc_dropout",
    "digits-mlp-mc_dropout-logit_normal",
    "digits-convnet-bayes_by_backprop",
    "curve-mlp-mc_dropout",
    "diabetes-mlp-bayes_by_backprop",
    "digits-vae",
    "digits-vae-2d",
    "digits-infogan",
    "digits-gan",
    "digits-dcgan",
    "digits-wgan",
    "digits-progan",
    "digits-stylegan",
    "digits-mlp-ensemble",
    "digits-recurrent-mc_dropout",
    "digits-recurrent-bayes_by_backprop",
    "oscillation-recurrent-mc_dropout",
    "scenes-segnet-mc_dropout",
}


def _chorales(folder: Path) -> Path:
    """Eight random pieces a split, in the layout of the JSB chorales."""
    random = np.random.default_rng(0)
    parts = {
        f"{split}_{what}": values
        for split in ("train", "valid", "test")
        for what, values in (("notes", random.random((160, 88)) < 0.05), ("lengths", np.full(8, 20)))
    }
    np.savez(folder / "jsb_chorales.npz", **parts)
    return folder / "jsb_chorales.npz"


def _streets(folder: Path) -> Path:
    """Random pictures and masks, in the layout of CamVid."""
    random = np.random.default_rng(0)
    for part, count in (("train", 20), ("val", 4)):
        for name, top, shape in ((part, 256, (24, 32, 3)), (f"{part}annot", 12, (24, 32))):
            (folder / "camvid" / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, top, shape).astype(np.uint8)
                Image.fromarray(pixels).save(folder / "camvid" / name / f"{i}.png")
    return folder / "camvid"


ROWS, PICTURES, CALIBRATED = 150, 6, 20
"""Of a split, at most, where every pixel has a class, and to calibrate by: measuring draws fifty functions for each."""

_MADE = {"jsb_chorales": _chorales, "camvid": _streets}


def _dataset(recipe: Recipe, tiny_mnist: Path) -> Dataset:
    if recipe.data in _MADE:
        folder = tiny_mnist.parent / recipe.data
        folder.mkdir(exist_ok=True)
        made = next(folder.iterdir(), None) or _MADE[recipe.data](folder)
        return data.load(str(made))
    dataset = data.load(recipe.data, tiny_mnist if recipe.data in data.FROM_FILES else None)
    most = PICTURES if dataset.outputs and dataset.outputs.task == "segmentation" else ROWS
    few = {name: getattr(dataset, name).rows(slice(most)) for name in ("train", "validation", "test")}
    few["calibration"] = dataset.calibration.rows(slice(min(most, CALIBRATED)))
    return replace(dataset, **few)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for figures of a generator that has learnt nothing."""
    monkeypatch.setattr(generator, "IMAGES", 100)


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_two_epochs_end_in_a_checkpoint_that_verifies(name: str, tmp_path: Path, tiny_mnist: Path) -> None:
    recipe = recipes.find(name).with_epochs(2)
    dataset = _dataset(recipe, tiny_mnist)
    epochs: list[Epoch] = []
    fitted = fit(recipe, dataset, tmp_path, 7, resume=False, report=epochs.append)
    checkpoint = load(fitted.folder)
    verify(checkpoint)
    assert [(e.number, e.of) for e in epochs] == [(1, 2), (2, 2)]
    assert (checkpoint.manifest.name, checkpoint.manifest.seed, checkpoint.manifest.data) == (name, 7, recipe.data)
    assert fitted.folder == tmp_path / name / "1"
    assert all(math.isfinite(value) for value in checkpoint.manifest.figures.values())
    assert all(
        f"| [{figure}](#{figure}) |" in checkpoint.card
        for figure in measure(checkpoint.model, dataset, recipe.metrics, 2).metrics
    )
    assert [path.suffix for path in (tmp_path / ".training").iterdir()] == [".lock"]


def test_the_bundled_recipes_are_the_promised_ones() -> None:
    assert {name for name, recipe in recipes.RECIPES.items() if recipe.bundled} == BUNDLED


def test_a_model_of_other_data_is_judged_by_the_recipe_that_it_was_fitted_by(digits: Dataset) -> None:
    for source in ("mnist-vae", "digits-vae"):
        recipe = recipes.find(source, "own")
        origin = Origin("", "", "", 0, recipe.source)
        manifest = Manifest(recipe.name, 1, recipe.spec(digits), "own", 0, {}, origin=origin)
        assert recipes.of_manifest(manifest) == recipe
        assert recipes.of_manifest(manifest).source == source
    older = replace_struct(manifest, origin=None)
    assert recipes.of_manifest(older).source == "digits-vae"


def test_names_are_names_of_models_and_lead_back_to_their_recipe() -> None:
    for name, recipe in recipes.RECIPES.items():
        assert NAME.fullmatch(name)
        assert recipes.of_model(name) is recipe
    assert recipes.of_model("mnist-mlp-mc_dropout").name == "mnist-mlp-mc_dropout"


def test_other_data_take_their_own_recipe_where_there_is_one() -> None:
    assert recipes.find("digits-vae", "mnist") is recipes.RECIPES["mnist-vae"]
    twin = recipes.find("digits-mlp-mc_dropout-logit_normal", "mnist")
    assert (twin.name, twin.bundled, twin.settings) == (
        "mnist-mlp-mc_dropout-logit_normal",
        False,
        recipes.find("digits-mlp-mc_dropout-logit_normal").settings,
    )
    assert twin.taken_from == "digits-mlp-mc_dropout-logit_normal"


def test_what_papers_say_is_of_their_data_alone_and_starts_no_run_anew(digits: Dataset, tmp_path: Path) -> None:
    recipe = recipes.find("mnist-vae")
    assert recipe.published
    assert not recipes.find("mnist-vae", "mine").published
    prints = {state_file(r, digits, tmp_path, 0).fingerprint for r in (recipe, replace(recipe, published=()))}
    assert len(prints) == 1


def test_unknown_recipes_and_unfitting_data_are_refused() -> None:
    with pytest.raises(RecipeError, match="there is no recipe 'nope'; there are: "):
        recipes.find("nope")
    with pytest.raises(RecipeError, match="no recipe makes a model named"):
        recipes.of_model("somebody-elses")
    with pytest.raises(RecipeError, match="is a classification by categorical; the data set 'curve' is a regression"):
        recipes.find("digits-mlp-ensemble").spec(data.load("curve"))
    with pytest.raises(RecipeError, match="a generator needs images"):
        recipes.find("digits-vae").spec(data.load("curve"))
    with pytest.raises(RecipeError, match="at least 4 x 4 pixels, not 3 x 9"):
        pixel_spec(InputSpec("image", (1, 3, 9), (0.0,), (1.0,), 0.0, 1.0))


def test_a_state_belongs_to_one_recipe_seed_and_data(digits: Dataset, tmp_path: Path) -> None:
    recipe = recipes.find("digits-vae")
    runs = [
        (recipe, digits, 0),
        (recipe, digits, 1),
        (recipe.with_epochs(3), digits, 0),
        (recipe, data.load("curve"), 0),
    ]
    prints = {state_file(r, d, tmp_path, seed).fingerprint for r, d, seed in runs}
    assert len(prints) == len(runs)
    assert state_file(recipe, digits, tmp_path, 0).fingerprint in prints


@pytest.mark.parametrize("knows", [True, False])
def test_a_card_names_the_precision_and_a_run_is_continued_in_its_own(
    knows: bool, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = digits.test.rows(slice(64))
    digits = replace(digits, train=few, validation=few, calibration=few)
    exact = replace(recipes.find("digits-dcgan"), settings=loop_settings.AdversarialSettings(1, 32, 1e-3, 1e-3))
    rounded = replace(exact, settings=replace(exact.settings, bfloat16=True))
    monkeypatch.setattr(fitting, "_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(loop_settings, "cpu_knows_bfloat16", lambda: knows)
    assert not train(exact, digits, Run(0)).machine.endswith("bfloat16")
    assert train(rounded, digits, Run(0)).machine.endswith(", layers in bfloat16") is knows
    begun = state_file(rounded, digits, tmp_path, 0).fingerprint
    monkeypatch.setattr(loop_settings, "cpu_knows_bfloat16", lambda: not knows)
    assert state_file(rounded, digits, tmp_path, 0).fingerprint != begun
