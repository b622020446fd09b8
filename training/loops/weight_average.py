"""The exponential moving average of a generator's weights along a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy

import torch
from torch import Tensor

from models.generation.generator import Generator
from training.losses.hook import Hook


class WeightAverage(Hook):
    """A model whose weights are the moving average of those that a run goes through.

    Args:
        model: Model that is trained.
        decay: Decay of the average per step. It is smaller at first: else the random weights that a run begins with
            weigh much in the average of a short one.

    Attributes:
        model: Model of the averaged weights.
    """

    def __init__(self, model: Generator, decay: float) -> None:
        self.decay = decay
        self.model = deepcopy(model)
        pairs = list(zip(self.model.state_dict().values(), model.state_dict().values(), strict=True))
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def after_step(self, step: int, progress: float) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_([mean for mean, _ in self._averaged], [now for _, now in self._averaged], 1 - decay)
        for count, now in self._counts:
            count.copy_(now)

    def finished(self, batches: Iterable[Mapping[str, Tensor]]) -> Generator:
        """Return a copy of the averaged model with statistics (of batch normalisation, of styles) of its own images.

        The average of the statistics of many networks is not the statistics of their average.

        Args:
            batches: Codes of the images to take the statistics from, ``(B, ...)`` each.
        """
        model = deepcopy(self.model)
        model.recompute_statistics(batches)
        return model.eval()
