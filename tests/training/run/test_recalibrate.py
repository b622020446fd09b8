"""A model is calibrated on other rows: its weights stay, and its sets hold for rows like those."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from models.checkpoints.checkpoint import Checkpoint, load
from models.prediction.predictor import Predictor
from training.cli.commands import app
from training.data import Dataset, Split
from training.data import load as load_data
from training.errors import DataError
from training.run.recalibrate import recalibrate

SHIFTED = "shifted rows"


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def curve() -> Dataset:
    return load_data("curve")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression of a few epochs, in a store of its own."""
    store = tmp_path_factory.mktemp("store")
    run("fit", "curve-mlp-mc_dropout", "--epochs", "30", "--out", str(store))
    return store / "curve-mlp-mc_dropout" / "1"


def noisier(curve: Dataset) -> Split:
    """Rows of the same kind with three times the noise."""
    rows = curve.test
    noise = torch.randn(rows.targets.shape, generator=torch.Generator().manual_seed(0))
    return Split(rows.inputs, rows.targets + 0.2 * noise)


def test_coverage_comes_back_on_rows_of_another_kind(fitted: Path, curve: Dataset) -> None:
    folder, before, after = recalibrate(load(fitted), curve, noisier(curve), SHIFTED, fitted.parent.parent)
    assert before["test_conformal_picp_90"] < 0.6
    assert after["test_conformal_picp_90"] == pytest.approx(0.9, abs=0.04)
    assert after["test_conformal_mpiw_90_target_units"] > 2 * before["test_conformal_mpiw_90_target_units"]
    old, new = load(fitted), load(folder)
    for name, tensor in old.model.state_dict().items():
        assert (new.model.state_dict()[name] == tensor).all()
    assert (old.manifest.version, new.manifest.version) == (1, 2)
    assert new.calibration is not None
    assert len(new.calibration) == len(curve.test.inputs)
    assert "## Calibrated anew" in new.card
    assert f"| test_conformal_picp_90 | {before['test_conformal_picp_90']:.4g} |" in new.card
    assert new.manifest.origin is not None
    assert new.manifest.origin.choices[-1] == f"calibrated anew on {SHIFTED}"


def test_few_rows_are_refused(fitted: Path, curve: Dataset) -> None:
    with pytest.raises(DataError, match="19 rows are too few to calibrate on; give 20 or more"):
        recalibrate(load(fitted), curve, curve.test.rows(slice(19)), SHIFTED, fitted.parent.parent)


def test_checkpoints_of_older_code_get_what_they_lack(fitted: Path, curve: Dataset) -> None:
    opened = load(fitted)
    assert isinstance(opened.model, Predictor)
    opened.model.reference = None
    old = Checkpoint(opened.manifest, opened.model, opened.examples, opened.card)
    folder, _, _ = recalibrate(old, curve, curve.calibration, "calibration rows", fitted.parent.parent)
    new = load(folder)
    assert new.calibration is not None
    assert "mahalanobis" in new.calibration.evidence


def test_the_command_calibrates_on_the_models_own_rows(fitted: Path) -> None:
    result = run("calibrate", str(fitted), "--out", str(fitted.parent.parent))
    assert "calibrated on 500 calibration rows" in result.output
    assert f"curve-mlp-mc_dropout {fitted.name}, before" in result.output
    assert "saved as curve-mlp-mc_dropout/" in result.output
