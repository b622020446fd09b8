"""InfoGAN's loss: the GAN's, with what images must tell of their codes in both players' losses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from models.checkpoints.checkpoint import Model
from models.generators.infogan import CodePosterior, InfoGAN
from training.losses.adversarial_loss import AdversarialLoss, Latents
from training.losses.augmentation import augment
from training.losses.code_augmentation import CodeAugmentation
from training.losses.gan_losses import accuracy, add_instance_noise
from training.losses.loss import Loss
from training.losses.objectives import (
    categorical_code_nll,
    continuous_code_nll,
    discriminator_loss,
    generator_loss,
    mutual_information_bound,
    paired_information,
)
from training.losses.step_context import StepContext


class InfoGANLoss(AdversarialLoss):
    """The GAN's loss, with the code's negative log-likelihood in both players' losses.

    Q learns from both: its head belongs to the generator's group and gathers the gradients of both losses.

    Args:
        model: Both players and Q.
        categorical_weight: Weight of the term of the categorical codes, the paper's lambda.
        continuous_weights: Weights of the terms of the continuous codes, in their order; a single weight is every
            code's. Equal codes can be turned into each other, so that each may mean a bit of everything; the heaviest
            takes first what images tell most clearly, and the next what is left.
        instance_noise: Standard deviation of the noise on all that the critic sees, on pixels in [-1, 1], at the start;
            it falls to zero along the run (Sonderby et al., 2017).
        agreement: Weight of a term that makes Q give a real image and an augmented twin of it the same value of every
            categorical code (Ji et al., 2019); 0 leaves it out, as the paper does.
        code_augmentations: Changes of generated images, by the code that Q reads from them so changed. It reads all
            codes from the images as they are too, as in the paper, and both count half.

    References:
        Chen et al. (2016), InfoGAN, eq. 6.
    """

    def __init__(
        self,
        model: Model,
        categorical_weight: float = 1.0,
        continuous_weights: tuple[float, ...] = (0.1,),
        instance_noise: float = 0.0,
        agreement: float = 0.0,
        code_augmentations: Mapping[str, CodeAugmentation] | None = None,
    ) -> None:
        assert isinstance(model, InfoGAN)  # as the recipe's spec() says
        self.model = model
        self.infogan = model
        names = list(model.continuous)
        weights = continuous_weights * len(names) if len(continuous_weights) == 1 else continuous_weights
        self.weights = dict.fromkeys(model.categorical, categorical_weight) | dict(zip(names, weights, strict=True))
        self.instance_noise = instance_noise
        self.agreement = agreement
        self.code_augmentations = code_augmentations or {}

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        return itertools.chain(self.infogan.trunk.parameters(), self.infogan.judge.parameters())

    def generator_parameters(self) -> Iterator[nn.Parameter]:
        return itertools.chain(self.infogan.generator.parameters(), self.infogan.reader.parameters())

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        of_real, read_real = self.infogan.judge_and_read(self.with_noise(real, "real", context))
        of_fake, readings = self.judge_and_read_fake(fake, "fake", context)
        loss = discriminator_loss(of_real, of_fake)
        total = loss + self.code_loss(readings, latents) - self.twin_information(real, read_real, context)
        diagnostics = {"discriminator_loss": loss, "discriminator_accuracy": accuracy(of_real, of_fake)}
        return Loss("total_discriminator_loss", total, diagnostics)

    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        scores, readings = self.judge_and_read_fake(fake, "generated", context)
        loss = generator_loss(scores)
        bound = categorical_bound(self.infogan, readings[0], latents)
        diagnostics = {"generator_loss": loss, "information_bound": bound}
        return Loss("total_generator_loss", loss + self.code_loss(readings, latents), diagnostics)

    def judge_and_read_fake(
        self, images: Tensor, purpose: str, context: StepContext
    ) -> tuple[Tensor, list[CodePosterior]]:
        """Judge generated images, and read their codes as they are and, where there are any, augmented.

        Args:
            images: Generated images ``(B, channels, height, width)``.
            purpose: Name of the use: another use in the same step draws other noise.
            context: Place of the step in its run, which the noise is drawn from.

        Returns:
            The critic's values, ``(B,)``, and one reading of the codes or two.
        """
        scores, plain = self.infogan.judge_and_read(self.with_noise(images, purpose, context))
        if not self.code_augmentations:
            return scores, [plain]
        by_augmentation = {
            change: self.infogan.judge_and_read(change(images, f"{purpose}/{i}", context))[1]
            for i, change in enumerate(dict.fromkeys(self.code_augmentations.values()))
        }
        by_code = {
            name: by_augmentation[self.code_augmentations[name]] if name in self.code_augmentations else plain
            for name in self.weights
        }
        augmented = CodePosterior(
            {name: by_code[name].logits[name] for name in plain.logits},
            {name: by_code[name].mean[name] for name in plain.mean},
            {name: by_code[name].log_variance[name] for name in plain.log_variance},
        )
        return scores, [plain, augmented]

    def code_loss(self, readings: list[CodePosterior], latents: Latents) -> Tensor:
        """Return ``-log Q(c|x)`` of all codes in nats, weighted, a scalar: the mean over the readings."""
        return torch.stack([self._code_loss(reading, latents) for reading in readings]).mean()

    def _code_loss(self, read: CodePosterior, latents: Latents) -> Tensor:
        kinds = {name: categorical_code_nll(logits, latents[name]) for name, logits in read.logits.items()}
        scales = {n: continuous_code_nll(read.mean[n], read.log_variance[n], latents[n]) for n in read.mean}
        return torch.stack([self.weights[name] * nll.mean() for name, nll in (kinds | scales).items()]).sum()

    def twin_information(self, real: Tensor, read: CodePosterior, context: StepContext) -> Tensor:
        """Return the weighted information in nats, a scalar, between Q's values of real images and of augmented twins.

        Args:
            real: Training images ``(B, channels, height, width)``.
            read: Codes that Q reads from them.
            context: Place of the step in its run, which the twins are drawn from.
        """
        if not self.agreement:
            return real.new_zeros(())
        twins = augment(real, context)
        _, read_twins = self.infogan.judge_and_read(self.with_noise(twins, "partner", context))
        shared = (paired_information(logits, read_twins.logits[name]) for name, logits in read.logits.items())
        return self.agreement * sum(shared, start=real.new_zeros(()))

    def with_noise(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        """Return images ``(B, channels, height, width)`` in [0, 1] with the instance noise of this step."""
        return add_instance_noise(images, self.instance_noise / 2, purpose, context)  # half, on half the range


def categorical_bound(model: InfoGAN, read: CodePosterior, latents: Latents) -> Tensor:
    """Return ``L_I`` of all categorical codes together in nats, a scalar; 0 where there are none.

    Args:
        model: Model whose codes they are.
        read: Codes that Q reads from generated images.
        latents: Codes that the images were generated from, ``(B,)`` each.
    """
    bounds = (
        mutual_information_bound(math.log(values), categorical_code_nll(read.logits[name], latents[name]))
        for name, values in model.categorical.items()
    )
    return sum(bounds, start=torch.zeros(()))
