"""Checkpoints are found by their folder, their model's folder or their name, and fit only data of their own form."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from models.checkpoints.checkpoint import Checkpoint, Manifest, load, save
from models.checkpoints.selftest import canary_examples
from models.errors import CheckpointError
from training import data, recipes
from training.data import Dataset
from training.errors import DataError
from training.evaluation.checkpoints import check_fits, open_checkpoint
from training.seeds import initialised


@pytest.fixture
def checkpoint(tmp_path: Path, digits: Dataset) -> Checkpoint:
    spec = recipes.find("digits-mlp-mc_dropout").spec(digits)
    model = initialised(spec, 0).eval()
    manifest = Manifest("digits-mlp-mc_dropout", 0, spec, "digits", 0, {})
    examples = canary_examples(model, digits.test.inputs[:4])
    return [load(save(tmp_path, manifest, model, examples, "# A card")) for _ in range(2)][-1]


def test_the_newest_version_is_opened_unless_one_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    name = checkpoint.manifest.name
    for place, version in ((Path(name), 2), (tmp_path / name, 2), (Path(name) / "1", 1)):
        assert open_checkpoint(place, tmp_path).manifest.version == version
    with pytest.raises(CheckpointError, match="there is no checkpoint at nothing, nor in the store"):
        open_checkpoint(Path("nothing"), tmp_path)


def test_data_of_another_form_do_not_fit(checkpoint: Checkpoint, digits: Dataset) -> None:
    check_fits(checkpoint, digits)
    with pytest.raises(DataError, match="the model takes"):
        check_fits(checkpoint, data.load("curve"))
    letters = msgspec.structs.replace(digits.outputs, names=tuple("abcdefghij"))
    others = Dataset(
        "letters", digits.inputs, letters, digits.train, digits.validation, digits.calibration, digits.test
    )
    with pytest.raises(DataError, match="the targets of 'letters' are not those that the model predicts"):
        check_fits(checkpoint, others)
