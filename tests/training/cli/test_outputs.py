"""``calibrate --outputs``: a file of outputs becomes a model without a network, or one line says why not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sent_outputs import class_outputs, target_outputs, written
from typer.testing import CliRunner

from models.checkpoints.checkpoint import Checkpoint, load
from training.cli.commands import app


def run(*arguments: str | Path) -> tuple[int, str]:
    """The exit code of a command, and all that it printed on one line."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a calibration of classes, of draws and features."""
    folder = tmp_path_factory.mktemp("calibrated")
    file = written(folder, **class_outputs(600, 0, draws=5))
    code, said = run("calibrate", "trees", "--outputs", file, "--labels", "ash,elm,oak,yew", "--out", folder / "store")
    assert code == 0, said
    assert said.endswith("saved as trees/1; POST /calibrated/trees takes its outputs")
    return folder / "store"


def test_the_checkpoint_tells_how_it_was_made(store: Path) -> None:
    checkpoint: Checkpoint = load(store / "trees" / "1")
    origin, calibration = checkpoint.manifest.origin, checkpoint.calibration
    assert origin is not None
    assert calibration is not None
    choices = " ".join(origin.choices)
    assert "600 rows: 5 draws of logits of 4 classes" in choices
    assert "200 calibrate and 200 are measured; the other 200 are the reference" in choices
    assert {"mahalanobis", "neighbour", "mutual_information", "energy"} <= set(calibration.evidence)
    assert calibration.draws == (0, 1, 2, 3, 4, 5)
    ece = re.search(r"\| test_ece \| ([\d.]+) \| ([\d.]+) \|", checkpoint.card)
    assert ece
    assert float(ece[2]) < float(ece[1]) / 2
    assert str(store.parent) not in checkpoint.card


def test_evidence_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    """Of probabilities, of logarithms of them, and of outputs without features."""
    arrays = class_outputs(300, 0)
    odds = np.exp(arrays["logits"] - arrays["logits"].max(1, keepdims=True))
    probabilities = odds / odds.sum(1, keepdims=True)
    logs = np.log(probabilities.clip(1e-30))
    files = {"probabilities": {"probabilities": probabilities}, "logs": {"logits": logs}, "plain": {"logits": logs + 1}}
    for name, outputs in files.items():
        file = written(tmp_path, **outputs, outcomes=arrays["outcomes"])
        assert run("calibrate", name, "--outputs", file, "--out", tmp_path / "store")[0] == 0
        calibration = load(tmp_path / "store" / name / "1").calibration
        assert calibration is not None
        assert set(calibration.evidence) - {"energy"} == {"predictive_entropy"}
        assert ("energy" in calibration.evidence) == (name == "plain")


def test_means_alone_get_the_noise_that_is_measured(tmp_path: Path) -> None:
    arrays = target_outputs(3000, 0)
    file = written(tmp_path, mean=arrays["mean"], outcomes=arrays["outcomes"])
    code, said = run("calibrate", "prices", "--outputs", file, "--target", "price", "--out", tmp_path)
    assert code == 0, said
    assert "no variance: the noise is measured, the same for all rows" in said
    assert "nothing tells rows apart, so that none is abstained from" in said
    figures = load(tmp_path / "prices" / "1").manifest.figures
    assert figures["abstained_share"] == 0
    true = float(np.square(arrays["mean"][:, 0] - arrays["outcomes"]).mean())
    assert figures["test_aleatoric_variance_target_units_squared"] == pytest.approx(true, rel=0.15)
    assert figures["test_conformal_picp_90"] == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("calibrate", "Trees", "--outputs", "{file}"), "a model's name is made of a-z"),
        (("calibrate", "trees", "--outputs", "{file}", "--data", "x.csv"), "--outputs takes --labels, --target and"),
        (("calibrate", "trees", "--outputs", "{file}", "--drop", "a"), "--outputs takes --labels, --target and"),
        (("calibrate", "trees", "--outputs", "{file}", "--task", "multilabel"), "allowed are classification and"),
        (("calibrate", "trees", "--outputs", "{file}x"), "No such file"),
        (("calibrate", "trees", "--labels", "a,b"), "--labels goes with --outputs"),
        (("calibrate", "trees", "--data", "{file}"), "its network is elsewhere: python -m training calibrate trees"),
        (("evaluate", "trees", "--data", "{file}"), "its network is elsewhere: python -m training calibrate trees"),
        (("export", "trees"), "its network is elsewhere: export that"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(store: Path, arguments: tuple[str, ...], words: str) -> None:
    file = str(store.parent / "outputs.npz")
    code, said = run(*(argument.replace("{file}", file) for argument in arguments), "--out", store)
    assert (code, words in said) == (2, True), said
    assert len(list((store / "trees").iterdir())) == 1
