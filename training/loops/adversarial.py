"""The loop of two players: a critic that tells real images from generated ones, and a generator that learns from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.generation.generator import Generator
from models.noise import Site, draw_noise
from training.errors import RecipeError
from training.loops.diagnostics import Watch
from training.loops.gradient_step import GradientStep
from training.loops.gradients import Gradients
from training.loops.learning_rate import LearningRate
from training.loops.processes import count_processes
from training.loops.progress import Epoch, Run, epoch_means, shuffled
from training.loops.recorded_gradients import RecordedGradients
from training.loops.settings import AdversarialSettings
from training.loops.shared_rows import share_rows
from training.loops.state import Position, optimiser_tensors, restore_optimiser
from training.loops.weight_average import WeightAverage
from training.losses.adversarial_loss import AdversarialLoss
from training.losses.hook import Hook
from training.losses.loss import Report
from training.losses.step_context import StepContext, send
from training.seeds import derive

RESIDENT_BYTES = 2**31
"""Bytes of images up to which all are kept on a GPU; of more, each batch is sent there."""
SHOWN = 100
"""Images of fixed codes, those of the seeds from 0, that are looked at after every epoch."""
FRAMES = 12
"""Epochs of a run, at most, whose images are reported: the first, the last, and more early than late."""
STATISTICS_CODES = 25_000
"""Codes, at most, from whose images averaged weights take their statistics in the end. A fully connected WGAN's Fréchet
distance was 8.4 times the floor with the statistics of 640, 6.4 with those of 1280, and 5.9 from 12 800 on."""
PREVIEW_CODES = 2500
"""Codes where the images are only looked at, after an epoch, or the training images are fewer."""


def fit_adversarial(loss: AdversarialLoss, images: Tensor, settings: AdversarialSettings, run: Run) -> None:
    """Fit the loss's model, and leave it in evaluation mode.

    Args:
        loss: Losses of both players.
        images: Training images ``(N, channels, height, width)`` in [0, 1].
        settings: Hyper-parameters.
        run: Seed, state and report.

    Raises:
        RecipeError: if there are fewer images than a batch has, or a setting is of no use.
        DivergenceError: if a loss is no longer finite.
        StateError: if a run cannot be resumed.
    """
    if len(images) < settings.batch:
        raise RecipeError(f"{len(images)} training images are too few: a batch has {settings.batch}")
    loop = AdversarialLoop(loss, images, settings, run)
    if run.resume:
        loop.restore()
    while loop.position.epoch < settings.epochs:
        loop.epoch()
    loss.model.load_state_dict(loop.current_model().state_dict())
    loss.model.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]  # not in its overloads


@dataclass
class AdversarialLoop:
    """A run of both players, an epoch at a time.

    Attributes:
        loss: Losses of both players.
        images: Training images ``(N, channels, height, width)`` in [0, 1].
        settings: Hyper-parameters.
        run: Seed, state and report.
        position: Finished epochs.
    """

    loss: AdversarialLoss
    images: Tensor
    settings: AdversarialSettings
    run: Run
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        loss, settings = self.loss, self.settings
        self.device = next(loss.model.parameters()).device
        if self.images.nbytes < RESIDENT_BYTES:
            self.images = self.images.to(self.device)
        bfloat16 = settings.in_bfloat16(self.device)
        if bfloat16:  # its convolutions want the channels of a pixel side by side
            loss.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its overloads
        self.average = None if settings.ema_decay is None else WeightAverage(loss.model, settings.ema_decay)
        critic, generator = list(loss.critic_parameters()), list(loss.generator_parameters())
        self.critic = self._player(critic, settings.critic_rate, *loss.critic_hooks)
        self.generator = self._player(generator, settings.generator_rate)
        replayed = self.device.type == "cuda" and loss.replayable and count_processes() == 1
        self.gradients = RecordedGradients(loss) if replayed else Gradients(loss, bfloat16)
        self.noise_seed = derive(self.run.seed, "noise")
        self.steps = len(self.images) // settings.batch
        self.frames = {round(settings.epochs ** (i / (FRAMES - 1))) for i in range(FRAMES)}
        self.watch = Watch()

    def _player(self, parameters: list[nn.Parameter], rate: float, *hooks: Hook) -> GradientStep:
        fused = self.device.type == "cuda"
        optimiser = torch.optim.Adam(parameters, rate, self.settings.betas, fused=fused)
        return GradientStep(
            optimiser, self.settings.clip_norm, (LearningRate(optimiser, self.settings.schedule), *hooks)
        )

    @property
    def progress(self) -> float:
        """The share of the run that is done, in [0, 1]."""
        return self.position.epoch / self.settings.epochs

    def epoch(self) -> None:
        """Go once through the training images, save the state and report."""
        number = self.position.epoch + 1
        self.loss.model.train()
        order = shuffled(len(self.images), self.run.seed, number)
        batches = torch.split(order, self.settings.batch)[: self.steps]
        first = (number - 1) * self.steps
        means = epoch_means([self.update(rows, first + i) for i, rows in enumerate(batches)], number)
        self.position = Position(number)
        self.critic.after_epoch(self.progress)
        self.generator.after_epoch(self.progress)
        self.save()
        samples = self.samples(self.current_model()) if number in self.frames else None
        warning = self.watch.warning(means, self.progress, self.differences)
        self.run.report(Epoch(number, self.settings.epochs, means, warning=warning, samples=samples))

    def update(self, rows: Tensor, step: int) -> Report:
        """Take a step of the critic and, every ``critic_steps``-th time, one of the generator.

        Args:
            rows: Indices of the training images, int64 ``(B,)``.
            step: Number of updates before this one.
        """
        progress = step / (self.steps * self.settings.epochs)
        latents, context = self.latents(len(rows), step, progress), StepContext(self.noise_seed, step, progress)
        images = self.images[send(rows, self.images.device)].detach()  # this reads images that are still in files
        images = send(images, self.device)
        real = self.loss.resize(images, latents)
        with share_rows(self.loss.model):
            report, generated = self.critic.take(
                lambda: self.gradients.of_critic(real, latents, context), step, progress
            )
            if (step + 1) % self.settings.critic_steps == 0:
                report |= self.generator.take(lambda: self.gradients.of_generator(generated), step, progress)
        if self.average is not None:
            self.average.after_step(step, progress)  # a step of both
        return report

    def latents(self, rows: int, step: int, progress: float) -> dict[str, Tensor]:
        """Return the codes of a step's images, ``(rows, ...)`` each, on the device."""
        model = self.loss.model
        sites = [Site(site.name, (rows, *site.shape), site.distribution) for site in model.sites]
        drawn = {name: t[0] for name, t in draw_noise(sites, self.noise_seed, step + 1, step).items()}
        return {n: send(t, self.device) for n, t in model.complete(drawn, self.loss.codes(progress)).items()}

    @torch.no_grad()
    def current_model(self) -> Generator:
        """Return the model as it is kept if this epoch is the last."""
        if self.average is None:
            return self.loss.model
        last = self.progress == 1
        codes = max(PREVIEW_CODES, min(STATISTICS_CODES, len(self.images))) if last else PREVIEW_CODES
        batches = range(math.ceil(codes / self.settings.batch))
        return self.average.finished(self.latents(self.settings.batch, step, self.progress) for step in batches)

    def samples(self, model: Generator) -> Tensor:
        """Return the images ``(SHOWN, channels, height, width)`` that a model makes of fixed codes, on the CPU."""
        return model.eval().generate(self.shown_codes()).cpu()

    def shown_codes(self) -> dict[str, Tensor]:
        """Return the codes of the seeds ``0 .. SHOWN - 1`` at this point of the run, ``(SHOWN, ...)`` each."""
        return self.loss.model.latents(range(SHOWN), self.loss.codes(self.progress))

    def differences(self) -> tuple[float, float]:
        """Return how much generated images differ from each other, and real ones: root mean square over the pixels."""
        some = self.images[:: max(1, len(self.images) // SHOWN)][:SHOWN].cpu()
        codes = {name: tensor[: len(some)] for name, tensor in self.shown_codes().items()}
        real = self.loss.resize(some, codes)
        return pairwise_distance(self.samples(self.loss.model)), pairwise_distance(real)

    def save(self) -> None:
        """Save the state, if the run keeps one."""
        if self.run.state is not None:
            self.run.state.save(self.position, self.groups())

    def groups(self) -> dict[str, dict[str, Tensor]]:
        """Return all tensors that an unfinished run needs to go on, by owner and name."""
        return {
            "model": self.loss.model.state_dict(),
            "average": {} if self.average is None else self.average.model.state_dict(),
            "critic": optimiser_tensors(self.critic.optimiser),
            "generator": optimiser_tensors(self.generator.optimiser),
        }

    def restore(self) -> None:
        """Go on from the saved state.

        Raises:
            StateError: if there is none of this run.
        """
        assert self.run.state is not None  # who resumes has a state
        self.position, groups = self.run.state.load()
        self.loss.model.load_state_dict(groups["model"])
        if self.average is not None:
            self.average.model.load_state_dict(groups["average"])
        restore_optimiser(self.critic.optimiser, groups["critic"])
        restore_optimiser(self.generator.optimiser, groups["generator"])


def pairwise_distance(images: Tensor) -> float:
    """Return the mean distance of two different images ``(N, ...)``: root mean square over the pixels."""
    return float(torch.pdist(images.flatten(1)).mean()) / math.sqrt(images[0].numel())
