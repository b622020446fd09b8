"""The variational free energy of a predictor: its negative ELBO."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from training.data import Split
from training.losses.class_weights import median_frequency
from training.losses.loss import Loss
from training.losses.objectives import negative_elbo
from training.losses.picture_augmentation import PictureAugmentation
from training.losses.step_context import StepContext
from training.losses.supervised_loss import SupervisedLoss

_BLOCK = 100
"""Number of rows whose outcomes are counted at a time: masks take eight times their bytes then."""


class FreeEnergy(SupervisedLoss):
    """The negative ELBO of a predictor on standardised targets, in nats per outcome; one draw per step.

    Args:
        model: Predictor to fit.
        train: Training rows.
        metric: Returns the validation cost in nats: the NLL, unless the likelihood has another.
        kl_weight: Weight of the KL term.
        kl_warm_up_steps: Number of steps along which that weight rises from 0.
        balanced: Whether rare classes count as much as frequent ones.
        augmentation: Random changes of the training pictures; ``None`` leaves them as they are.

    References:
        Blundell et al. (2015), Weight Uncertainty in Neural Networks, eq. 1.
    """

    def __init__(
        self,
        model: Predictor,
        train: Split,
        metric: Callable[[], float],
        kl_weight: float = 1.0,
        kl_warm_up_steps: float = 0.0,
        balanced: bool = False,
        augmentation: PictureAugmentation | None = None,
    ) -> None:
        self.augmentation = augmentation
        self.model = model
        self.predictor = model
        self.metric_name = "validation NLL" if model.likelihood.is_fitted_by_nll else "validation cost"
        self.outcomes = observed_outcomes(model, train)
        self.validate = metric
        self.kl_weight = kl_weight
        self.kl_warm_up_steps = kl_warm_up_steps
        self.steps = 0
        self.class_weights = _class_weights(model, train) if balanced else None

    def of_batch(self, batch: Split, context: StepContext) -> Loss:
        self.steps = context.step + 1
        posterior, likelihood = self.predictor.posterior, self.predictor.likelihood
        if self.augmentation is not None:
            batch = self.augmentation(batch, context)
        x = self.predictor.inputs.standardise(batch.inputs)
        target = self.predictor.outputs.standardise(batch.targets)
        draws = posterior.sample_for_training(context.seed, context.step, len(x))
        output = evaluate(posterior.network, x, draws)
        cost = likelihood.cost(output, target, likelihood.sample_noise(context.seed, context.step))
        observed = likelihood.observed(target).expand_as(cost)
        if self.class_weights is not None:
            cost = cost * self.class_weights.to(cost.device)[target.clamp_min(0)]
        kl = self.kl_weight_at(context.step) * posterior.kl(draws)
        return Loss("loss", negative_elbo(cost[observed], kl, self.outcomes))

    def kl_weight_at(self, step: int) -> float:
        """Return the weight of the KL term at a step."""
        return self.kl_weight * (min(1.0, step / self.kl_warm_up_steps) if self.kl_warm_up_steps else 1.0)

    @property
    def judges_the_answer(self) -> bool:
        posterior = self.predictor.posterior
        return (posterior.can_sample or posterior.fitted_after_training) and self.steps >= self.kl_warm_up_steps

    def after_epoch(self, progress: float) -> None:
        self.predictor.posterior.after_epoch(progress)

    def after_training(self, batches: Iterable[Split]) -> None:
        model = self.predictor
        standardised = ((model.inputs.standardise(x), model.outputs.standardise(target)) for x, target in batches)
        model.posterior.after_training(standardised, self.expand)

    def expand(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return what outcomes cost in nats, ``(R,)``, and the Hessians in their outputs, ``(R, C, C)``.

        Args:
            output: Outputs ``(R, C)``.
            target: Standardised targets ``(R, ...)``.
        """
        likelihood = self.predictor.likelihood
        cost, hessian = likelihood.cost(output, target), likelihood.hessian(output, target)
        if self.class_weights is None:
            return cost, hessian
        weights = self.class_weights.to(cost.device)[target.clamp_min(0)]
        return cost * weights, hessian * weights[:, None, None]

    def metric(self) -> float:
        return self.validate()


def observed_outcomes(model: Predictor, split: Split) -> int:
    """Return the number of outcomes of a split that count: void pixels and steps beyond the end do not."""
    parts = (part if part.is_floating_point() else part.long() for part in torch.split(split.targets, _BLOCK))
    return sum(int(model.likelihood.observed(model.outputs.standardise(part)).sum()) for part in parts)


def _class_weights(model: Predictor, train: Split) -> Tensor:
    """Return weights ``(C,)`` by the median frequency; rows that are one outcome each count as one image together."""
    images = train.targets if train.targets.ndim > 1 else train.targets.unsqueeze(0)
    return median_frequency((model.outputs.standardise(one.long()) for one in images), model.outputs.size)
