"""Shares of the training rows: which they are, what is compared, and what the command leaves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from models.checkpoints.checkpoint import load
from models.noise import Normal, Site, draw_noise
from training import data, recipes
from training.cli import studies
from training.cli.commands import app
from training.data import Dataset
from training.errors import DataError, RecipeError
from training.experiments.learning_curve import (
    COLUMNS,
    CurvePoint,
    columns_for,
    default_ood,
    parse_proportions,
    part_of,
    ratios,
)
from training.run.fit import fit

REGRESSION = COLUMNS["regression"]


def told(proportion: float, **figures: float) -> CurvePoint:
    return CurvePoint(proportion, 1, SimpleNamespace(), SimpleNamespace(metrics=figures), REGRESSION)  # type: ignore[arg-type]


def variances(aleatoric: float, epistemic: float) -> dict[str, float]:
    return {
        "test_aleatoric_variance_target_units_squared": aleatoric,
        "test_epistemic_variance_target_units_squared": epistemic,
    }


def test_ratios_are_those_of_fewer_rows_over_all_rows() -> None:
    shares = [told(0.25, **variances(1.5, 8.0)), told(0.5, **variances(1.25, 3.0)), told(1.0, **variances(1.0, 2.0))]
    assert ratios(shares) == {
        "epistemic_variance_25_percent_over_all": 4.0,
        "aleatoric_variance_25_percent_over_all": 1.5,
        "epistemic_variance_50_percent_over_all": 1.5,
        "aleatoric_variance_50_percent_over_all": 1.25,
    }


def test_nothing_is_divided_by_an_uncertainty_of_zero() -> None:
    shares = [told(0.5, **variances(1.0, 1.0)), told(1.0, **variances(2.0, 0.0))]
    assert ratios(shares) == {"aleatoric_variance_50_percent_over_all": 0.5}


def test_a_lines_cells_stand_under_their_headings() -> None:
    share = told(0.25, test_rmse_target_units=3.0, ood_epistemic_variance_ratio=9.0, **variances(1.0, 2.0))
    assert share.cells() == ["0.25", "1", "3", "1", "2", "9 x"]


@pytest.mark.parametrize("text", ["", "a", "0,1", "0.5", "0.5,1,2", "-0.5,1", "nan,1", "1,nan", "0.5;1"])
def test_shares_are_above_zero_and_end_in_all_rows(text: str) -> None:
    with pytest.raises(DataError, match="is not a list of numbers above 0"):
        parse_proportions(text)
    assert parse_proportions("1, .5, 0.5,0.25") == [0.25, 0.5, 1.0]


def test_the_part_of_all_rows_is_the_data_as_they_are(digits: Dataset) -> None:
    whole, half = part_of(digits, 1.0, 3), part_of(digits, 0.5, 3)
    assert all(map(torch.equal, whole.train, digits.train))
    assert len(half.train.inputs) == round(len(digits.train.inputs) / 2)
    assert (half.inputs, half.outputs, half.test) == (digits.inputs, digits.outputs, digits.test)


def test_what_is_out_of_distribution_if_nobody_says(digits: Dataset) -> None:
    curve = data.load("curve")
    beyond, seen = default_ood(curve).rows, curve.train.inputs
    assert not ((beyond >= seen.min()) & (beyond <= seen.max())).any()
    assert default_ood(digits).name == "uniform noise"
    with pytest.raises(DataError, match="out of distribution for 'diabetes' with --ood"):
        default_ood(data.load("diabetes"))


def test_generators_and_segmentations_have_no_such_shares() -> None:
    for name, task in (("digits-vae", "generator"), ("scenes-segnet-mc_dropout", "segmentation")):
        recipe = recipes.find(name)
        with pytest.raises(RecipeError, match=f"makes a {task}; a learning curve needs a regression or a class"):
            columns_for(recipe, data.load(recipe.data))


def table(path: Path, rows: int, centre: float = 0.0) -> Path:
    """``y = 2 x`` and noise of deviation 1."""
    drawn = draw_noise([Site("x", (rows,), Normal()), Site("noise", (rows,), Normal())], 0, 1)
    x = drawn["x"][0] + centre
    y = 2 * x + drawn["noise"][0]
    path.write_text("x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)))
    return path


def test_the_command_compares_shares_and_saves_the_model_of_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    line, far = table(tmp_path / "line.csv", 240), table(tmp_path / "far.csv", 60, centre=9.0)
    own = ["--data", str(line), "--target", "y", "--epochs", "20"]
    arguments = ["learning-curve", "mlp-bayes_by_backprop", *own, "--proportions", "0.25,1", "--ood", str(far)]
    shown = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "store")])
    assert shown.exit_code == 0, shown.output
    checkpoint = load(tmp_path / "store" / "line-mlp-bayes_by_backprop" / "1")
    figures = checkpoint.manifest.figures
    assert figures["ood_epistemic_variance_ratio"] > 1
    assert {"epistemic_variance_25_percent_over_all", "aleatoric_variance_25_percent_over_all"} <= figures.keys()
    assert "| 0.25 | 38 |" in checkpoint.card
    assert "| 1 | 151 |" in checkpoint.card
    dataset = data.load(str(line), options=data.Options(target="y"))
    recipe = recipes.suited("mlp-bayes_by_backprop", dataset).with_epochs(20)
    alone = fit(recipe, dataset, tmp_path / "alone", 0, resume=False, report=lambda epoch: None)
    same = load(alone.folder).model.state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in checkpoint.model.state_dict().items())


def test_interrupted_shares_say_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "fit_learning_curve", interrupted)
    result = CliRunner().invoke(app, ["learning-curve", "--out", str(tmp_path)])
    assert (result.exit_code, result.stderr.count("\n")) == (130, 1)
    assert "nothing was saved" in result.stderr
