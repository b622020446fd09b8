"""The laws that every generator keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conformance.cases import IMAGES, generator, generator_spec, saved_and_loaded
from rounding import SAME_PIXELS
from torch import Tensor

from models.checkpoints.selftest import verify
from models.errors import ControlError
from models.generation.generator import Codes, Generator, Value
from models.generators import GENERATORS
from models.specs import Control

SEEDS = [7, 8, 9, 2**40 + 7]


@pytest.fixture(params=GENERATORS)
def name(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def model(name: str) -> Generator:
    return generator(name)


def generate(model: Generator, seeds: list[int], codes: Codes | None = None) -> Tensor:
    return model.generate(model.latents(seeds, codes))


def a_value(control: Control, value: float) -> Value:
    if control.kind == "choice":
        return control.choices[int(value)]
    return [value] * control.size if control.kind == "vector" else value


def test_images_are_pixels_from_0_to_1(model: Generator) -> None:
    images = generate(model, SEEDS)
    assert images.shape == (4, *IMAGES.shape)
    assert images.dtype == torch.float32
    assert (images >= 0).all()
    assert (images <= 1).all()


def test_a_seed_repeats_its_image_and_another_has_another(model: Generator) -> None:
    images = generate(model, SEEDS)
    assert torch.equal(generate(model, SEEDS), images)
    assert len(images.flatten(1).unique(dim=0)) == len(SEEDS)


def test_an_image_does_not_depend_on_its_neighbours_or_its_place(model: Generator) -> None:
    images = generate(model, SEEDS)
    for i, seed in enumerate(SEEDS):
        torch.testing.assert_close(generate(model, [seed]), images[i : i + 1], **SAME_PIXELS)
    torch.testing.assert_close(generate(model, SEEDS[::-1]), images.flip(0), **SAME_PIXELS)


def test_generating_reads_and_moves_nothing_but_its_seeds(model: Generator) -> None:
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    first = generate(model, SEEDS)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(generate(model, SEEDS), first)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_every_control_takes_its_limits(model: Generator) -> None:
    for control in model.controls:
        for limit in (control.low, control.high):
            codes = {control.name: a_value(control, limit)}
            assert (model.latents(SEEDS, codes)[control.name] == limit).all()
            assert generate(model, SEEDS, codes).isfinite().all()


def test_what_is_left_out_has_the_default_that_the_control_tells(model: Generator) -> None:
    latents = model.latents(SEEDS)
    for control in model.controls:
        if control.default is not None:
            assert (latents[control.name] == control.default).all()


def test_a_control_changes_no_other_code(model: Generator) -> None:
    drawn = model.latents(SEEDS)
    for control in model.controls:
        latents = model.latents(SEEDS, {control.name: a_value(control, control.low)})
        assert all(torch.equal(latents[name], drawn[name]) for name in drawn if name != control.name)


def test_a_value_beyond_its_limits_is_refused(model: Generator) -> None:
    for control in model.controls:
        if control.kind == "choice":
            with pytest.raises(ControlError, match=f"^{control.name} takes one of: "):
                model.latents(SEEDS, {control.name: "no such choice"})
            continue
        for value in (control.low - 1, control.high + 1, float("nan"), float("inf")):
            with pytest.raises(ControlError, match=f"^{control.name} takes values from "):
                model.latents(SEEDS, {control.name: a_value(control, value)})


def test_an_unknown_control_is_refused(model: Generator) -> None:
    with pytest.raises(ControlError, match=", ".join(control.name for control in model.controls)):
        model.latents(SEEDS, {"no such control": 1.0})


def test_what_is_loaded_generates_as_what_was_saved(name: str, model: Generator, tmp_path: Path) -> None:
    checkpoint = saved_and_loaded(generator_spec(name), model, tmp_path)
    verify(checkpoint)
    assert isinstance(checkpoint.model, Generator)
    assert checkpoint.model.controls == model.controls
    torch.testing.assert_close(generate(checkpoint.model, SEEDS), generate(model, SEEDS), **SAME_PIXELS)
