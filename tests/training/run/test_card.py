"""A card says what was measured, shows the pictures that lie beside it, and how to do it all again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.checkpoints.checkpoint import Origin
from training import recipes
from training.evaluation.measurement import Measurement
from training.evaluation.plots.prediction import PLOTS
from training.recipes.kinds.recipe import Recipe
from training.run.card import card, fit_command

RECIPE = recipes.find("digits-mlp-mc_dropout")
STORE = Path("my/store")
ORIGIN = Origin("python -m training fit NAME", "a CPU, 1 thread", "test split, 9 rows", 50)


def test_every_figure_is_a_row_of_the_table() -> None:
    text = card(RECIPE, ORIGIN, 5, 2.5, Measurement({"test_ece": 0.0123456, "test_error": 0.02}, 50, 3, 1.0), STORE)
    assert "| test_ece | 0.01235 |" in text
    assert "| test_error | 0.02 |" in text
    assert "with seed 5 in 2.5 s (a CPU, 1 thread):\n\n    python -m training fit NAME\n" in text
    assert "python -m training evaluate my/store/digits-mlp-mc_dropout --samples 50 --seed 3\n" in text


def test_every_picture_is_linked_by_its_name_with_its_caption() -> None:
    measured = Measurement({}, 50, 0, 1.0, dict.fromkeys(PLOTS, b""))
    linked = re.findall(r"!\[(.+)\]\((.+)\)", card(RECIPE, ORIGIN, 0, 1.0, measured, STORE))
    assert {name: caption for caption, name in linked} == {name: p.caption for name, p in PLOTS.items()}


def test_a_generators_pictures_and_the_remark_on_its_figures() -> None:
    measured = Measurement({}, 50, 0, 1.0, {"samples.png": b""}, remark="Judged by a LeNet.")
    text = card(RECIPE, ORIGIN, 0, 1.0, measured, STORE)
    assert "\n\nJudged by a LeNet.\n\n![Generated images of one hundred consecutive seeds" in text


def test_without_pictures_nothing_is_linked() -> None:
    assert "![" not in card(RECIPE, ORIGIN, 0, 1.0, Measurement({}, 50, 0, 1.0), STORE)


def test_a_store_of_this_machine_is_not_named() -> None:
    text = card(RECIPE, ORIGIN, 0, 1.0, Measurement({}, 50, 0, 1.0), Path("/home/somebody/store"))
    assert "somebody" not in text
    assert "python -m training evaluate digits-mlp-mc_dropout --samples 50" in text


def test_data_of_ones_own_are_named_in_both_commands() -> None:
    recipe = recipes.find("digits-mlp-mc_dropout", "mine")
    measured = Measurement({}, 50, 0, 1.0, arguments="mine.csv --target y")
    command = fit_command(recipe, measured.arguments, 0)
    assert command == "python -m training fit digits-mlp-mc_dropout --data mine.csv --target y --epochs 150 --seed 0"
    text = card(recipe, ORIGIN, 0, 1.0, measured, STORE)
    assert "evaluate my/store/mine-mlp-mc_dropout --data mine.csv --target y --samples 50" in text


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (RECIPE, "fit digits-mlp-mc_dropout --epochs 150 --seed 5"),
        (RECIPE.with_epochs(2), "fit digits-mlp-mc_dropout --epochs 2 --seed 5"),
        (recipes.find("digits-vae", "mnist"), "fit mnist-vae --epochs 80 --seed 5"),
        (
            recipes.find("digits-mlp-mc_dropout", "curve"),
            "fit curve-mlp-mc_dropout --epochs 150 --seed 5",
        ),
        (
            recipes.find("digits-convnet-bayes_by_backprop", "mnist"),
            "fit digits-convnet-bayes_by_backprop --data mnist --epochs 100 --seed 5",
        ),
    ],
)
def test_the_command_names_a_recipe_that_there_is_and_trains_the_same(recipe: Recipe, said: str) -> None:
    command = fit_command(recipe, "", 5)
    assert command == f"python -m training {said}"
    assert command.split()[4] in recipes.RECIPES
