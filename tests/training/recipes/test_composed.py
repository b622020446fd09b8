"""A recipe for any model on any data that it suits, and a line that names what suits where it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.checkpoints.checkpoint import load
from models.posteriors import POSTERIORS
from models.specs import InputSpec, OutputSpec
from training import data, recipes
from training.data import Dataset, Split
from training.errors import RecipeError
from training.recipes.composed import MODELS, can_compose
from training.run.fit import fit

REAL = OutputSpec("regression", ("y",), (0.0,), (1.0,))
CLASSES = OutputSpec("classification", ("no", "yes"))
TABLE = InputSpec("table", (3,), names=("a", "b", "c"))
IMAGES = InputSpec("image", (1, 8, 8), low=0.0, high=1.0)
SERIES = InputSpec("sequence", (6, 2))
SUITING = {
    "table": (TABLE, REAL, (1,), {"mlp"}),
    "classes of a table": (TABLE, CLASSES, (), {"mlp"}),
    "classes of images": (IMAGES, CLASSES, (), {"mlp", "convnet", "recurrent"}),
    "numbers of images": (IMAGES, REAL, (1,), {"mlp", "convnet", "recurrent"}),
    "pixels": (IMAGES, OutputSpec("segmentation", ("sky", "road")), (8, 8), {"segnet"}),
    "sequences": (SERIES, REAL, (1,), {"mlp", "recurrent"}),
    "sequences of different lengths": (SERIES, CLASSES, (), {"recurrent"}),
    "steps": (SERIES, REAL, (6, 1), {"recurrent"}),
    "labels of steps": (SERIES, OutputSpec("multilabel", ("c", "d")), (6, 2), {"recurrent"}),
}


def dataset(kind: str, rows: int = 40) -> Dataset:
    inputs, outputs, shape, _ = SUITING[kind]
    x = torch.rand(rows, *inputs.shape, generator=torch.Generator().manual_seed(0))
    if "different" in kind:
        x[::2, 4:] = torch.nan
    whole = torch.arange(rows).remainder(2).reshape(-1, *(1 for _ in shape)).expand(rows, *shape)
    split = Split(x, whole.clone() if outputs.outcome == "classification" else whole.float())
    return Dataset("own", inputs, outputs, split, split, split, split)


@pytest.mark.parametrize("kind", SUITING)
def test_every_network_that_suits_is_composed_with_every_posterior(kind: str) -> None:
    own, suiting = dataset(kind), SUITING[kind][3]
    for model in MODELS:
        network = model.partition("-")[0]
        if network in suiting:
            spec = recipes.suited(model, own).spec(own)
            assert spec.build().positions == own.positions
        else:
            with pytest.raises(RecipeError, match=f"{network} does not suit 'own', .*: take ") as refused:
                recipes.suited(model, own)
            assert all(name in str(refused.value).partition("take")[2] for name in suiting)
    assert {model.partition("-")[2] for model in MODELS} == set(POSTERIORS)


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_a_composed_recipe_learns_and_says_what_was_chosen(posterior: str, tmp_path: Path) -> None:
    own = dataset("classes of a table")
    own.train.inputs[:, 0] += 4 * own.train.targets
    recipe = recipes.suited(f"mlp-{posterior}", own).with_epochs(40)
    fitted = fit(recipe, own, tmp_path, 0, resume=False, report=lambda epoch: None)
    opened = load(fitted.folder)
    assert opened.manifest.figures["test_accuracy"] > 0.9
    choices = opened.manifest.origin.choices
    assert choices[0].startswith("hyper-parameters, defaults for these data: mlp hidden=")
    assert choices[1].startswith("best of 40 epochs: ")
    assert all(choice[1:] in opened.card for choice in choices)
    assert f"fit mlp-{posterior} --data own --epochs 40 " in opened.card


def test_more_rows_are_given_a_wider_network_and_fewer_epochs() -> None:
    few, many = (recipes.suited("mlp-mc_dropout", dataset("table", rows)) for rows in (40, 20_000))
    assert few.network.config["hidden"] < many.network.config["hidden"]
    assert few.settings.epochs > many.settings.epochs
    assert few.settings.batch < many.settings.batch


def test_a_likelihood_may_end_the_name() -> None:
    recipe = recipes.suited("mlp-swag-homoscedastic_gaussian", dataset("table"))
    assert (recipe.name, recipe.likelihood.name) == ("own-mlp-swag-homoscedastic_gaussian", "homoscedastic_gaussian")
    with pytest.raises(RecipeError, match="is a regression by homoscedastic_gaussian; the data set 'own' is a classif"):
        recipes.suited("mlp-swag-homoscedastic_gaussian", dataset("classes of a table"))
    assert not can_compose("mlp-swag-nope")


def test_data_without_targets_are_for_generators() -> None:
    with pytest.raises(RecipeError, match="'own' has no targets, which mlp-swag needs; a generator"):
        recipes.suited("mlp-swag", replace(dataset("classes of images"), outputs=None))


def test_a_recipe_of_the_datas_own_comes_first_and_stays_as_it_is() -> None:
    digits = data.load("digits")
    for name in ("digits-mlp-mc_dropout", "mlp-mc_dropout"):
        assert recipes.suited(name, digits) is recipes.RECIPES["digits-mlp-mc_dropout"]
    foreign = recipes.suited("digits-mlp-mc_dropout", replace(digits, name="own"))
    assert foreign.settings.keep_best
    assert foreign.settings.patience == 37


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mlp-mcdropout", "mlp-mc_dropout"),
        ("digits-mlp-mc-dropout", "digits-mlp-mc_dropout"),
        ("mlp_swag", "mlp-swag"),
        ("digits-infogam", "digits-infogan"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(RecipeError, match=f"there is no recipe '{name}'; did you mean '{nearest}'"):
        recipes.check_known(name)


def test_a_model_without_data_asks_for_them() -> None:
    with pytest.raises(RecipeError, match=r"mlp-swag is a model without data; name them with --data.*digits-mlp-swag"):
        recipes.expected_data("mlp-swag")
