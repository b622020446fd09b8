"""The command line: what it makes, and that a user's mistake ends in one line."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from starter_store import trained_store
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import load
from models.checkpoints.selftest import verify
from training import recipes
from training.cli import app as cli
from training.cli import fitting
from training.cli.commands import app
from training.data import Dataset
from training.loops.progress import Epoch
from training.loops.state import StateFile
from training.run.fit import Fitted


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(autouse=True)
def wide_and_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that breaks no line, and a state after every epoch."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(StateFile.__init__, "__defaults__", (0.0,))


def test_list_shows_every_recipe() -> None:
    shown = run("list").output
    assert all(name in shown for name in recipes.RECIPES)


def test_fit_and_evaluate(tmp_path: Path) -> None:
    fitted = run("fit", "digits-mlp-mc_dropout", "--epochs", 2, "--seed", 5, "--out", tmp_path)
    assert fitted.exit_code == 0, fitted.output
    assert "epoch 2/2" in fitted.output
    for place in ("digits-mlp-mc_dropout", tmp_path / "digits-mlp-mc_dropout", tmp_path / "digits-mlp-mc_dropout/1"):
        shown = run("evaluate", place, "--samples", 50, "--out", tmp_path)
        assert shown.exit_code == 0, shown.output
        accuracy = load(tmp_path / "digits-mlp-mc_dropout/1").manifest.figures["test_accuracy"]
        assert f"{accuracy:.4g}" in shown.output


def test_fit_to_mnist_takes_its_name(tmp_path: Path, tiny_mnist: Path) -> None:
    arguments = ("--data", "mnist", "--data-dir", tiny_mnist)
    assert run("fit", "digits-mlp-mc_dropout-logit_normal", *arguments, "--epochs", 1, "--out", tmp_path).exit_code == 0
    manifest = load(tmp_path / "mnist-mlp-mc_dropout-logit_normal" / "1").manifest
    assert manifest.data == "mnist"
    command = "python -m training fit digits-mlp-mc_dropout-logit_normal --data mnist --epochs 1 --seed 0"
    assert (manifest.origin.command, manifest.origin.tested) == (command, "test split, 50 rows")
    assert run("evaluate", "mnist-mlp-mc_dropout-logit_normal", *arguments, "--out", tmp_path).exit_code == 0


def test_fit_clips_gradients_and_says_so_in_its_command(tmp_path: Path) -> None:
    fitted = run("fit", "diabetes-mlp-bayes_by_backprop", "--epochs", 1, "--clip-norm", 0.5, "--out", tmp_path)
    assert fitted.exit_code == 0, fitted.output
    manifest = load(tmp_path / "diabetes-mlp-bayes_by_backprop" / "1").manifest
    assert manifest.origin.command.endswith(" --epochs 1 --clip-norm 0.5 --seed 0")


def test_bayes_by_backprop_starts_from_a_trained_deterministic_network(tmp_path: Path) -> None:
    arguments = ("--epochs", 1, "--out", tmp_path)
    assert run("fit", "digits-mlp-deterministic", *arguments).exit_code == 0
    begun = run("fit", "digits-mlp-bayes_by_backprop", "--start", "digits-mlp-deterministic", *arguments)
    assert begun.exit_code == 0, begun.output
    apart, together = (run("fit", "digits-mlp-bayes_by_backprop", *arguments) for _ in range(2))
    assert apart.exit_code == together.exit_code == 0
    folder = tmp_path / "digits-mlp-bayes_by_backprop"
    checkpoints = [load(folder / version) for version in "123"]
    begun_figure, *figures = (checkpoint.manifest.figures["test_nll_nats"] for checkpoint in checkpoints)
    assert begun_figure < figures[0] == figures[1]
    assert "--start digits-mlp-deterministic/1" in checkpoints[0].card
    refused = run("fit", "digits-vae", "--start", "digits-mlp-deterministic", *arguments)
    assert refused.exit_code == cli.USER_ERROR
    assert "only a predictive model" in refused.output
    other = run("fit", "mlp-mc_dropout", "--data", "digits", "--start", "digits-mlp-deterministic", *arguments)
    assert other.exit_code == cli.USER_ERROR
    assert "digits-mlp-deterministic has another network: mlp hidden=[100,100] dropout=0.0; give" in other.output


def test_laplace_is_fitted_around_a_trained_network_without_an_epoch(tmp_path: Path) -> None:
    table = ("--data", "diabetes", "--out", tmp_path)
    wide = ("--set", "hidden=[8]", "--likelihood", "homoscedastic_gaussian", "--name", "trained")
    assert run("fit", "mlp-deterministic", "--epochs", 3, *wide, *table).exit_code == 0
    around = run("fit", "mlp-laplace", "--start", "trained", "--epochs", 0, "--name", "around", *table)
    assert around.exit_code == 0, around.output
    trained, fitted = (load(tmp_path / name / "1") for name in ("trained", "around"))
    theirs = trained.model.state_dict()
    ours = fitted.model.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items()), "no weight has moved"
    said = fitted.manifest.origin.choices[-1]
    assert said.startswith("last layer, 9 weights with a full covariance: prior precision ")
    assert said in around.output.replace("\n", " ")
    assert said[1:] in fitted.card
    assert " --start trained/1 --epochs 0 --name around" in fitted.manifest.origin.command
    answer = fitted.model.predict(fitted.examples["inputs"], 20)
    assert (answer.epistemic_variance > 0).all()
    refusals = {
        ("mlp-laplace", "--data", "diabetes"): "is fitted around a trained network; name one with --start",
        ("mlp-swag", "--data", "diabetes", "--start", "trained"): "0 epochs train nothing, and mlp-swag has to be",
        ("vae", "--data", "digits"): "0 epochs train nothing, and vae has to be trained",
        ("mlp-laplace", "--data", "curve", "--start", "trained"): "trained was trained on other rows than those of",
    }
    for arguments, why in refusals.items():
        refused = run("fit", *arguments, "--epochs", 0, "--out", tmp_path)
        assert refused.exit_code == cli.USER_ERROR
        assert why in refused.stderr


def test_codes_are_shown_and_then_named(tmp_path: Path) -> None:
    for name in ("digits-infogan", "digits-vae"):
        shutil.copytree(trained_store() / name, tmp_path / name)
    shown = run("name-codes", "digits-infogan", "--plots", tmp_path / "codes", "--out", tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "name them with --names" in shown.output
    assert (tmp_path / "codes" / "c1.png").is_file()
    named = run("name-codes", "digits-infogan", "--names", "c1=rotation,c2=width", "--out", tmp_path)
    assert named.exit_code == 0, named.output
    model = load(tmp_path / "digits-infogan" / "2").model
    assert [control.name for control in model.controls] == ["z", "digit", "rotation", "width"]
    assert run("evaluate", "digits-infogan", "--out", tmp_path).exit_code == 0
    refused = run("name-codes", "digits-vae", "--out", tmp_path)
    assert refused.exit_code == cli.USER_ERROR
    assert "not an infogan" in refused.stderr


def test_demo_trains_what_is_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = {n: r.with_epochs(1) for n, r in recipes.RECIPES.items() if n.startswith(("curve", "diabetes"))}
    monkeypatch.setattr(fitting.recipes, "RECIPES", short)
    first = run("demo", "--out", tmp_path)
    assert first.exit_code == 0, first.output
    assert all(name in first.output for name in short)
    assert "has all of these models" in run("demo", "--out", tmp_path).output
    (tmp_path / "curve-mlp-mc_dropout" / "1" / "weights.safetensors").write_bytes(b"")
    again = run("demo", "--out", tmp_path)
    assert "curve-mlp-mc_dropout" in again.output
    assert "diabetes" not in again.output
    verify(load(tmp_path / "curve-mlp-mc_dropout" / "2"))


def test_results_are_printed_or_written(tmp_path: Path) -> None:
    printed = run("results", "--out", tmp_path)
    assert printed.exit_code == 0, printed.output
    assert "`python -m training fit mnist-vae`" in printed.output
    assert run("results", "--out", tmp_path, "--output", tmp_path / "results.md").output == ""
    assert (tmp_path / "results.md").read_text() == printed.output


MISTAKES = {
    "unknown recipe": (("fit", "nope"), "there is no recipe 'nope'"),
    "negative norm": (
        ("fit", "diabetes-mlp-bayes_by_backprop", "--clip-norm", "-1"),
        "to a positive norm, not to -1.0",
    ),
    "nearly a recipe": (("fit", "mlp-mcdropout", "--data", "digits"), "did you mean 'mlp-mc_dropout'?"),
    "no data": (("fit", "mlp-swag"), "mlp-swag is a model without data; name them with --data"),
    "a network that does not suit": (
        ("fit", "convnet-swag", "--data", "diabetes"),
        "convnet does not suit 'diabetes', a table with one answer a row: take mlp, as in mlp-swag",
    ),
    "nearly data": (("fit", "digits-vae", "--data", "digit"), "did you mean 'digits'?"),
    "no width": (("fit", "digits-vae", "--set", "hidden=[0]"), "--set hidden=[0] is not allowed: expected int >= 1"),
    "epochs twice": (
        ("fit", "digits-vae", "--epochs", "3", "--set", "epochs=4"),
        "--epochs and --set epochs say the same; leave one out",
    ),
    "no name of a model": (("fit", "digits-vae", "--name", "My Model"), "a model's name is made of a-z, 0-9"),
    "nearly a likelihood": (
        ("fit", "mlp-swag", "--data", "diabetes", "--likelihood", "student"),
        "there is no likelihood 'student'; did you mean 'student_t'?",
    ),
    "two likelihoods": (
        ("fit", "mlp-swag", "--data", "diabetes", "--positive", "--likelihood", "student_t"),
        "--positive is --likelihood log_normal, not student_t; leave one out",
    ),
    "another likelihood than the name's": (
        ("fit", "mlp-swag-quantile", "--data", "diabetes", "--positive"),
        "mlp-swag-quantile is by quantile, and --positive says log_normal; leave one out",
    ),
    "likelihood of a generator": (("fit", "digits-vae", "--positive"), "vae is a generator, which has no likelihood"),
    "likelihood of classes": (
        ("fit", "mlp-swag", "--data", "digits", "--positive"),
        "is a regression by log_normal; the data set 'digits' is a classification",
    ),
    "unknown data": (("fit", "digits-vae", "--data", "nope"), "there is no data set 'nope'"),
    "data of another kind": (("fit", "digits-vae", "--data", "curve"), "needs images"),
    "missing directory": (("fit", "digits-vae", "--data", "mnist", "--data-dir", "/nowhere"), "is not a directory"),
    "empty directory": (("fit", "digits-vae", "--data", "mnist", "--data-dir", "{tmp}"), "has no file train-images"),
    "nothing to resume": (("fit", "digits-vae", "--resume", "--out", "{tmp}"), "nothing to resume"),
    "store that is a file": (("fit", "digits-vae", "--epochs", "1", "--out", "/dev/null"), "/dev/null"),
    "store that cannot be": (("fit", "digits-vae", "--epochs", "1", "--out", "/proc/nowhere"), "/proc/nowhere"),
    "no shares": (
        ("learning-curve", "--proportions", "0.5,2", "--out", "{tmp}"),
        "--proportions 0.5,2 is not a list",
    ),
    "shares of a generator": (("learning-curve", "digits-vae", "--out", "{tmp}"), "makes a generator"),
    "nothing strange": (("learning-curve", "diabetes-mlp-bayes_by_backprop", "--out", "{tmp}"), "with --ood"),
    "no checkpoint": (("evaluate", "nope", "--out", "{tmp}"), "there is no checkpoint at nope"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_line(mistake: str, tmp_path: Path) -> None:
    arguments, said = MISTAKES[mistake]
    result = run(*(a.replace("{tmp}", str(tmp_path)) for a in arguments))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_the_command_on_the_card_trains_the_same_model_again(tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("\n".join(["a,b,y", *(f"{i % 7},{i % 5 / 4},{1 + i % 7 * 2 + i % 3}" for i in range(120))]))
    changed = ("--set", "hidden=[8]", "--set", "dropout=0.2", "--positive", "--epochs", 3, "--name", "small")
    first = run("fit", "mlp-mc_dropout", "--data", path, "--target", "y", *changed, "--out", tmp_path)
    assert first.exit_code == 0, first.output
    assert "hyper-parameters, defaults for these data: mlp hidden=[8] dropout=0.2;" in first.output
    assert "best of 3 epochs" in first.output
    opened = load(tmp_path / "small" / "1")
    assert opened.manifest.model.network.config["hidden"] == [8]
    assert opened.manifest.model.likelihood.name == "log_normal"
    command = opened.manifest.origin.command.replace("sums.csv", str(path))
    again = run(*shlex.split(command)[3:], "--out", tmp_path)
    assert again.exit_code == 0, again.output
    same = load(tmp_path / "small" / "2").model.state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in opened.model.state_dict().items())
    measured = run("evaluate", "small", "--data", path, "--target", "y", "--out", tmp_path)
    assert measured.exit_code == 0, measured.output


def test_a_second_run_of_a_model_into_the_store_is_one_line(tmp_path: Path) -> None:
    with StateFile(tmp_path / ".training" / "digits-vae.safetensors", "").alone():
        second = run("fit", "digits-vae", "--epochs", 1, "--out", tmp_path)
    assert (second.exit_code, second.stderr.count("\n")) == (2, 1)
    assert "digits-vae is being trained into this store already" in second.stderr
    assert run("fit", "digits-vae", "--epochs", 1, "--out", tmp_path).exit_code == 0


def test_too_little_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*arguments: object) -> None:
        raise MemoryError("unable to allocate 22 TiB")

    monkeypatch.setattr(fitting.data, "load", exhausted)
    result = run("fit", "digits-vae", "--out", tmp_path)
    assert (result.exit_code, result.stderr) == (2, "error: there is not enough memory: unable to allocate 22 TiB\n")


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    run("fit", "diabetes-mlp-bayes_by_backprop", "--epochs", 1, "--out", tmp_path)
    folder = tmp_path / "diabetes-mlp-bayes_by_backprop" / "1"
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    result = run("evaluate", folder)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "SHA-256" in result.stderr


def test_evaluating_on_data_of_another_shape_is_one_line(tmp_path: Path) -> None:
    run("fit", "diabetes-mlp-bayes_by_backprop", "--epochs", 1, "--out", tmp_path)
    result = run("evaluate", "diabetes-mlp-bayes_by_backprop", "--data", "digits", "--out", tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "the model takes (10,)" in result.stderr


def test_ctrl_c_says_how_to_go_on_and_resume_ends_where_an_uninterrupted_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("fit", "diabetes-mlp-bayes_by_backprop", "--epochs", 6)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(*arguments, "--out", whole).exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(fitting, "fit", _fit_until_interrupted)
        interrupted = run(*arguments, "--out", broken)
    assert interrupted.exit_code == 130
    assert "--resume" in interrupted.stderr
    assert interrupted.stderr.count("\n") == 1
    assert run(*arguments, "--seed", 1, "--resume", "--out", broken).exit_code == 2
    resumed = run(*arguments, "--resume", "--out", broken)
    assert resumed.exit_code == 0, resumed.output
    first, second = (
        load(store / "diabetes-mlp-bayes_by_backprop" / "1").model.state_dict() for store in (whole, broken)
    )
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def _fit_until_interrupted(recipe, dataset: Dataset, store: Path, seed: int, *, resume: bool, report, start) -> Fitted:
    from training.run.fit import fit

    def interrupt(epoch: Epoch) -> None:
        report(epoch)
        if epoch.number == 3:
            raise KeyboardInterrupt

    return fit(recipe, dataset, store, seed, resume=resume, report=interrupt, start=start)


ENDLESS = """
import sys
from pathlib import Path
import torch
from training import data, recipes
from training.run.fit import fit
from training.loops.state import StateFile
torch.set_num_threads(1)
StateFile.__init__.__defaults__ = (0.0,)
recipe = recipes.find("diabetes-mlp-bayes_by_backprop").with_epochs(2)
dataset = data.load("diabetes")
while True:
    fit(recipe, dataset, Path(sys.argv[1]), 0, resume=False, report=lambda epoch: print(epoch.number, flush=True))
"""


def test_a_run_killed_at_any_moment_leaves_nothing_unreadable(tmp_path: Path) -> None:
    """Processes that write states and checkpoints all the time, killed after different waits."""
    waits = [0.05, 0.5, 2.0, 4.0]
    stores = [tmp_path / str(i) for i in range(len(waits))]
    processes = [
        subprocess.Popen([sys.executable, "-c", ENDLESS, str(store)], stdout=subprocess.PIPE, cwd=_root())
        for store in stores
    ]
    for process, wait in zip(processes, waits, strict=True):
        with process:
            process.stdout.readline()
            time.sleep(wait)
            if wait == waits[-1]:
                _await_checkpoint(stores[-1])
            os.kill(process.pid, signal.SIGKILL)
    for store in stores:
        for folder in (p for p in store.glob("[!.]*/*")):
            verify(load(folder))
        state = StateFile(store / ".training" / "diabetes-mlp-bayes_by_backprop.safetensors", "")
        if state.path.exists():
            import safetensors.torch

            assert safetensors.torch.load_file(state.path)
    assert any(list(store.glob("[!.]*/*")) for store in stores)


def _await_checkpoint(store: Path) -> None:
    """However slow the machine is just now."""
    deadline = time.monotonic() + 300
    while not list(store.glob("[!.]*/*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _root() -> Path:
    return Path(__file__).parents[3]
