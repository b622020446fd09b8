"""A shrunken model is the rounded one: smaller files, and figures, calibration and answers of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from starter_store import trained_store

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, PredictorSpec, load
from models.errors import CheckpointError
from models.specs import InputSpec, OutputSpec
from training.data import load as load_data
from training.experiments.shrink import ROWS, fewer_examples, shrink

SIZES = {"digits-mlp-mc_dropout": 0.55, "digits-infogan": 0.55}
"""Largest size of the weights' file, as a share of that before."""


def opened(name: str) -> Checkpoint:
    return load(trained_store() / name / "1")


@pytest.mark.parametrize("name", SIZES)
def test_weights_take_half_the_bytes_and_figures_stay(name: str, tmp_path: Path) -> None:
    folder, before, after = shrink(opened(name), load_data("digits"), tmp_path, "Data of the NIST.")
    assert folder == tmp_path / name / "1"
    whole = trained_store() / name / "1"
    smaller, larger = ((one / "weights.safetensors").stat().st_size for one in (folder, whole))
    assert smaller < SIZES[name] * larger
    shrunken = load(folder)
    for tensor in shrunken.model.state_dict().values():
        assert torch.equal(tensor, tensor.to(torch.bfloat16).to(tensor.dtype)) or not tensor.is_floating_point()
    assert before.keys() == shrunken.manifest.figures.keys()
    assert after.items() <= shrunken.manifest.figures.items()
    assert shrunken.manifest.origin.command.endswith(f" && python -m training shrink {name}")
    assert "Data of the NIST.\n\nThe weights of this checkpoint are rounded to bfloat16" in shrunken.card
    agreement = "test_accuracy" if "mlp" in name else "test_one_to_one_agreement"
    assert after[agreement] == pytest.approx(before[agreement], abs=0.01)


def test_it_is_calibrated_on_what_calibrated_it_before(tmp_path: Path) -> None:
    whole = opened("curve-mlp-mc_dropout")
    data = load_data("curve")
    assert len(whole.calibration) == len(data.calibration.inputs) + len(data.validation.inputs) <= ROWS
    shrunken = load(shrink(whole, data, tmp_path)[0])
    assert len(shrunken.calibration) == len(whole.calibration)
    assert shrunken.manifest.calibration.draws == whole.manifest.calibration.draws


def test_pictures_of_many_pixels_keep_two_examples_and_small_ones_all() -> None:
    for side, kept in ((8, 12), (96, 2)):
        inputs, outputs = InputSpec("image", (3, side, side)), OutputSpec("segmentation", tuple("abcdefghijk"))
        parts = Component("segnet", {"channels": [4]}), Component("mc_dropout"), Component("categorical")
        model = PredictorSpec(*parts, inputs, outputs).build()
        rows = torch.rand(12, 3, side, side)
        examples = fewer_examples(model, {"inputs": rows, "answers": torch.zeros(12, side, side, 11)})
        assert torch.equal(examples["inputs"], rows[:: 12 // kept])
        assert examples["answers"].shape == (kept, side, side, 11)
        assert examples["answers"].dtype == torch.float32


def test_a_model_with_a_graph_is_refused(tmp_path: Path) -> None:
    exported = dataclasses.replace(opened("digits-infogan"), graph=b"a graph")
    with pytest.raises(CheckpointError, match="digits-infogan has a graph, which is not rounded"):
        shrink(exported, load_data("digits"), tmp_path)
