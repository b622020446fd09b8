"""InfoGAN's loss: what a code says, and that naming its values changes nothing but names."""

from __future__ import annotations

import pytest
import torch
from rounding import ROUNDING, SAME_PIXELS

from models.generators.infogan import InfoGAN
from training.evaluation.metrics.generation.infogan import information
from training.losses.code_augmentation import CodeAugmentation
from training.losses.mutual_information import InfoGANLoss
from training.losses.step_context import StepContext


@pytest.fixture
def model() -> InfoGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InfoGAN((1, 8, 8), {"kind": 3, "digit": 10}, ("c1", "c2"), noise=5, width=8, critic_width=8).eval()


def test_reordering_renames_the_values_on_both_sides(model: InfoGAN) -> None:
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    latents = model.latents(range(20))
    new = {**latents, "digit": order[latents["digit"]]}
    images, logits = model.generate(new), model.judge_and_read(model.generate(new))[1].logits
    model.reorder("digit", order)
    torch.testing.assert_close(model.generate(latents), images, **SAME_PIXELS)
    after = model.judge_and_read(images)[1].logits
    assert torch.allclose(after["digit"], logits["digit"][:, order])
    torch.testing.assert_close(after["kind"], logits["kind"], **ROUNDING)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 12, 16)])
def test_any_sides_that_are_multiples_of_four(shape: tuple[int, int, int]) -> None:
    model = InfoGAN(shape, {"c": 4}, noise=3, width=4, critic_width=4).eval()
    images = model.generate(model.latents([0, 1]))
    assert images.shape == (2, *shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert model.judge_and_read(images)[0].shape == (2,)


def test_other_sides_and_doubled_names_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 4, not 10 x 8"):
        InfoGAN((1, 10, 8), {"c": 4})
    with pytest.raises(ValueError, match="a name of its own"):
        InfoGAN((1, 8, 8), {"c": 4}, ("c",))


def test_every_site_has_a_control_of_its_name_and_the_other_way_round(model: InfoGAN) -> None:
    assert [site.name for site in model.sites] == [c.name for c in model.controls] == ["z", "kind", "digit", "c1", "c2"]


def test_each_parameter_belongs_to_one_player(model: InfoGAN) -> None:
    loss = InfoGANLoss(model)
    owned = [id(p) for p in (*loss.critic_parameters(), *loss.generator_parameters())]
    assert len(owned) == len(set(owned)) == len(list(model.parameters()))


def test_each_kind_of_code_has_its_weight(model: InfoGAN) -> None:
    latents = model.latents(range(20))
    read = model.judge_and_read(model.generate(latents))[1]

    def loss(kinds: float, *scales: float) -> float:
        return float(InfoGANLoss(model, kinds, scales).code_loss([read], latents).detach())

    assert loss(2.0, 3.0) == pytest.approx(2 * loss(1.0, 0.0) + 3 * loss(0.0, 1.0), rel=1e-5)
    assert loss(0.0, 3.0, 2.0) == pytest.approx(3 * loss(0.0, 1.0, 0.0) + 2 * loss(0.0, 0.0, 1.0), rel=1e-5)
    assert float(InfoGANLoss(model).code_loss([read], latents).detach()) == pytest.approx(loss(1.0, 0.1))


@pytest.mark.parametrize(("categorical", "continuous"), [({}, ("c1",)), ({"digit": 4, "kind": 2}, ())])
def test_any_number_of_codes_of_either_kind(categorical: dict[str, int], continuous: tuple[str, ...]) -> None:
    model = InfoGAN((1, 8, 8), categorical, continuous, noise=3, width=4, critic_width=4, hidden=8)
    loss, context = InfoGANLoss(model, agreement=0.5), StepContext(0, 0, 0.0)
    latents = model.latents(range(12))
    fake = model.images(latents)
    for terms in (
        loss.critic_loss(torch.rand(12, 1, 8, 8), fake, latents, context),
        loss.generator_loss(fake, latents, context),
    ):
        assert all(term.isfinite() for term in terms.report().values())
    figures = information(model.eval(), model.generate(latents), latents)
    assert ("information_bound_nats" in figures) == bool(categorical)


def test_a_code_is_read_augmented_and_the_others_off_the_image_as_it_is(model: InfoGAN) -> None:
    augmentation, context = CodeAugmentation(width=0.3), StepContext(0, 0, 0.0)
    images = torch.rand(12, 1, 8, 8)
    model.eval()  # else the statistics of one batch would move with every reading
    loss = InfoGANLoss(model, code_augmentations={"c1": augmentation})
    judged, (as_it_is, read) = loss.judge_and_read_fake(images, "x", context)
    judged_plain, plain = model.judge_and_read(images)
    _, changed = model.judge_and_read(augmentation(images, "x/0", context))
    torch.testing.assert_close(judged, judged_plain)
    torch.testing.assert_close(as_it_is.mean, plain.mean)
    torch.testing.assert_close(read.mean, {"c1": changed.mean["c1"], "c2": plain.mean["c2"]})
    torch.testing.assert_close(read.log_variance["c1"], changed.log_variance["c1"])
    torch.testing.assert_close(read.logits, plain.logits)
    assert not torch.equal(read.mean["c1"], plain.mean["c1"])


def test_a_discriminator_that_wins_shows(model: InfoGAN) -> None:
    latents = model.latents(range(12))
    terms = InfoGANLoss(model).critic_loss(
        torch.rand(12, 1, 8, 8), model.images(latents), latents, StepContext(0, 0, 0)
    )
    assert 0 <= terms.diagnostics["discriminator_accuracy"] <= 1


def test_a_code_of_one_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 values"):
        InfoGAN((1, 8, 8), {"c": 1})


def test_no_code_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no code"):
        InfoGAN((1, 8, 8), {})
