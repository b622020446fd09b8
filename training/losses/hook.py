"""Work at fixed points of a run, without a change to the loop that does it."""

from __future__ import annotations


class Hook:
    """Three moments of a run to act at; every method does nothing by default."""

    def before_step(self, step: int, progress: float) -> None:
        """Act before the gradients of a step are computed.

        Args:
            step: Number of steps before this one.
            progress: Share of the run that is done, in [0, 1).
        """

    def after_step(self, step: int, progress: float) -> None:
        """Act after an optimiser has changed the weights.

        Args:
            step: Number of steps before this one.
            progress: Share of the run that was done before this step, in [0, 1).
        """

    def after_epoch(self, progress: float) -> None:
        """Act after an epoch, before it is validated and saved.

        Args:
            progress: Share of the run that is done, in (0, 1].
        """
