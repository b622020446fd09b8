"""A loss that is a mean over rows, as the supervised loop minimises it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import nn

from training.data import Split
from training.losses.hook import Hook
from training.losses.loss import Loss
from training.losses.step_context import StepContext


class SupervisedLoss(Hook, ABC):
    """A loss over batches of rows, and a metric on the validation split.

    It is a hook of its own run: a loss whose model has work to do after an epoch does it in :meth:`after_epoch`.

    Attributes:
        model: Model whose parameters are fitted.
        metric_name: Name of the value of :meth:`metric`.
    """

    model: nn.Module
    metric_name: str

    @property
    def judges_the_answer(self) -> bool:
        """Return whether the metric is already that of the model as it will answer, so that epochs can be compared.

        It is not as long as a posterior has yet to collect what its draws are made of, or a term yet to gain weight.
        """
        return True

    @abstractmethod
    def of_batch(self, batch: Split, context: StepContext) -> Loss:
        """Return the loss of a batch of rows.

        Args:
            batch: Inputs ``(B, ...)`` and targets ``(B, ...)``, on the model's device.
            context: Place of the step in its run; everything random in the loss is drawn from it.
        """

    @abstractmethod
    def metric(self) -> float:
        """Return a value of the validation split in nats, lower is better; the model stays as it is."""

    def after_training(self, batches: Iterable[Split]) -> None:
        """Act once the weights are final and the model is in evaluation mode; the default does nothing.

        Args:
            batches: Training rows in their order, on the model's device, some at a time.
        """
