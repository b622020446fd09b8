"""The loop of two players: it resumes to the bit, averages, and says when it collapses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from models.generation.generator import Generator
from models.generators.stylegan import StyleGAN
from models.noise import Normal, Site
from training import recipes
from training.data import Dataset
from training.data.pixels import pixels
from training.errors import DivergenceError, RecipeError
from training.loops import adversarial, settings
from training.loops.adversarial import AdversarialLoop, fit_adversarial, pairwise_distance
from training.loops.progress import Epoch, Run
from training.loops.settings import AdversarialSettings
from training.loops.state import StateFile
from training.loops.weight_average import WeightAverage
from training.losses.adversarial_loss import AdversarialLoss
from training.losses.loss import Loss
from training.seeds import initialised


class Toy(Generator):
    """Images of one pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 1, bias=False)
        self.critic = nn.Linear(1, 1)
        self.sites = (Site("z", (2,), Normal()),)
        self.controls = ()
        nn.init.zeros_(self.generator.weight)

    def images(self, latents) -> Tensor:
        return torch.sigmoid(self.generator(latents["z"]))[:, :, None, None]


class ToyLoss(AdversarialLoss):
    """Counts what is asked of it."""

    def __init__(self, factor: float = 1.0) -> None:
        self.model = Toy()
        self.factor = factor
        self.asked: list[str] = []

    def critic_parameters(self):
        return self.model.critic.parameters()

    def generator_parameters(self):
        return self.model.generator.parameters()

    def critic_loss(self, real, fake, latents, context):
        self.asked.append("critic")
        assert not fake.requires_grad
        return Loss("discriminator_loss", self.factor * self.model.critic((fake - real).flatten(1)).mean())

    def generator_loss(self, fake, latents, context):
        self.asked.append("generator")
        return Loss("generator_loss", self.model.critic(fake.flatten(1)).mean())


IMAGES = torch.rand(40, 1, 1, 1)
SETTINGS = AdversarialSettings(epochs=2, batch=10, critic_rate=0.1, generator_rate=0.1)


def test_the_critic_plays_as_often_as_it_is_told() -> None:
    loss = ToyLoss()
    fit_adversarial(loss, IMAGES, replace(SETTINGS, critic_steps=4), Run(0))
    assert loss.asked == (["critic"] * 4 + ["generator"]) * 2


def test_the_last_incomplete_batch_is_left_out() -> None:
    loss = ToyLoss()
    fit_adversarial(loss, IMAGES[:39], SETTINGS, Run(0))
    assert loss.asked.count("critic") == 2 * 3


def test_fading_rates_fall_to_nothing_in_a_straight_line() -> None:
    rates: list[tuple[float, float]] = []
    loop = AdversarialLoop(ToyLoss(), IMAGES, replace(SETTINGS, linear_decay=True, generator_rate=0.2), Run(0))
    for _ in range(SETTINGS.epochs):
        for _ in range(4):
            loop.update(torch.arange(10), len(rates))
            rates.append(tuple(player.optimiser.param_groups[0]["lr"] for player in (loop.critic, loop.generator)))
    assert [critic for critic, _ in rates] == pytest.approx([0.1 * (1 - step / 8) for step in range(8)])
    assert [generator for _, generator in rates] == pytest.approx([0.2 * (1 - step / 8) for step in range(8)])


def test_a_generator_of_one_image_is_called_collapsed() -> None:
    epochs: list[Epoch] = []
    fit_adversarial(ToyLoss(), IMAGES, replace(SETTINGS, generator_rate=0.0), Run(0, report=epochs.append))
    assert "collapsing" in epochs[-1].warning


def test_fewer_images_than_a_batch_are_refused() -> None:
    with pytest.raises(RecipeError, match="9 training images are too few: a batch has 10"):
        fit_adversarial(ToyLoss(), IMAGES[:9], SETTINGS, Run(0))


def test_divergence_is_an_error() -> None:
    with pytest.raises(DivergenceError, match="the discriminator loss is nan in epoch 1"):
        fit_adversarial(ToyLoss(float("nan")), IMAGES, SETTINGS, Run(0))


def test_the_average_follows_slowly() -> None:
    last, averaged = ToyLoss(), ToyLoss()
    averaged.model.load_state_dict(last.model.state_dict())
    fit_adversarial(last, IMAGES, SETTINGS, Run(0))
    fit_adversarial(averaged, IMAGES, replace(SETTINGS, ema_decay=0.9), Run(0))
    size = [float(loss.model.generator.weight.detach().norm()) for loss in (averaged, last)]
    assert 0 < size[0] < size[1]


def test_the_average_of_a_short_run_forgets_the_beginning() -> None:
    average = WeightAverage(Toy(), 0.999)
    with torch.no_grad():
        average.model.generator.weight.fill_(1.0)
    for step in range(100):
        average.after_step(step, step / 100)
    assert average.model.generator.weight.abs().max() < 1e-6


def test_averaged_weights_have_the_mean_style_of_their_own_mapping(digits: Dataset) -> None:
    recipe = recipes.find("digits-stylegan")
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=2, ema_decay=0.9))
    model = initialised(recipe.spec(digits), 0)
    assert isinstance(model, StyleGAN)
    recipe.train(model, digits, Run(0))
    with torch.inference_mode():
        styles = model.generator.mapping(model.latents(range(4000))["z"])
    deviation = float((styles - styles.mean(0)).norm(dim=1).square().mean().sqrt())
    assert float((model.mean_style - styles.mean(0)).norm()) < 0.1 * deviation


def test_growing_players_need_no_more_images_than_a_batch(digits: Dataset) -> None:
    recipe = recipes.find("digits-progan").with_epochs(2)
    few = replace(digits, train=digits.train.rows(slice(64)))
    epochs: list[Epoch] = []
    recipe.train(initialised(recipe.spec(few), 0), few, Run(0, report=epochs.append))
    assert len(epochs) == 2


def test_averaged_weights_keep_the_normalisation_of_their_own_images(digits: Dataset) -> None:
    recipe = recipes.find("digits-dcgan")
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=2, ema_decay=0.9))
    model = initialised(recipe.spec(digits), 0)
    recipe.train(model, digits, Run(0))
    before, normalisation = model.generator[:2], model.generator[2]
    with torch.inference_mode():
        activations = before(model.latents(range(2000))["z"])
    torch.testing.assert_close(normalisation.running_mean, activations.mean((0, 2, 3)), rtol=0, atol=0.02)
    torch.testing.assert_close(normalisation.running_var, activations.var((0, 2, 3)), rtol=0.15, atol=0)


@pytest.mark.parametrize(("most", "images", "last"), [(28, 40, 30), (1000, 40, 40), (1000, 10, 20)])
def test_kept_weights_have_the_statistics_of_as_many_images_as_an_epoch(
    most: int, images: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adversarial, "PREVIEW_CODES", 20)
    monkeypatch.setattr(adversarial, "STATISTICS_CODES", most)
    recomputed: list[int] = []

    def recompute_statistics(_: Toy, batches) -> None:
        recomputed.append(sum(len(latents["z"]) for latents in batches))

    monkeypatch.setattr(Toy, "recompute_statistics", recompute_statistics)
    fit_adversarial(ToyLoss(), IMAGES[:images], replace(SETTINGS, ema_decay=0.9, epochs=3), Run(0))
    assert recomputed == [
        20,
        20,
        last,
        last,
    ]  # after each epoch, the last of which is looked at too; whole batches of 10


def test_samples_are_those_of_the_first_seeds_after_the_first_and_the_last_epoch(digits: Dataset) -> None:
    recipe = recipes.find("digits-dcgan")
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=3, ema_decay=0.9))
    model = initialised(recipe.spec(digits), 0)
    epochs: list[Epoch] = []
    recipe.train(model, digits, Run(0, report=epochs.append))
    assert all(epoch.samples is not None and len(epoch.samples) == 100 for epoch in epochs)
    assert torch.equal(epochs[-1].samples, model.generate(model.latents(range(100))))


def test_a_long_run_reports_few_samples_and_more_of_them_early() -> None:
    epochs: list[Epoch] = []
    fit_adversarial(ToyLoss(), IMAGES, replace(SETTINGS, epochs=200), Run(0, report=epochs.append))
    shown = [epoch.number for epoch in epochs if epoch.samples is not None]
    assert shown == [1, 2, 3, 4, 7, 11, 18, 29, 47, 76, 124, 200]


def test_pairwise_distance_is_a_root_mean_square_over_pixels() -> None:
    images = torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)])
    assert pairwise_distance(images) == pytest.approx(0.5)


@pytest.mark.parametrize("knows", [True, False])
def test_layers_compute_in_bfloat16_where_the_machine_knows_it(
    knows: bool, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "cpu_knows_bfloat16", lambda: knows)
    recipe, learnt = recipes.find("digits-wgan"), []
    for bfloat16 in (False, True):
        model = initialised(recipe.spec(digits), 0)
        before = parameters_to_vector(model.parameters()).detach()
        changed = replace(recipe.settings, epochs=1, ema_decay=None, bfloat16=bfloat16)
        fit_adversarial(recipe.loss(model), pixels(digits.inputs, digits.train.inputs), changed, Run(0))
        assert all(tensor.dtype == torch.float32 and tensor.is_contiguous() for tensor in model.parameters())
        learnt.append(parameters_to_vector(model.parameters()).detach() - before)
    exact, rounded = learnt
    assert torch.equal(exact, rounded) is not knows
    assert float((rounded - exact).norm()) < 0.3 * float(exact.norm())  # .14; the other way it would be 2


@pytest.mark.parametrize(
    ("name", "average", "bfloat16"),
    [
        ("digits-infogan", None, False),
        ("digits-infogan", 0.9, False),
        ("digits-wgan", 0.9, True),
        ("digits-progan", 0.9, False),
        ("digits-stylegan", 0.9, False),
    ],
)
def test_a_resumed_run_ends_in_the_very_weights_of_an_uninterrupted_one(
    name: str,
    average: float | None,
    bfloat16: bool,
    digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "cpu_knows_bfloat16", lambda: True)

    def train(run: Run) -> dict[str, Tensor]:
        recipe = recipes.find(name)
        recipe = replace(recipe, settings=replace(recipe.settings, epochs=3, ema_decay=average, bfloat16=bfloat16))
        model = initialised(recipe.spec(digits), 0)
        recipe.train(model, digits, run)
        return model.state_dict()

    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    uninterrupted = train(Run(0))
    state = StateFile(tmp_path / "state.safetensors", "", every_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        train(Run(0, state, report=interrupt))
    resumed = train(Run(0, state, resume=True))
    assert all(torch.equal(tensor, resumed[key]) for key, tensor in uninterrupted.items())
