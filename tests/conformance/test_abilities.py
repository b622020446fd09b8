"""The laws of generators that can do more than generate; the tests' own generator is one case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from conformance.cases import IMAGES, generator
from layered import Layered
from rounding import SAME_PIXELS

from models.generation.encoder import Autoencoder, Encoder, Moments, Probabilities
from models.generation.generator import Generator
from models.generation.style import Projector, StyleMixer
from models.generation.style_mixing import mix_styles
from models.generators import GENERATORS

SEEDS = [7, 8, 9]
PIXELS = torch.rand(4, *IMAGES.shape, generator=torch.Generator().manual_seed(2))


def layered() -> Layered:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Layered(IMAGES.shape).eval().requires_grad_(False)  # type: ignore[arg-type]


def cases(kind: type[Generator]) -> dict[str, Callable[[], Generator]]:
    made_up: dict[str, Callable[[], Generator]] = {"layered": layered} if issubclass(Layered, kind) else {}
    return made_up | {name: partial(generator, name) for name, cls in GENERATORS.items() if issubclass(cls, kind)}


ENCODERS, AUTOENCODERS, MIXERS, PROJECTORS = map(cases, (Encoder, Autoencoder, StyleMixer, Projector))


@pytest.mark.parametrize("name", ENCODERS)
@torch.inference_mode()
def test_readings_are_distributions_of_controls_and_of_each_image_alone(name: str) -> None:
    model = ENCODERS[name]()
    assert isinstance(model, Encoder)
    together, alone = model.readings(PIXELS), model.readings(PIXELS[2:3])
    drawn = model.latents([0] * 4)
    assert together
    for control, code in together.items():
        model.control(control)
        for part, one in zip(code, alone[control], strict=True):
            assert len(part) == 4
            torch.testing.assert_close(part[2:3], one, rtol=1e-4, atol=1e-5)
        if isinstance(code, Probabilities):
            torch.testing.assert_close(code.probs.sum(-1), torch.ones(4))
            assert code.probs.shape == (4, int(model.control(control).high) + 1)
        else:
            assert (code.variance > 0).all()
            assert code.mean.shape == code.variance.shape == drawn[control].shape


@pytest.mark.parametrize("name", AUTOENCODERS)
@torch.inference_mode()
def test_the_mean_pixel_is_the_image_and_its_variance_is_one(name: str) -> None:
    model = AUTOENCODERS[name]()
    assert isinstance(model, Autoencoder)
    latents = model.latents(SEEDS)
    mean, variance = model.pixel_moments(latents)
    torch.testing.assert_close(mean, model.images(latents))
    assert variance.shape == mean.shape
    assert (variance >= 0).all()


@pytest.mark.parametrize("name", AUTOENCODERS)
@torch.inference_mode()
def test_reconstructions_repeat_begin_with_the_fewer_and_are_alike_in_chunks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AUTOENCODERS[name]()
    assert isinstance(model, Autoencoder)

    def drawn(samples: int, rows: slice = slice(None)) -> Moments:
        parts = list(model.reconstructions(PIXELS[rows], samples, 5))
        return Moments(*(torch.cat(part) for part in zip(*parts, strict=True)))

    whole = drawn(7)
    assert whole.mean.shape == (7, *PIXELS.shape)
    torch.testing.assert_close(drawn(3).mean, whole.mean[:3])
    torch.testing.assert_close(drawn(7, slice(1, 2)).mean, whole.mean[:, 1:2], **SAME_PIXELS)
    monkeypatch.setattr("models.generation.encoder.CHUNK_BYTES", 1)
    torch.testing.assert_close(drawn(7).variance, whole.variance)
    read = {control: code.mean for control, code in model.readings(PIXELS).items()}
    expected = model.images(model.defaults(4) | read)
    torch.testing.assert_close(drawn(0).mean, expected.unsqueeze(0))


@pytest.mark.parametrize("name", MIXERS)
@torch.inference_mode()
def test_styles_are_final_and_mixing_with_itself_changes_nothing(name: str) -> None:
    model = MIXERS[name]()
    assert isinstance(model, StyleMixer)
    for codes in ({}, {"truncation_psi": 0.5}):
        latents = model.latents(SEEDS, codes)
        images = model.generate(latents)
        same = mix_styles(model, latents, dict.fromkeys(model.levels, latents))
        torch.testing.assert_close(model.generate(same), images, **SAME_PIXELS)


@pytest.mark.parametrize("name", MIXERS)
@torch.inference_mode()
def test_a_level_takes_its_layers_and_no_other(name: str) -> None:
    model = MIXERS[name]()
    assert isinstance(model, StyleMixer)
    own, other = model.latents(SEEDS), model.latents([11, 12, 13])
    styles = model.styles(own)
    layers = sorted(layer for level in model.levels.values() for layer in level)
    assert layers == list(range(styles.shape[1])), "every layer is of one level"
    for level, its in model.levels.items():
        mix = mix_styles(model, own, {level: other})
        for layer in layers:
            source = model.styles(other if layer in its else own)
            torch.testing.assert_close(mix["styles"][:, layer], source[:, layer])
        assert all(torch.equal(mix[part], own[part]) for part in own)


@pytest.mark.parametrize("name", PROJECTORS)
def test_a_search_comes_nearer_to_an_image_of_its_own_and_leaves_the_model_alone(name: str) -> None:
    model = PROJECTORS[name]()
    assert isinstance(model, Projector)
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    search = model.projection(model.generate(model.latents([3]))[0].clone())
    found = [next(search)]
    assert torch.is_grad_enabled()
    found += list(search)
    assert found[-1].loss < found[0].loss
    assert [projection.step for projection in found] == list(range(1, found[0].steps + 1))
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
    control = model.control("w")
    again = model.generate(model.latents([0], {"w": found[-1].w.tolist()}))
    assert control.size == found[-1].w.numel()
    assert again.shape == (1, *found[-1].image.shape)
    assert not found[-1].image.requires_grad
