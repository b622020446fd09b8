"""From a stranger's file to a checkpoint that answers in the file's units, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import load
from service.__main__ import connect
from service.client.command import app as service
from training import data, recipes
from training.cli.commands import app
from training.data import Options
from training.errors import RecipeError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "300"})


@pytest.fixture
def houses(csv_file) -> Path:
    rows = (
        f"{30 + 7 * i % 120},{('north', 'south')[i % 2]},{(30 + 7 * i % 120) * 1000 + i % 2 * 50000}"
        for i in range(200)
    )
    return csv_file("area,district,price", *rows, name="houses.csv")


def test_a_regression_answers_raw_rows_in_the_units_of_the_file(houses: Path, tmp_path: Path) -> None:
    fitted = run(
        "fit", "curve-mlp-mc_dropout", "--data", houses, "--target", "price", "--epochs", 60, "--out", tmp_path
    )
    assert fitted.exit_code == 0, fitted.output
    opened = load(tmp_path / "houses-mlp-mc_dropout" / "1")
    assert opened.manifest.model.inputs.names == ("area", "district=north", "district=south")
    rows = opened.model.inputs.rows(torch.tensor([[80.0, 1.0, 0.0], [80.0, 0.0, 1.0]]))
    north, south = opened.model.predict(rows).mean.flatten().tolist()
    assert north == pytest.approx(80_000, rel=0.2)
    assert south == pytest.approx(130_000, rel=0.2)
    measured = run("evaluate", "houses-mlp-mc_dropout", "--data", houses, "--target", "price", "--out", tmp_path)
    assert f"{opened.manifest.figures['test_rmse_target_units']:.4g}" in measured.output


def test_a_model_without_data_in_its_name_takes_what_suits(houses: Path, tmp_path: Path) -> None:
    district = run("fit", "mlp-mc_dropout", "--data", houses, "--target", "district", "--epochs", 1, "--out", tmp_path)
    assert "test_accuracy" in district.output, district.output
    price = data.load(str(houses), options=Options(target="price"))
    assert recipes.suited("mlp-mc_dropout", price).name == "houses-mlp-mc_dropout"
    with pytest.raises(RecipeError, match="mlp-mc_dropout is a classification"):
        recipes.suited("digits-mlp-mc_dropout", price).spec(price)
    with pytest.raises(RecipeError, match="there is no recipe 'nope'"):
        recipes.suited("nope", price)
    with pytest.raises(RecipeError):
        recipes.suited("vae", price)


def test_a_file_named_as_bundled_data_keeps_apart_from_them(houses: Path, tmp_path: Path) -> None:
    dataset = data.load(str(houses.rename(tmp_path / "digits.csv")), options=Options(target="price"))
    assert dataset.name == "own_digits"
    assert recipes.suited("mlp-mc_dropout", dataset).name == "own_digits-mlp-mc_dropout"


@pytest.mark.parametrize("target", ["next", "state"])
def test_sequences_with_a_target_at_every_step_are_answered_at_every_step(
    target: str, csv_file, tmp_path: Path
) -> None:
    lines = (f"{s},{t},{(s * t) % 7},{(s * t + s) % 7},{'ab'[(s + t) % 2]}" for s in range(40) for t in range(5))
    path = csv_file("piece,t,level,next,state", *lines, name="steps.csv")
    other = "state" if target == "next" else "next"
    own = ("--data", path, "--target", target, "--drop", other, "--id", "piece", "--time", "t")
    own += ("--epochs", 1, "--out", tmp_path)
    fitted = run("fit", "recurrent-mc_dropout", *own)
    assert fitted.exit_code == 0, fitted.output
    model = load(tmp_path / "steps-recurrent-mc_dropout" / "1").model
    assert model.positions == (5,)
    assert [(column.name, column.reason) for column in model.inputs.table.left_out] == [
        (other, "by --drop"),
        ("piece", "tells sequences apart"),
        ("t", "orders steps"),
    ]
    rows = csv_file("piece,t,level", "a,2,1", "b,1,0", "a,1,3", "a,3,5", name="new.csv")
    asked = ["predict", rows, "--id", "piece", "--time", "t", "--model", "steps-recurrent-mc_dropout"]
    asked += ["--store", tmp_path, "--samples", 2, "--out", tmp_path / "answers.jsonl"]
    result = CliRunner().invoke(service, [*map(str, asked)], obj=connect)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    name = "mean_a" if target == "state" else "mean_next"
    assert [(answer["sequence"], len(answer[name])) for answer in answers] == [("a", 3), ("b", 1)]
    refused = run("fit", "mlp-mc_dropout", *own)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "mlp does not suit 'steps', sequences with an answer at every step: take recurrent" in refused.stderr


MISTAKES = {
    "no such column": (("fit", "curve-mlp-mc_dropout", "--target", "cost"), "it has: area, district, price"),
    "no target": (("fit", "curve-mlp-mc_dropout"), "say what to predict with --target; there are: area, district"),
    "a size of a table": (
        ("fit", "mlp-mc_dropout", "--target", "price", "--size", "3x4"),
        "--size does not apply to it",
    ),
    "a size that is none": (("fit", "mlp-mc_dropout", "--size", "big"), "--size big is not a height and a width"),
    "text for a regression": (
        ("fit", "mlp-mc_dropout", "--target", "district", "--task", "regression"),
        "column 'district', 200 cells are not a number: 'north' in row 1 (line 2), 'south' in row 2 (line 3)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_line(mistake: str, houses: Path, tmp_path: Path) -> None:
    arguments, said = MISTAKES[mistake]
    result = run(*arguments, "--data", houses, "--out", tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_evaluating_without_the_file_asks_for_it(houses: Path, tmp_path: Path) -> None:
    run("fit", "mlp-mc_dropout", "--data", houses, "--target", "price", "--epochs", 1, "--out", tmp_path)
    result = run("evaluate", "houses-mlp-mc_dropout", "--out", tmp_path)
    assert result.stderr == "error: 'houses' are data of your own: name them with --data and the options of the fit\n"
