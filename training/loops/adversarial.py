"""The one loop for two players: a critic that tells real images from made ones, and a generator that learns from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.generation.generator import Generator
from models.noise import Permutation, Site, draw_noise
from training.errors import RecipeError
from training.loops.diagnostics import diverging, lopsided
from training.loops.gradients import Gradients, RecordedGradients
from training.loops.progress import Epoch, Run, check_finite
from training.loops.state import Position, optimiser_tensors, restore_optimiser
from training.losses.adversarial_loss import AdversarialLoss, StepContext, sent
from training.run.machine import cpu_knows_bfloat16
from training.seeds import derive

RESIDENT = 2**31
"""Bytes of images that are kept on a GPU all the time; of more of them, each batch is sent there."""
SHOWN = 100
"""Images of fixed codes, those of the seeds from 0, that are looked at after every epoch."""
FRAMES = 12
"""Epochs of a run, at most, whose images are reported: the first, the last, and more early than late."""
SETTLING = 25_000
"""Codes, at most, from whose images averaged weights take their statistics in the end. A fully connected WGAN's Fréchet
distance was 8.4 times the floor with the statistics of 640, 6.4 with those of 1280, and 5.9 from 12 800 on."""
GLANCE = 2500
"""Codes where the images are only looked at, after an epoch, or the training images are fewer."""
BEGINNING = 0.1
"""Share of a run in which no player is said to have lost: those who have just begun look worse than they are."""


@dataclass(frozen=True)
class AdversarialSettings:
    """How to play.

    Attributes:
        epochs: Passes over the training images, each without its last, incomplete batch.
        batch: Images.
        critic_rate: Learning rate of Adam for the critic.
        generator_rate: For the generator and what is trained along with it.
        betas: Of both.
        critic_steps: For one of the generator.
        ema_decay: Decay per step of the exponential moving average of the weights that is kept in the end; ``None``
            keeps the last weights. It is smaller at the beginning.
        linear_decay: Let the learning rates fall linearly to 0 along the run (Gulrajani et al., 2017, on CIFAR-10).
        bfloat16: Compute layers in it on a CPU that knows it: an update takes two thirds of its time. On a GPU layers
            this small wait to be launched, whatever they compute in.
    """

    epochs: int
    batch: int
    critic_rate: float
    generator_rate: float
    betas: tuple[float, float] = (0.5, 0.999)
    critic_steps: int = 1
    ema_decay: float | None = None
    linear_decay: bool = False
    bfloat16: bool = False

    def in_bfloat16(self, device: torch.device) -> bool:
        """Whether layers compute in it there."""
        return self.bfloat16 and device.type == "cpu" and cpu_knows_bfloat16()


def fit_adversarial(loss: AdversarialLoss, images: Tensor, settings: AdversarialSettings, run: Run) -> None:
    """Fit the loss's model to images ``(N, channels, height, width)`` in [0, 1], and leave it in evaluation mode.

    Raises:
        RecipeError: if there are fewer images than a batch has.
        DivergenceError: if a loss is no longer finite.
        StateError: if a run is to be continued that cannot be.
    """
    if len(images) < settings.batch:
        raise RecipeError(f"{len(images)} training images are too few: a batch has {settings.batch}")
    loop = _Loop(loss, images, settings, run)
    if run.resume:
        loop.restore()
    while loop.position.epoch < settings.epochs:
        loop.epoch()
    loss.model.load_state_dict(loop.kept().state_dict())
    loss.model.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]  # not in its overloads


@dataclass
class _Loop:
    loss: AdversarialLoss
    images: Tensor
    settings: AdversarialSettings
    run: Run
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        loss, settings = self.loss, self.settings
        self.device = next(loss.model.parameters()).device
        on_gpu = self.device.type == "cuda"
        if self.images.nbytes < RESIDENT:
            self.images = self.images.to(self.device)
        bfloat16 = settings.in_bfloat16(self.device)
        if bfloat16:  # its convolutions want the channels of a pixel side by side
            loss.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its overloads
        self.average = deepcopy(loss.model)
        pairs = list(zip(self.average.state_dict().values(), loss.model.state_dict().values(), strict=True))
        self.averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self.copied = [pair for pair in pairs if not pair[0].is_floating_point()]
        self.critic = torch.optim.Adam(loss.critic_parameters(), settings.critic_rate, settings.betas, fused=on_gpu)
        self.generator = torch.optim.Adam(
            loss.generator_parameters(), settings.generator_rate, settings.betas, fused=on_gpu
        )
        self.gradients = RecordedGradients(loss) if on_gpu and loss.steady else Gradients(loss, bfloat16)
        self.noise_seed = derive(self.run.seed, "noise")
        self.order = Site("shuffle", (len(self.images),), Permutation())
        self.steps = len(self.images) // settings.batch
        self.frames = {round(settings.epochs ** (i / (FRAMES - 1))) for i in range(FRAMES)}
        self.said: set[str] = set()

    def epoch(self) -> None:
        number = self.position.epoch + 1
        self.loss.model.train()
        order = draw_noise([self.order], self.run.seed, number, number - 1)["shuffle"][0]
        batches = torch.split(order, self.settings.batch)[: self.steps]
        terms = [self.update(rows, (number - 1) * self.steps + i) for i, rows in enumerate(batches)]
        names = {name: None for named in terms for name in named}
        means = {name: float(torch.stack([t[name] for t in terms if name in t]).mean()) for name in names}
        check_finite(means, number)
        self.position = Position(number)
        self.save()
        samples = self.samples(self.kept()) if number in self.frames else None
        self.run.report(Epoch(number, self.settings.epochs, means, warning=self.warning(means), samples=samples))

    def update(self, rows: Tensor, step: int) -> dict[str, Tensor]:
        share = step / (self.steps * self.settings.epochs)
        if self.settings.linear_decay:
            self.critic.param_groups[0]["lr"] = self.settings.critic_rate * (1 - share)
            self.generator.param_groups[0]["lr"] = self.settings.generator_rate * (1 - share)
        latents, context = self.latents(len(rows), step, share), StepContext(self.noise_seed, step, share)
        images = sent(self.images[sent(rows, self.images.device)], self.device)
        real = self.loss.seen(images, latents)
        terms = self.gradients.of_critic(real, latents, context)
        self.critic.step()
        self.loss.bound_critic()
        if (step + 1) % self.settings.critic_steps == 0:
            terms |= self.gradients.of_generator()
            self.generator.step()
        self.follow(step)
        return terms

    def latents(self, rows: int, step: int, share: float) -> dict[str, Tensor]:
        model = self.loss.model
        sites = [Site(site.name, (rows, *site.shape), site.distribution) for site in model.sites]
        drawn = {name: t[0] for name, t in draw_noise(sites, self.noise_seed, step + 1, step).items()}
        return {n: sent(t, self.device) for n, t in model.completed(drawn, self.loss.codes(share)).items()}

    @torch.no_grad()
    def follow(self, step: int) -> None:
        if self.settings.ema_decay is None:
            return
        # A short memory at first: else the random weights that a run begins with weigh much in the mean of a short one.
        decay = min(self.settings.ema_decay, (1 + step) / (10 + step))
        torch._foreach_lerp_([mean for mean, _ in self.averaged], [now for _, now in self.averaged], 1 - decay)
        for count, now in self.copied:
            count.copy_(now)

    @property
    def share(self) -> float:
        return self.position.epoch / self.settings.epochs

    @torch.no_grad()
    def kept(self) -> Generator:
        """The model as it is to be if this epoch is the last.

        Of averaged weights, the statistics (of batch normalisation, of styles) are those of the images that these
        weights make: the average of the statistics of many networks is not the statistics of their average.
        """
        if self.settings.ema_decay is None:
            return self.loss.model
        model = deepcopy(self.average)
        codes = max(GLANCE, min(SETTLING, len(self.images))) if self.share == 1 else GLANCE
        batches = range(math.ceil(codes / self.settings.batch))
        model.recompute_statistics(self.latents(self.settings.batch, step, self.share) for step in batches)
        return model.eval()

    def samples(self, model: Generator) -> Tensor:
        return model.eval().generate(self.shown()).cpu()

    def shown(self) -> dict[str, Tensor]:
        return self.loss.model.latents(range(SHOWN), self.loss.codes(self.share))

    def warning(self, losses: Mapping[str, float]) -> str:
        """What looks wrong: when it begins, and once more at the end."""
        found = diverging(losses) | ({} if self.share <= BEGINNING else self.lopsided(losses))
        new = found if self.share == 1 else {name: text for name, text in found.items() if name not in self.said}
        self.said |= found.keys()
        return "; ".join(new.values())

    def lopsided(self, losses: Mapping[str, float]) -> dict[str, str]:
        some = self.images[:: max(1, len(self.images) // SHOWN)][:SHOWN].cpu()
        codes = {name: tensor[: len(some)] for name, tensor in self.shown().items()}
        real = self.loss.seen(some, codes)
        return lopsided(losses, pairwise_distance(self.samples(self.loss.model)), pairwise_distance(real))

    def groups(self) -> dict[str, dict[str, Tensor]]:
        return {
            "model": self.loss.model.state_dict(),
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
        self.loss.model.load_state_dict(groups["model"])
        self.average.load_state_dict(groups["average"])
        restore_optimiser(self.critic, groups["critic"])
        restore_optimiser(self.generator, groups["generator"])


def pairwise_distance(images: Tensor) -> float:
    """Mean distance of two different images: root mean square over the pixels."""
    return float(torch.pdist(images.flatten(1)).mean()) / math.sqrt(images[0].numel())
