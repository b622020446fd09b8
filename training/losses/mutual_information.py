"""InfoGAN's loss: the GAN's, with what images must tell of their codes in both players' losses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from models.checkpoints.checkpoint import Model
from models.generators.infogan import CodePosterior, InfoGAN
from training.losses.adversarial_loss import AdversarialLoss, StepContext
from training.losses.augmentation import jittered
from training.losses.code_augmentation import Disguise
from training.losses.gan_losses import noisy, right
from training.losses.objectives import (
    categorical_code_nll,
    continuous_code_nll,
    discriminator_loss,
    generator_loss,
    mutual_information_bound,
    paired_information,
)


class InfoGANLoss(AdversarialLoss):
    """The GAN's loss, with the code's negative log-likelihood in both players' losses.

    Q learns from both: its head belongs to the generator's group and gathers the gradients of both losses.

    Args:
        categorical_weight: Of the term of the categorical codes, the paper's lambda.
        continuous_weights: Of those of the continuous codes, in their order; one weight is every code's. Equal codes
            can be turned into each other, so that each may mean a bit of everything; the heaviest takes first what
            images tell most clearly, and the next what is left.
        instance_noise: Deviation of the noise on all that the critic sees, on pixels in [-1, 1], at the start; it
            falls to nothing along the run (Sonderby et al., 2017).
        agreement: Weight of a term that makes Q give a real image and a jittered twin of it the same value of every
            categorical code (Ji et al., 2019); 0 leaves it out, as the paper does.
        disguises: By code, how made images are changed before Q reads that code off them. It reads all codes off the
            images as they are too, as in the paper, and both count half.

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
        disguises: Mapping[str, Disguise] | None = None,
    ) -> None:
        assert isinstance(model, InfoGAN)  # as the recipe's spec() says
        self.model = model
        self.infogan = model
        names = list(model.continuous)
        weights = continuous_weights * len(names) if len(continuous_weights) == 1 else continuous_weights
        self.weights = dict.fromkeys(model.categorical, categorical_weight) | dict(zip(names, weights, strict=True))
        self.instance_noise = instance_noise
        self.agreement = agreement
        self.disguises = disguises or {}

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        return itertools.chain(self.infogan.trunk.parameters(), self.infogan.judge.parameters())

    def generator_parameters(self) -> Iterator[nn.Parameter]:
        return itertools.chain(self.infogan.generator.parameters(), self.infogan.reader.parameters())

    def critic_loss(
        self, real: Tensor, fake: Tensor, latents: dict[str, Tensor], context: StepContext
    ) -> dict[str, Tensor]:
        judged_real, read_real = self.infogan.judge_and_read(self.blurred(real, "real", context))
        judged_fake, reads = self.judge_and_read_made(fake, "fake", context)
        adversary = discriminator_loss(judged_real, judged_fake)
        total = adversary + self.code_loss(reads, latents) - self.agreed(real, read_real, context)
        return {"total D loss": total, "D loss": adversary, "D right": right(judged_real, judged_fake)}

    def generator_loss(self, fake: Tensor, latents: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        judged, reads = self.judge_and_read_made(fake, "generated", context)
        adversary = generator_loss(judged)
        bound = categorical_bound(self.infogan, reads[0], latents)
        return {"total G loss": adversary + self.code_loss(reads, latents), "G loss": adversary, "L_I": bound}

    def judge_and_read_made(
        self, images: Tensor, purpose: str, context: StepContext
    ) -> tuple[Tensor, list[CodePosterior]]:
        """How real made images look, and the codes that they tell as they are and, if there are any, in disguise."""
        judged, plain = self.infogan.judge_and_read(self.blurred(images, purpose, context))
        if not self.disguises:
            return judged, [plain]
        reads = {
            disguise: self.infogan.judge_and_read(disguise(images, f"{purpose}/{i}", context))[1]
            for i, disguise in enumerate(dict.fromkeys(self.disguises.values()))
        }
        of = {name: reads[self.disguises[name]] if name in self.disguises else plain for name in self.weights}
        disguised = CodePosterior(
            {name: of[name].logits[name] for name in plain.logits},
            {name: of[name].mean[name] for name in plain.mean},
            {name: of[name].log_variance[name] for name in plain.log_variance},
        )
        return judged, [plain, disguised]

    def code_loss(self, reads: list[CodePosterior], latents: dict[str, Tensor]) -> Tensor:
        """``-log Q(c|x)`` of all codes, weighted; the mean over the ways that they were read."""
        return torch.stack([self._code_loss(read, latents) for read in reads]).mean()

    def _code_loss(self, read: CodePosterior, latents: dict[str, Tensor]) -> Tensor:
        kinds = {name: categorical_code_nll(logits, latents[name]) for name, logits in read.logits.items()}
        scales = {n: continuous_code_nll(read.mean[n], read.log_variance[n], latents[n]) for n in read.mean}
        return torch.stack([self.weights[name] * nll.mean() for name, nll in (kinds | scales).items()]).sum()

    def agreed(self, real: Tensor, read: CodePosterior, context: StepContext) -> Tensor:
        """What the values that Q gives a real image tell of those of its jittered twin: weighted, in nats."""
        if not self.agreement:
            return real.new_zeros(())
        twins = jittered(real, context)
        _, read_twins = self.infogan.judge_and_read(self.blurred(twins, "partner", context))
        shared = (paired_information(logits, read_twins.logits[name]) for name, logits in read.logits.items())
        return self.agreement * sum(shared, start=real.new_zeros(()))

    def blurred(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        return noisy(images, self.instance_noise / 2, purpose, context)  # on pixels in [0, 1]


def categorical_bound(model: InfoGAN, read: CodePosterior, latents: dict[str, Tensor]) -> Tensor:
    """``L_I`` of all categorical codes together, in nats; 0 where there are none."""
    bounds = (
        mutual_information_bound(math.log(values), categorical_code_nll(read.logits[name], latents[name]))
        for name, values in model.categorical.items()
    )
    return sum(bounds, start=torch.zeros(()))
