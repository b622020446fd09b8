"""A predictive model as it is trained, saved and served: a posterior, a likelihood and the units around them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.errors import NonFiniteOutputError
from models.prediction.draws import CHUNK_BYTES, Draws, activation_bytes, evaluate, evaluate_in_chunks
from models.prediction.likelihood import Likelihood
from models.prediction.posterior import Posterior
from models.prediction.regression import Regression
from models.prediction.uncertainty import (
    Conditionals,
    DrawSums,
    Uncertainty,
    summarise_classification,
    summarise_function,
    summarise_multilabel,
    summarise_regression,
    without_padding,
)
from models.specs import InputSpec, OutputSpec

_SUMMARIES = {
    "classification": summarise_classification,
    "segmentation": summarise_classification,
    "multilabel": summarise_multilabel,
}


class Predictor(nn.Module):
    """A model from raw rows to a predictive distribution in the user's units.

    Training and the service call the same methods, so a figure on a model's card is what the service answers.

    Attributes:
        row_bytes: Bytes of the activations of one draw for one row.
        positions: Shape of one row's outcomes: ``()`` if it has one, ``(steps,)``, or ``(height, width)``.
    """

    _noise: Tensor | None

    def __init__(self, posterior: Posterior, likelihood: Likelihood, inputs: InputSpec, outputs: OutputSpec) -> None:
        super().__init__()
        self.posterior = posterior
        self.likelihood = likelihood
        self.inputs = inputs
        self.outputs = outputs
        one = posterior.mean_function()
        self.row_bytes = activation_bytes(posterior.network, inputs.shape, one)
        self.positions = _positions(posterior.network, inputs.shape, one)
        self.register_buffer("_noise", likelihood.sample_noise(), persistent=False)

    @property
    def answers_steps_of_ragged_rows(self) -> bool:
        """Return whether there is an answer at every step, and a row may have fewer steps than others."""
        return self.inputs.ragged and bool(self.positions)

    @property
    def draw_block(self) -> int:
        """Return the number of draws to make at a time: at most 50, fewer if one draw (a set of weights) is large."""
        draw_bytes = 4 * sum(math.prod(site.shape) for site in self.posterior.sites)
        return max(1, min(50, CHUNK_BYTES // max(1, draw_bytes)))

    def available_samples(self, samples: int) -> int:
        """Return the number of draws behind an answer of so many samples: fewer where the posterior has no more."""
        return samples if self.posterior.max_samples is None else min(samples, self.posterior.max_samples)

    def conditionals(
        self, rows: Tensor, draws: Draws, *, vectorise: bool = True, aleatoric_samples: int | None = None
    ) -> Iterator[Conditionals]:
        """Yield what each draw predicts for raw rows, in chunks along the draws.

        Args:
            rows: Raw rows ``(B, *shape)``, checked by :meth:`InputSpec.rows`.
            draws: Draws of the posterior; if empty, its :meth:`mean function <Posterior.mean_function>` is the one.
            vectorise: Whether the draws run as one batched program; see :func:`evaluate`.
            aleatoric_samples: Number of samples of a likelihood's own noise; ``None`` is its default.
        """
        x, network = self.inputs.standardise(rows), self.posterior.network
        draws = draws or self.posterior.mean_function()
        noise = self._noise if aleatoric_samples is None else self.likelihood.sample_noise(samples=aleatoric_samples)
        for output in evaluate_in_chunks(network, x, draws, self.row_bytes, vectorise=vectorise):
            conditionals = self.likelihood.conditionals(output / self.outputs.temperature, noise)
            yield self.likelihood.in_units(conditionals, self.outputs) if self.outputs.scale else conditionals

    def summarise(self, sums: DrawSums, *, of_mean_function: bool = False) -> Uncertainty:
        """Return statistics of some draws, one entry per row, from their sums.

        Args:
            sums: Sums over the draws.
            of_mean_function: Whether the one draw was the posterior's mean, so nothing epistemic is known.

        Raises:
            NonFiniteOutputError: if a sum is NaN or infinite.
        """
        if not all(t.isfinite().all() for t in (sums.squared_mean, sums.variance, sums.entropy)):
            raise NonFiniteOutputError("the model's output is not finite")
        if isinstance(self.likelihood, Regression):
            summary = summarise_regression(sums, self.likelihood.entropy)
        else:
            summary = _SUMMARIES[self.outputs.task](sums)
        return summarise_function(summary) if of_mean_function else summary

    @torch.inference_mode()
    def predict(
        self, rows: Tensor, samples: int = 50, seed: int = 0, aleatoric_samples: int | None = None
    ) -> Uncertainty:
        """Return the predictive distribution of raw rows.

        Args:
            rows: Raw rows ``(B, *shape)``, checked by :meth:`InputSpec.rows`.
            samples: Number of draws, as far as they are :meth:`available_samples`; 0 is the posterior's mean alone.
            seed: Seed of the draws: the first 50 of 200 are those of 50.
            aleatoric_samples: Number of samples of a likelihood's own noise; ``None`` is its default.
        """
        sums: DrawSums | None = None
        samples = self.available_samples(samples)
        for start in range(0, max(samples, 1), self.draw_block):
            stop = min(start + self.draw_block, samples)
            draws = self.posterior.sample(seed, stop, start) if samples else {}
            for conditionals in self.conditionals(rows, draws, aleatoric_samples=aleatoric_samples):
                part = DrawSums.of(conditionals)
                sums = part if sums is None else sums + part
        assert sums is not None  # the loop runs at least once
        answer = self.summarise(sums, of_mean_function=not samples)
        return without_padding(answer, rows) if self.answers_steps_of_ragged_rows else answer


@torch.no_grad()
def _positions(network: nn.Module, input_shape: tuple[int, ...], draw: Draws) -> tuple[int, ...]:
    training = network.training
    try:
        return tuple(evaluate(network.eval(), torch.zeros(1, *input_shape), draw).shape[2:-1])
    finally:
        network.train(training)
