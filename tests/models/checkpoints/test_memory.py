"""What a manifest asks for is known before it is made, and comes back when it is let go."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import msgspec
import pytest
import torch
from random_models import SPECS, save_model

from models.checkpoints.checkpoint import PredictorSpec, load
from models.errors import CheckpointError
from models.prediction.reference import Reference, ReferenceSpec
from models.specs import InputSpec


@pytest.mark.parametrize("name", SPECS)
def test_weights_are_measured_to_the_byte_without_a_random_number(name: str) -> None:
    before = torch.get_rng_state()
    measured = SPECS[name].measure(10**9)
    assert torch.equal(torch.get_rng_state(), before)
    state = SPECS[name].build().state_dict()
    assert measured.least == measured.most == sum(tensor.nbytes for tensor in state.values())


def test_a_long_sequence_takes_no_longer_to_measure_and_counts_in_full() -> None:
    spec = SPECS["tunes"]
    assert isinstance(spec, PredictorSpec)
    longer = msgspec.structs.replace(spec, inputs=InputSpec("sequence", (10**6, 4)))
    with pytest.raises(CheckpointError, match="asks for a model of"):
        longer.measure(10**7)
    assert longer.measure(10**10).least == spec.measure(10**10).least


def test_the_limit_is_that_of_the_reader(tmp_path: Path) -> None:
    folder = save_model(tmp_path, "mlp")
    size = sum(file.stat().st_size for file in folder.iterdir())
    load(folder, 10 * size)
    with pytest.raises(CheckpointError, match=r"asks for a model of .* of which 5000 are allowed"):
        load(folder, 5000)


def test_what_is_kept_of_training_rows_does_not_hold_on_to_itself() -> None:
    gc.disable()
    try:
        gone = weakref.ref(Reference(ReferenceSpec(5, 32, 10, 64)))
        assert gone() is None
    finally:
        gc.enable()
