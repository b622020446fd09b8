"""A card says what was measured, shows the pictures that lie beside it, and how to do it all again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.catalogue import Component
from models.checkpoints.checkpoint import Origin, PredictorSpec
from models.specs import InputSpec, OutputSpec
from training import recipes
from training.evaluation.breakdown import ClassBreakdown
from training.evaluation.measurement import Measurement
from training.evaluation.plots.prediction import PLOTS
from training.recipes.kinds.recipe import Recipe
from training.run.card import card, fit_command

RECIPE = recipes.find("digits-mlp-mc_dropout")
STORE = Path("my/store")
SPEC = PredictorSpec(
    Component("mlp"),
    Component("mc_dropout"),
    Component("heteroscedastic_gaussian"),
    InputSpec("table", (2,), names=("size", "rooms")),
    OutputSpec("regression", ("price",)),
)
ORIGIN = Origin("python -m training fit NAME", "a CPU, 1 thread", "test split, 9 rows", 50)


def test_every_figure_is_a_row_of_the_table() -> None:
    measured = Measurement({"test_ece": 0.0123456, "no_such": 0.02}, 50, 3, 1.0, evidence={"test_ece": "9 rows"})
    text = card(RECIPE, SPEC, ORIGIN, 5, 2.5, measured, STORE)
    assert "| [test_ece](#test_ece) | 0.01235 | 9 rows |" in text
    assert "| no_such | 0.02 |  |" in text
    assert "with seed 5 in 2.5 s (a CPU, 1 thread):\n\n    python -m training fit NAME\n" in text
    assert "python -m training evaluate my/store/digits-mlp-mc_dropout --samples 50 --seed 3\n" in text


def test_every_picture_is_linked_by_its_name_with_its_caption() -> None:
    measured = Measurement({}, 50, 0, 1.0, dict.fromkeys(PLOTS, b""))
    linked = re.findall(r"!\[(.+)\]\((.+)\)", card(RECIPE, SPEC, ORIGIN, 0, 1.0, measured, STORE))
    assert {name: caption for caption, name in linked} == {name: p.caption for name, p in PLOTS.items()}


def test_a_generators_pictures_and_the_remark_on_its_figures() -> None:
    measured = Measurement({}, 50, 0, 1.0, {"samples.png": b""}, remark="Judged by a LeNet.")
    text = card(RECIPE, SPEC, ORIGIN, 0, 1.0, measured, STORE)
    assert "\n\nJudged by a LeNet.\n\n![Generated images of one hundred consecutive seeds" in text


def test_without_pictures_nothing_is_linked() -> None:
    assert "![" not in card(RECIPE, SPEC, ORIGIN, 0, 1.0, Measurement({}, 50, 0, 1.0), STORE)


def test_a_store_of_this_machine_is_not_named() -> None:
    text = card(RECIPE, SPEC, ORIGIN, 0, 1.0, Measurement({}, 50, 0, 1.0), Path("/home/somebody/store"))
    assert "somebody" not in text
    assert "python -m training evaluate digits-mlp-mc_dropout --samples 50" in text


def test_data_of_ones_own_are_named_in_both_commands() -> None:
    recipe = recipes.find("digits-mlp-mc_dropout", "mine")
    measured = Measurement({}, 50, 0, 1.0, arguments="mine.csv --target y")
    command = fit_command(recipe, measured.arguments, 0)
    assert command == "python -m training fit digits-mlp-mc_dropout --data mine.csv --target y --epochs 150 --seed 0"
    text = card(recipe, SPEC, ORIGIN, 0, 1.0, measured, STORE)
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


def test_every_figure_links_to_its_meaning_further_down() -> None:
    text = card(RECIPE, SPEC, ORIGIN, 0, 1.0, Measurement({"test_ece": 0.01, "c1_slant_spearman": 0.5}, 50, 0), STORE)
    links = re.findall(r"\]\(#(\w+)\)", text)
    assert links == ["test_ece", "c1_slant_spearman"]
    assert [f'<a id="{name}"></a>**{name}**: ' in text for name in links] == [True, True]


def test_a_recipe_for_other_data_does_not_describe_the_model() -> None:
    recipe = recipes.find("curve-mlp-mc_dropout", "houses")
    text = card(recipe, SPEC, ORIGIN, 0, 1.0, Measurement({}, 50, 0), STORE)
    assert "figure 5" not in text
    assert "Regression of price from 2 columns (size, rooms): network mlp, posterior mc_dropout" in text


def test_a_caution_stands_before_the_figures() -> None:
    measured = Measurement({"noise_auroc": 0.3}, 50, 0, cautions=["Surer of noise."])
    text = card(RECIPE, SPEC, ORIGIN, 0, 1.0, measured, STORE)
    assert text.index("> **Caution.** Surer of noise.") < text.index("| figure |")


def test_classes_have_a_line_each() -> None:
    lines = [ClassBreakdown("a|b", 30, 3, 1.0, 0.75, 0.9, None), ClassBreakdown("c", 10, 0, None, None, None, None)]
    text = card(RECIPE, SPEC, ORIGIN, 0, 1.0, Measurement({}, 50, 0, breakdown=lines), STORE)
    assert r"| a\|b | 30 | 75.0% | 3 | 1 | 0.75 | 0.9 |  |" in text
    assert "| c | 10 | 25.0% | 0 |  |  |  |  |" in text
