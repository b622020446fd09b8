"""A card says what was measured, shows the pictures that lie beside it, and how to do it all again."""

from __future__ import annotations

import re
from pathlib import Path

from training import recipes
from training.card import Measurement, card
from training.figures.pictures import PICTURES

RECIPE = recipes.find("digits-mlp-mc_dropout")
STORE = Path("my/store")


def test_every_figure_is_a_row_of_the_table() -> None:
    text = card(RECIPE, 5, 2.5, Measurement({"test_ece": 0.0123456, "test_error": 0.02}, 50, 3, 1.0), STORE)
    assert "| test_ece | 0.01235 |" in text
    assert "| test_error | 0.02 |" in text
    assert "python -m training fit digits-mlp-mc_dropout --seed 5\n" in text
    assert "python -m training evaluate my/store/digits-mlp-mc_dropout --samples 50 --seed 3\n" in text


def test_every_picture_is_linked_by_its_name_with_its_caption() -> None:
    measured = Measurement({}, 50, 0, 1.0, dict.fromkeys(PICTURES, b""))
    linked = re.findall(r"!\[(.+)\]\((.+)\)", card(RECIPE, 0, 1.0, measured, STORE))
    assert {name: caption for caption, name in linked} == {name: p.caption for name, p in PICTURES.items()}


def test_a_generators_pictures_and_the_remark_on_its_figures() -> None:
    measured = Measurement({}, 50, 0, 1.0, {"samples.png": b""}, remark="Judged by a LeNet.")
    text = card(RECIPE, 0, 1.0, measured, STORE)
    assert "\n\nJudged by a LeNet.\n\n![Made images of one hundred seeds" in text


def test_without_pictures_nothing_is_linked() -> None:
    assert "![" not in card(RECIPE, 0, 1.0, Measurement({}, 50, 0, 1.0), STORE)


def test_data_of_ones_own_are_named_in_both_commands() -> None:
    recipe = recipes.find("digits-mlp-mc_dropout", "mine")
    measured = Measurement({}, 50, 0, 1.0, arguments="mine.csv --target y")
    text = card(recipe, 0, 1.0, measured, STORE)
    assert "fit mlp-mc_dropout --data mine.csv --target y --seed 0\n" in text
    assert "evaluate my/store/mine-mlp-mc_dropout --data mine.csv --target y --samples 50" in text
