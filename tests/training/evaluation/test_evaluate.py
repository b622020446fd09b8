"""Measuring a checkpoint: its own data, data of another kind, and the ranges of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from models.checkpoints.checkpoint import GeneratorSpec, PredictorSpec, load
from models.errors import InputValueError
from models.specs import InputSpec
from training import data, recipes
from training.cli.commands import app
from training.data import Dataset, Options, pictures
from training.data.file_rows import FileRows
from training.errors import DataError
from training.evaluation.evaluate import measure
from training.evaluation.ood_inputs import load_ood, rescale
from training.seeds import initialised

BYTES = InputSpec("image", (1, 8, 8), low=0.0, high=255.0)
SIXTEEN = InputSpec("image", (1, 8, 8), low=0.0, high=16.0)
SIGNED = InputSpec("image", (1, 8, 8), low=-1.0, high=1.0)
FREE = InputSpec("image", (1, 8, 8))


def spec(name: str) -> PredictorSpec | GeneratorSpec:
    recipe = recipes.find(name)
    return recipe.spec(data.load(recipe.data))


@pytest.fixture
def noise_npz(tmp_path: Path) -> Path:
    """Forty images of 8 x 8 bytes, of two classes."""
    random = np.random.default_rng(0)
    path = tmp_path / "noise.npz"
    np.savez(path, x=random.integers(0, 256, (40, 8, 8), np.uint8), y=np.arange(40) % 2)
    return path


def test_ranges_are_mapped_end_to_end() -> None:
    rows = torch.tensor([0.0, 51.0, 255.0])
    assert rescale(rows, BYTES, SIXTEEN).tolist() == pytest.approx([0, 3.2, 16])
    assert rescale(rows, BYTES, SIGNED).tolist() == pytest.approx([-1, -0.6, 1])
    assert torch.allclose(rescale(rescale(rows, BYTES, SIGNED), SIGNED, BYTES), rows)


def test_rows_without_a_range_are_left_as_they_are() -> None:
    rows = torch.tensor([0.0, 300.0])
    assert rescale(rows, FREE, SIXTEEN) is rows
    assert rescale(rows, SIXTEEN, FREE) is rows


def test_strange_rows_come_from_the_test_split_in_the_models_range(noise_npz: Path) -> None:
    strange = load_ood(str(noise_npz), spec("digits-mlp-mc_dropout"), Options())
    own = data.load(str(noise_npz))
    assert strange.name == "noise"
    assert torch.allclose(strange.rows, own.test.rows(slice(None)).inputs * 16 / 255)
    assert 14 < float(strange.rows.max()) <= 16


def test_strange_pictures_are_read_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greys = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    for i, grey in enumerate(greys):
        (tmp_path / "strange" / str(i % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(grey).save(tmp_path / "strange" / str(i % 2) / f"{i}.png")
    monkeypatch.setattr(pictures, "BYTES_IN_MEMORY", 100)
    needed = load_ood(str(tmp_path / "strange"), spec("digits-mlp-mc_dropout"), Options()).rows
    own = data.load(str(tmp_path / "strange"))
    assert isinstance(needed, FileRows)
    torch.testing.assert_close(needed[:7].read(), own.test.rows(slice(7)).inputs * 16 / 255)


def test_strange_data_must_fit_the_model(tmp_path: Path) -> None:
    digits, diabetes = spec("digits-mlp-mc_dropout"), spec("diabetes-mlp-bayes_by_backprop")
    with pytest.raises(DataError, match=r"rows of 'curve' have the shape \(1,\); the model takes \(1, 8, 8\)"):
        load_ood("curve", digits, Options())
    with pytest.raises(DataError, match="a generator says nothing"):
        load_ood("digits", spec("digits-vae"), Options())
    np.savez(tmp_path / "others.npz", x=np.random.default_rng(0).normal(size=(40, 10)), y=np.arange(40.0))
    with pytest.raises(DataError, match="the columns of 'others' are not those that the model takes"):
        load_ood(str(tmp_path / "others.npz"), diabetes, Options())
    np.savez(tmp_path / "wide.npz", x=np.random.default_rng(0).normal(0, 99, (40, 1, 8, 8)), y=np.arange(40) % 2)
    with pytest.raises(InputValueError, match="values are not allowed"):
        load_ood(str(tmp_path / "wide.npz"), digits, Options())


def test_figures_do_not_depend_on_whether_pictures_are_drawn(digits: Dataset) -> None:
    recipe = recipes.find("digits-mlp-mc_dropout")
    model = initialised(recipe.spec(digits), 0)
    plain, drawn = (measure(model, digits, recipe.metrics, 3, plots=plots) for plots in (False, True))
    assert plain.metrics == drawn.metrics
    assert not plain.plots
    assert "reliability.png" in drawn.plots


def test_a_generator_has_the_figures_of_all_and_those_of_its_family(digits: Dataset) -> None:
    recipe = recipes.find("digits-vae")
    model = initialised(recipe.spec(digits), 0)
    measured = measure(model, digits, recipe.metrics, 300, plots=True)
    assert {"frechet_lenet_ratio", "recall", "test_kl_nats"} <= measured.metrics.keys()
    assert measured.plots.keys() == {"samples.png", "traversals.png", "interpolations.png"}
    assert measured.samples == 300
    assert "LeNet" in measured.remark
    plain = measure(model, digits, recipe.metrics, 300)
    assert (plain.metrics, plain.plots) == (measured.metrics, {})


def test_a_generator_makes_ten_thousand_images_if_nobody_says(digits: Dataset) -> None:
    recipe = recipes.find("digits-vae")
    assert measure(initialised(recipe.spec(digits), 0), digits, recipe.metrics).samples == 10_000


def test_one_image_is_nothing_to_judge_a_generator_by(digits: Dataset) -> None:
    recipe = recipes.find("digits-vae")
    with pytest.raises(DataError, match="judged by at least 2 images, not 1"):
        measure(initialised(recipe.spec(digits), 0), digits, recipe.metrics, 1)


def test_the_command_judges_a_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    invoke = CliRunner().invoke
    assert invoke(app, ["fit", "digits-infogan", "--epochs", "1", "--out", str(tmp_path)]).exit_code == 0
    evaluate = ["evaluate", "digits-infogan", "--out", str(tmp_path), "--samples"]
    shown = invoke(app, [*evaluate, "50"])
    assert shown.exit_code == 0, shown.output
    figures = ("frechet_lenet_floor", "precision", "classes_present", "parzen_log_likelihood_nats", "samples_named")
    assert all(figure in shown.output for figure in figures)
    assert "on digits, 50 samples" in shown.output
    assert "LeNet that this project fitted" in shown.output
    refused = invoke(app, [*evaluate, "1"])
    assert (refused.exit_code, refused.stderr) == (2, "error: a generator is judged by at least 2 images, not 1\n")


def test_the_command_ranks_strange_rows(tmp_path: Path, noise_npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    invoke = CliRunner().invoke
    fit = ["fit", "digits-mlp-mc_dropout", "--epochs", "1", "--out", str(tmp_path)]
    assert invoke(app, fit).exit_code == 0
    evaluate = ["evaluate", "digits-mlp-mc_dropout", "--samples", "5", "--out", str(tmp_path), "--ood"]
    shown = invoke(app, [*evaluate, str(noise_npz)])
    assert shown.exit_code == 0, shown.output
    assert all(f"ood_auroc_{score}" in shown.output for score in ("entropy", "information", "probability"))
    refused = invoke(app, [*evaluate, "curve"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "the model takes (1, 8, 8)" in refused.stderr


def test_the_pictures_go_where_they_are_wanted_and_show_the_strange_rows(
    tmp_path: Path, noise_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    invoke = CliRunner().invoke
    fit = ["fit", "digits-mlp-mc_dropout", "--epochs", "1", "--out", str(tmp_path)]
    assert invoke(app, fit).exit_code == 0
    evaluate = ["evaluate", "digits-mlp-mc_dropout", "--out", str(tmp_path), "--plots"]
    plain, strange = tmp_path / "of" / "noise", tmp_path / "of" / "others"
    shown = invoke(app, [*evaluate, str(plain)])
    assert shown.output.splitlines()[-1] == (
        f"written to {plain}: mutual-information.png, reliability.png, risk-coverage.png, rotated-digit.png"
    )
    saved = load(tmp_path / "digits-mlp-mc_dropout" / "1").pictures
    assert {path.name: path.read_bytes() for path in plain.iterdir()} == saved
    assert invoke(app, [*evaluate, str(strange), "--ood", str(noise_npz)]).exit_code == 0
    changed = [name for name, content in saved.items() if (strange / name).read_bytes() != content]
    assert changed == ["mutual-information.png"]
    refused = invoke(app, [*evaluate, "/dev/null"])
    assert (refused.exit_code, refused.stderr) == (2, "error: /dev/null: File exists\n")


def test_of_a_generator_samples_are_drawn(tmp_path: Path) -> None:
    invoke = CliRunner().invoke
    assert invoke(app, ["fit", "digits-vae", "--epochs", "1", "--out", str(tmp_path)]).exit_code == 0
    shown = invoke(app, ["evaluate", "digits-vae", "--out", str(tmp_path), "--plots", str(tmp_path / "p")])
    assert "samples.png" in shown.output
