"""The one gradient step under every loop: nothing else in training calls an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch.optim import Optimizer

from training.errors import RecipeError
from training.loops.clipping import clip_gradients
from training.loops.processes import average_gradients
from training.losses.hook import Hook
from training.losses.loss import Loss, Report

T = TypeVar("T")


class GradientStep:
    """One step of an optimiser: hooks, gradients, their mean over all processes, clipping, update, hooks.

    Args:
        optimiser: Optimiser of the weights that a step changes.
        clip_norm: Largest L2 norm of all their gradients together; ``None`` leaves gradients as they are.
        hooks: Work before and after each step, and after each epoch.
        stacked: Whether the weights are those of many models, the models leading: each model's norm is then its own.

    Raises:
        RecipeError: if ``clip_norm`` is not positive.
    """

    def __init__(
        self, optimiser: Optimizer, clip_norm: float | None = None, hooks: Sequence[Hook] = (), stacked: bool = False
    ) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise RecipeError(f"gradients can be clipped to a positive norm, not to {clip_norm}; leave it out for none")
        self.optimiser = optimiser
        self.clip_norm = clip_norm
        self.hooks = hooks
        self.stacked = stacked

    def take(self, differentiate: Callable[[], T], step: int, progress: float) -> T:
        """Change the weights once.

        Args:
            differentiate: Leaves the gradients with the parameters; its answer is returned.
            step: Number of steps before this one.
            progress: Share of the run that is done, in [0, 1).
        """
        for hook in self.hooks:
            hook.before_step(step, progress)
        answer = differentiate()
        parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        average_gradients(parameters)
        if self.clip_norm is not None:
            clip_gradients(parameters, self.clip_norm, self.stacked)
        self.optimiser.step()
        for hook in self.hooks:
            hook.after_step(step, progress)
        return answer

    def minimise(self, loss: Callable[[], Loss], step: int, progress: float) -> Report:
        """Change the weights once, down the gradient of a loss alone, and return what it reports."""

        def differentiate() -> Report:
            self.optimiser.zero_grad()
            return backward(loss())

        return self.take(differentiate, step, progress)

    def after_epoch(self, progress: float) -> None:
        """Tell the hooks that an epoch is finished, when this share of the run, in (0, 1], is done."""
        for hook in self.hooks:
            hook.after_epoch(progress)


def backward(loss: Loss) -> Report:
    """Add the gradients of what a loss minimises to those of its parameters, and return what it reports."""
    loss.minimised.backward()  # type: ignore[no-untyped-call]
    return loss.report()
