"""The benchmark from a folder to a checkpoint, and what may not influence it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import load
from models.checkpoints.selftest import verify
from models.prediction.predictor import Predictor
from training.cli.commands import app
from training.experiments import benchmark
from training.experiments.benchmark import BenchmarkOutcome, averages
from training.experiments.model_selection import Selection
from training.loops.progress import Epoch

ROWS = 60


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "SAMPLES", 60)
    monkeypatch.setattr(benchmark, "SELECTION_SAMPLES", 20)
    monkeypatch.setenv("COLUMNS", "300")


def write(folder: Path, splits: int, spoilt: range = range(0)) -> Path:
    """A noisy plane; the targets of some rows may be spoilt."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 2))
    y = 10 + 5 * x.sum(1) + random.normal(size=ROWS)
    y[list(spoilt)] = 1000
    folder.mkdir()
    lines = [f"{a},{b},{c}" for (a, b), c in zip(x, y, strict=True)]
    (folder / "data.csv").write_text("\n".join(["x0,x1,y", *lines]))
    tests = [range(6 * i, 6 * i + 6) for i in range(splits)]
    pairs = [{"train": [i for i in range(ROWS) if i not in test], "test": list(test)} for test in tests]
    (folder / "splits.json").write_text(json.dumps(pairs))
    return folder


def benchmarked(folder: Path, store: Path, epochs: int = 2) -> BenchmarkOutcome:
    return benchmark.benchmark(folder, store, 0, epochs, lambda name: nullcontext(lambda epoch: None))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_leaves_a_model_that_answers_as_its_card_says(tmp_path: Path) -> None:
    folder, store = write(tmp_path / "Plane", 3), tmp_path / "store"
    done = run("benchmark", folder, "--epochs", 60, "--seed", 1, "--out", store)
    assert done.exit_code == 0, done.output
    checkpoint = load(store / "plane-mlp-mc_dropout" / "1")
    verify(checkpoint)
    figures = checkpoint.manifest.figures
    assert (figures["uci_splits"], figures["uci_samples"]) == (3, 60)
    for name, unit in (("uci_rmse", "target_units"), ("uci_log_likelihood", "nats")):
        shown = f"{figures[f'{name}_{unit}']:.3f} ± {figures[f'{name}_standard_error']:.3f}"
        assert shown in done.output
    assert f"python -m training benchmark {folder.name} --epochs 60 --seed 1\n" in checkpoint.card
    assert "| [uci_splits](#uci_splits) | 3 |" in checkpoint.card
    again = run("evaluate", "plane-mlp-mc_dropout", "--data", folder, "--split", 0, "--out", store)
    assert f"{figures['test_rmse_target_units']:.4g}" in again.output


def test_the_noise_of_the_model_is_the_chosen_one_in_the_targets_units(tmp_path: Path) -> None:
    found = benchmarked(write(tmp_path / "plane", 2), tmp_path / "store", epochs=40)
    model = load(found.folder).model
    assert isinstance(model, Predictor)
    noise = model.predict(model.inputs.example(3)).aleatoric_variance
    assert noise.sqrt().flatten().tolist() == pytest.approx([found.results[0].selection.deviation] * 3, rel=1e-5)


def test_it_learns(tmp_path: Path) -> None:
    found = benchmarked(write(tmp_path / "plane", 2), tmp_path / "store", epochs=400)
    assert found.metrics["uci_rmse_target_units"] < 3


def test_test_rows_decide_nothing(tmp_path: Path) -> None:
    clean = benchmarked(write(tmp_path / "clean", 1), tmp_path / "store")
    spoilt = benchmarked(write(tmp_path / "spoilt", 1, range(6)), tmp_path / "store")
    assert clean.results[0].selection == spoilt.results[0].selection
    weights = [load(found.folder).model.state_dict() for found in (clean, spoilt)]
    assert all(bool((tensor == weights[1][name]).all()) for name, tensor in weights[0].items())
    assert spoilt.results[0].rmse > 10 * clean.results[0].rmse
    assert "uci_rmse_standard_error" not in clean.metrics


def test_the_papers_epochs_unless_they_take_too_many_steps() -> None:
    assert [benchmark.default_epochs(rows) for rows in (277, 10_741, 16_000)] == [4000, 4000, 4000]
    assert benchmark.default_epochs(41_157) == 500_000 // 322
    assert benchmark.default_epochs(10**9) == 1


def test_means_and_standard_errors() -> None:
    results = [benchmark.Result(Selection(0.1, 1.0, 0.0), rmse, -rmse) for rmse in (1.0, 2.0, 3.0, 6.0)]
    figures = averages(results)
    assert figures["uci_rmse_target_units"] == 3
    assert figures["uci_log_likelihood_nats"] == -3
    expected = np.std([1, 2, 3, 6], ddof=1) / 2
    assert figures["uci_rmse_standard_error"] == pytest.approx(expected)
    assert figures["uci_log_likelihood_standard_error"] == pytest.approx(expected)


MISTAKES = {
    "no folder": ("{tmp}/nowhere", None, "/nowhere has no file data.csv"),
    "no splits": ("{tmp}", None, "splits.json has no split"),
    "a classification": ("{tmp}", "kind", "is a regression"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_line(mistake: str, tmp_path: Path) -> None:
    place, cell, said = MISTAKES[mistake]
    folder = write(tmp_path / "plane", 1 if cell else 0)
    if cell:
        text = (folder / "data.csv").read_text().splitlines()
        rows = [f"{line.rpartition(',')[0]},{cell}{i % 2}" for i, line in enumerate(text[1:])]
        (folder / "data.csv").write_text("\n".join([text[0], *rows]))
    result = run("benchmark", place.replace("{tmp}", str(folder)), "--out", tmp_path / "store")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_an_interrupted_run_says_that_nothing_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_console: object, _name: str, _epoch: Epoch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.cli.console._print_epoch", interrupt)
    result = run("benchmark", write(tmp_path / "plane", 1), "--epochs", 2, "--out", tmp_path / "store")
    assert (result.exit_code, result.stderr.count("\n")) == (130, 1)
    assert "nothing was saved" in result.stderr
    assert not list((tmp_path / "store").glob("[!.]*"))
