"""The one loop for two players: a critic that tells real images from made ones, and a generator that learns from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models import noise
from models.generator import Codes, Generator
from training.progress import Epoch, Run, check_finite
from training.seeds import derive
from training.state import Position, optimiser_tensors, restore_optimiser

COLLAPSED = 0.1
"""Made images this much closer to each other than real ones, as a share, are called collapsed."""


@dataclass(frozen=True)
class Settings:
    """How to play.

    Attributes:
        epochs: Passes over the training images, each without its last, incomplete batch.
        batch: Images.
        critic_rate: Learning rate of Adam for the critic.
        generator_rate: For the generator and what is trained along with it.
        betas: Of both.
        critic_steps: For one of the generator.
        average: Decay, a step, of the running mean of the weights that is kept in the end; ``None`` keeps the last.
    """

    epochs: int
    batch: int
    critic_rate: float
    generator_rate: float
    betas: tuple[float, float] = (0.5, 0.999)
    critic_steps: int = 1
    average: float | None = None


class Moment(NamedTuple):
    """When in a run a loss is asked for.

    Attributes:
        seed: With ``step``, of everything random in the loss.
        step: Counts updates of the critic.
        share: Of the run that is over, 0 to 1.
    """

    seed: int
    step: int
    share: float


class Game(ABC):
    """Two losses over one model.

    A parameter may be in the generator's group and have a gradient from both losses (InfoGAN's Q has).

    Attributes:
        model: Holds both players.
    """

    model: Generator

    def codes(self, share: float) -> Codes:
        """What is not random of the images to make when this share of the run is over: all defaults."""
        return {}

    def seen(self, real: Tensor, latents: dict[str, Tensor]) -> Tensor:
        """Training images as the critic sees them beside images of these codes: as they are."""
        return real

    def made(self, latents: dict[str, Tensor], moment: Moment) -> Tensor:
        """Images of these codes, to learn from: as anybody gets them."""
        return self.model.images(latents)

    @abstractmethod
    def critic_parameters(self) -> Iterator[nn.Parameter]: ...

    @abstractmethod
    def generator_parameters(self) -> Iterator[nn.Parameter]: ...

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor, latents: dict[str, Tensor], moment: Moment) -> dict[str, Tensor]:
        """Named terms, the first of which is minimised.

        Args:
            real: Training images ``(B, channels, height, width)`` with pixels in [0, 1].
            fake: As many made ones, detached from the generator.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor, latents: dict[str, Tensor], moment: Moment) -> dict[str, Tensor]:
        """Named terms, the first of which is minimised."""


def play(game: Game, images: Tensor, settings: Settings, run: Run) -> None:
    """Fit the game's model to images ``(N, channels, height, width)`` in [0, 1], and leave it in evaluation mode.

    Raises:
        DivergenceError: if a loss is no longer finite.
        StateError: if a run is to be continued that cannot be.
    """
    loop = _Loop(game, images, settings, run)
    if run.resume:
        loop.restore()
    while loop.position.epoch < settings.epochs:
        loop.epoch()
    if settings.average is not None:
        game.model.load_state_dict(loop.average.state_dict())
    game.model.eval()


@dataclass
class _Loop:
    game: Game
    images: Tensor
    settings: Settings
    run: Run
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        game, settings = self.game, self.settings
        self.average = deepcopy(game.model)
        self.critic = torch.optim.Adam(game.critic_parameters(), settings.critic_rate, settings.betas)
        self.generator = torch.optim.Adam(game.generator_parameters(), settings.generator_rate, settings.betas)
        self.noise_seed = derive(self.run.seed, "noise")
        self.order = noise.Site("shuffle", (len(self.images),), noise.Permutation())
        self.steps = len(self.images) // settings.batch

    def epoch(self) -> None:
        number = self.position.epoch + 1
        self.game.model.train()
        order = noise.draw([self.order], self.run.seed, number, number - 1)["shuffle"][0]
        batches = torch.split(order, self.settings.batch)[: self.steps]
        terms = [self.update(rows, (number - 1) * self.steps + i) for i, rows in enumerate(batches)]
        names = {name: None for named in terms for name in named}
        means = {name: float(torch.stack([t[name] for t in terms if name in t]).mean()) for name in names}
        check_finite(means, number)
        self.position = Position(number)
        self.save()
        self.run.report(Epoch(number, self.settings.epochs, means, warning=self.warning()))

    def update(self, rows: Tensor, step: int) -> dict[str, Tensor]:
        device = next(self.game.model.parameters()).device
        moment = Moment(self.noise_seed, step, step / (self.steps * self.settings.epochs))
        latents = self.latents(len(rows), step, moment.share)
        real = self.game.seen(self.images[rows].to(device), latents)
        fake = self.game.made(latents, moment)
        self.critic.zero_grad()
        self.generator.zero_grad()
        terms = self.game.critic_loss(real, fake.detach(), latents, moment)
        _descend(self.critic, terms)
        if (step + 1) % self.settings.critic_steps == 0:
            made = self.game.generator_loss(fake, latents, moment)
            _descend(self.generator, made)
            terms |= made
        self.follow()
        return {name: term.detach() for name, term in terms.items()}

    def latents(self, rows: int, step: int, share: float) -> dict[str, Tensor]:
        device, model = next(self.game.model.parameters()).device, self.game.model
        sites = [noise.Site(site.name, (rows, *site.shape), site.law) for site in model.sites]
        drawn = {name: t[0] for name, t in noise.draw(sites, self.noise_seed, step + 1, step).items()}
        return {name: t.to(device) for name, t in model.completed(drawn, self.game.codes(share)).items()}

    @torch.no_grad()
    def follow(self) -> None:
        if self.settings.average is None:
            return
        pairs = zip(self.average.state_dict().values(), self.game.model.state_dict().values(), strict=True)
        for mean, now in pairs:
            if mean.is_floating_point():
                mean.lerp_(now, 1 - self.settings.average)
            else:
                mean.copy_(now)

    def warning(self) -> str:
        real = self.images[:100].to(next(self.game.model.parameters()).device)
        latents = self.latents(len(real), 0, self.position.epoch / self.settings.epochs)
        expected = pairwise_distance(self.game.seen(real, latents))
        distance = pairwise_distance(self.game.model.eval().generate(latents))
        if distance >= COLLAPSED * expected:
            return ""
        return f"collapsing: images differ by {distance:.3f} a pixel, real ones by {expected:.3f}"

    def groups(self) -> dict[str, dict[str, Tensor]]:
        return {
            "model": self.game.model.state_dict(),
            "average": self.average.state_dict(),
            "critic": optimiser_tensors(self.critic),
            "generator": optimiser_tensors(self.generator),
        }

    def save(self) -> None:
        if self.run.state is not None:
            self.run.state.save(self.position, self.groups())

    def restore(self) -> None:
        assert self.run.state is not None  # who resumes has a state
        self.position, groups = self.run.state.load()
        self.game.model.load_state_dict(groups["model"])
        self.average.load_state_dict(groups["average"])
        restore_optimiser(self.critic, groups["critic"])
        restore_optimiser(self.generator, groups["generator"])


def pairwise_distance(images: Tensor) -> float:
    """Mean distance of two different images: root mean square over the pixels."""
    return float(torch.pdist(images.flatten(1)).mean()) / math.sqrt(images[0].numel())


def _descend(optimiser: torch.optim.Optimizer, terms: dict[str, Tensor]) -> None:
    next(iter(terms.values())).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
