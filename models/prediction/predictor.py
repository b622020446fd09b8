"""A predictive model as it is trained, saved and served: a posterior, a likelihood and the units around them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from models.errors import NonFiniteOutputError
from models.prediction.draws import CHUNK_BYTES, Draws, Functions, activation_bytes, evaluate, evaluate_in_chunks
from models.prediction.evidence import energy, of_answer
from models.prediction.graph import graph_functions
from models.prediction.graph_network import GraphNetwork
from models.prediction.last_layer import LastLayer
from models.prediction.likelihood import Likelihood
from models.prediction.outputs import SentOutputs
from models.prediction.posterior import Posterior
from models.prediction.reference import Reference, coarse_inputs
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

STATISTICS, EVIDENCE = "statistics.", "evidence."
"""Beginnings of the names of what :meth:`Predictor.answer` returns."""

_SUMMARIES = {
    "classification": summarise_classification,
    "segmentation": summarise_classification,
    "multilabel": summarise_multilabel,
}


class Predictor(nn.Module):
    """A model from raw rows to a predictive distribution in the user's units.

    Training and the service call the same methods, so a figure on a model's card is what the service answers.

    Attributes:
        row_bytes: Bytes of the activations of the whole network for one row.
        draw_bytes: Bytes of those that every draw has its own of.
        positions: Shape of one row's outcomes: ``()`` if it has one, ``(steps,)``, or ``(height, width)``.
        last_layer: Last layer of the network, whose inputs are the features of a row.
        functions: Means of evaluating draws: the network itself, or a graph of it.
        reference: Training rows that distances are measured to; ``None`` before calibration and in old checkpoints.
    """

    _noise: Tensor | None

    def __init__(
        self,
        posterior: Posterior,
        likelihood: Likelihood,
        inputs: InputSpec,
        outputs: OutputSpec,
        reference: Reference | None = None,
    ) -> None:
        super().__init__()
        self.posterior = posterior
        self.likelihood = likelihood
        self.inputs = inputs
        self.outputs = outputs
        self.reference = reference
        if isinstance(posterior.network, GraphNetwork):
            self._take_graph(posterior.network)
        elif isinstance(posterior.network, SentOutputs):
            self._take_outputs(posterior.network)
        else:
            self._take_network(posterior.network)
        self.register_buffer("_noise", likelihood.sample_noise(), persistent=False)

    def _take_network(self, network: nn.Module) -> None:
        one = self.posterior.mean_function()
        self.row_bytes = activation_bytes(network, self.inputs.shape, one)
        self.draw_bytes = activation_bytes(network, self.inputs.shape, one, of=self.posterior.drawn)
        self.positions = _positions(network, self.inputs.shape, one)
        self.last_layer = LastLayer(network, self.inputs.shape, one)
        outputs_of = partial(evaluate_in_chunks, network, bytes_per_row=self.draw_bytes)
        self.functions = Functions(outputs_of, self.last_layer.evaluate)

    def _take_graph(self, network: GraphNetwork) -> None:
        self.row_bytes, self.draw_bytes, self.positions = network.row_bytes, network.draw_bytes, network.positions
        cpu = torch.device("cpu")
        self.functions = graph_functions(network.graph, self.posterior, self.row_bytes, self.draw_bytes, cpu)

    def _take_outputs(self, network: SentOutputs) -> None:
        self.row_bytes, self.draw_bytes, self.positions = network.row_bytes, network.draw_bytes, network.positions
        self.functions = Functions(network.outputs, network.observe)

    def with_functions(self, functions: Functions) -> Self:
        """Return this model, weights shared, with its draws evaluated by other means."""
        other = copy.copy(self)
        other.functions = functions
        return other

    @property
    def answers_steps_of_ragged_rows(self) -> bool:
        """Return whether there is an answer at every step, and a row may have fewer steps than others."""
        return self.inputs.ragged and bool(self.positions)

    @property
    def most_rows(self) -> int:
        """Return the number of rows whose activations fit in memory at a time, of the whole network."""
        return max(1, CHUNK_BYTES // max(1, self.row_bytes))

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
        x, draws = self.inputs.standardise(rows), draws or self.posterior.mean_function()
        yield from self._conditionals(self.functions.outputs(x, draws, vectorise=vectorise), aleatoric_samples)

    def _conditionals(self, outputs: Iterator[Tensor], aleatoric_samples: int | None) -> Iterator[Conditionals]:
        noise = self._noise if aleatoric_samples is None else self.likelihood.sample_noise(samples=aleatoric_samples)
        for output in outputs:
            conditionals = self.likelihood.conditionals(output / self.outputs.temperature, noise)
            yield self.likelihood.in_units(conditionals, self.outputs) if self.outputs.scale else conditionals

    def summarise(self, sums: DrawSums) -> Uncertainty:
        """Return statistics of some draws, one entry per row, from their sums.

        One function, drawn or the posterior's mean, says nothing epistemic.

        Raises:
            NonFiniteOutputError: if a sum is NaN or infinite.
        """
        if not (sums.squared_mean.sum() + sums.variance.sum() + sums.entropy.sum()).isfinite():
            raise NonFiniteOutputError("the model's output is not finite")
        return self._statistics(sums)

    def _statistics(self, sums: DrawSums) -> Uncertainty:
        if isinstance(self.likelihood, Regression):
            family = self.likelihood.family(None if sums.skew is None else sums.skew / sums.draws)
            summary = summarise_regression(sums, family.entropy)
        else:
            summary = _SUMMARIES[self.outputs.task](sums)
        return summarise_function(summary) if sums.draws < 2 else summary

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
        numbers = [self.available_samples(samples)]
        return next(self.predict_nested(rows, numbers, seed, aleatoric_samples))

    @torch.inference_mode()
    def predict_nested(
        self, rows: Tensor, numbers: Sequence[int], seed: int = 0, aleatoric_samples: int | None = None
    ) -> Iterator[Uncertainty]:
        """Yield the predictive distribution of raw rows after each number of draws, all in one pass.

        Args:
            rows: Raw rows ``(B, *shape)``, checked by :meth:`InputSpec.rows`.
            numbers: Numbers of draws, rising, all of them available; 0 is the posterior's mean alone.
            seed: Seed of the draws.
            aleatoric_samples: Number of samples of a likelihood's own noise; ``None`` is its default.
        """
        if numbers and not numbers[0]:
            yield self._answer(
                rows, DrawSums.of(next(self.conditionals(rows, {}, aleatoric_samples=aleatoric_samples)))
            )
        sums: DrawSums | None = None
        drawn, last = 0, max(numbers, default=0)
        for start in range(0, last, self.draw_block):
            draws = self.posterior.sample(seed, min(start + self.draw_block, last), start)
            for conditionals in self.conditionals(rows, draws, aleatoric_samples=aleatoric_samples):
                for part in conditionals.split([number - drawn for number in numbers]):
                    more = DrawSums.of(part)
                    sums, drawn = more if sums is None else sums + more, drawn + more.draws
                    if drawn in numbers:
                        yield self._answer(rows, sums)

    def _answer(self, rows: Tensor, sums: DrawSums) -> Uncertainty:
        answer = self.summarise(sums)
        return without_padding(answer, rows) if self.answers_steps_of_ragged_rows else answer

    @torch.inference_mode()
    def observe(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the posterior's mean function makes of raw rows ``(B, *shape)``.

        Returns:
            Outputs ``(B, *positions, outputs)``, the features that its last layer read ``(B, features)``, and the
            rows as they are compared with each other, ``(B, inputs)``.
        """
        x, draw = self.inputs.standardise(rows), self.posterior.mean_function()
        parts = torch.split(x, self.most_rows)
        outputs, features = zip(*(self.functions.observe(part, draw) for part in parts), strict=True)
        return torch.cat(outputs), torch.cat(features), coarse_inputs(x, self.inputs)

    def observed_evidence(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the evidence of the mean function, ``(B,)`` by its kind; none without a :class:`Reference`.

        It is the same for any number of draws. :mod:`models.prediction.evidence` says what the kinds mean.
        """
        if self.reference is None:
            return {}
        return self._weigh(self.reference, *self.observe(rows))

    def _weigh(self, reference: Reference, outputs: Tensor, features: Tensor, compared: Tensor) -> dict[str, Tensor]:
        found = reference.distances(features, compared)
        if self.outputs.outcome == "classification" and outputs.shape[-1] == self.outputs.size:
            found["energy"] = energy(outputs / self.outputs.temperature)
        return found

    def conditionals_and_evidence(
        self, rows: Tensor, draws: Draws, aleatoric_samples: int | None = None, *, vectorise: bool = True
    ) -> tuple[Iterator[Conditionals], dict[str, Tensor]]:
        """Return the :meth:`conditionals` of draws and the :meth:`observed_evidence`, together where that is cheaper.

        Args:
            rows: Raw rows ``(B, *shape)``.
            draws: Draws of the posterior; there may be none.
            aleatoric_samples: Number of samples of a likelihood's own noise; ``None`` is its default.
            vectorise: Whether the draws run as one batched program.
        """
        if self.reference is None or self.functions.together is None or not draws:
            conditionals = self.conditionals(rows, draws, vectorise=vectorise, aleatoric_samples=aleatoric_samples)
            return conditionals, self.observed_evidence(rows)
        x = self.inputs.standardise(rows)
        parts, outputs, features = self.functions.together(x, self.with_mean_function(draws))
        observed = self._weigh(self.reference, outputs, features, coarse_inputs(x, self.inputs))
        return self._conditionals(parts, aleatoric_samples), observed

    def with_mean_function(self, draws: Draws) -> Draws:
        """Return draws ``(1 + S, ...)`` of which the first is the posterior's mean function."""
        mean, drawn = (self.functions.complete(some) for some in (self.posterior.mean_function(), draws))
        return {name: torch.cat([mean[name], tensor]) for name, tensor in drawn.items()}

    def answer(self, x: Tensor, outputs: Tensor, observed: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Return all statistics and all evidence of rows from what the network returned, as :meth:`predict` has them.

        It is one function of tensors, that a graph can be made of (:mod:`models.prediction.answer_graph`); whether the
        results are finite is not looked at.

        Args:
            x: Standardised rows ``(B, *shape)``.
            outputs: Outputs of the draws ``(S, B, *positions, outputs)``, two draws or more.
            observed: Output of the posterior's mean function ``(B, *positions, outputs)``.
            features: Features that its last layer read, ``(B, features)``.

        Returns:
            Statistics by their names in :class:`Uncertainty` with :data:`STATISTICS` before them, and evidence by its
            kind with :data:`EVIDENCE` before it.
        """
        (conditionals,) = self._conditionals(iter([outputs]), None)
        statistics = self._statistics(DrawSums.of(conditionals))
        weighed: dict[str, Tensor] = {}
        if self.reference is not None:
            weighed = self._weigh(self.reference, observed, features, coarse_inputs(x, self.inputs))
        estimated = {name: values for name, values in vars(statistics).items() if values is not None}
        parts = {STATISTICS: estimated, EVIDENCE: self.evidence(statistics, weighed)}
        return {f"{part}{name}": values for part, named in parts.items() for name, values in named.items()}

    def evidence(self, answer: Uncertainty, observed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all evidence that the model does not know about rows, ``(B,)`` by its kind.

        Args:
            answer: Statistics of the rows.
            observed: Their :meth:`observed_evidence`.
        """
        return of_answer(answer, self.outputs) | dict(observed)


@torch.no_grad()
def _positions(network: nn.Module, input_shape: tuple[int, ...], draw: Draws) -> tuple[int, ...]:
    training = network.training
    try:
        return tuple(evaluate(network.eval(), torch.zeros(1, *input_shape), draw).shape[2:-1])
    finally:
        network.train(training)
