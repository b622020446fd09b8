"""A long short-term memory, written step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.catalogue import Count, Share


class Recurrent(nn.Module):
    """A network of LSTM layers over the steps of a sequence, then a linear layer on the last state or at every step.

    Every dropout is called once per step on one step's features. So with MC-dropout one mask serves all time steps,
    which is the variational dropout of Gal & Ghahramani (2016, A Theoretically Grounded Application of Dropout in
    Recurrent Neural Networks); with Bayes by Backprop it is the Bayesian RNN of Fortunato et al. (2017).

    Sequences may be shorter than the others: NaN fills the steps after their end, which change no answer.

    Args:
        input_shape: Shape ``(steps, features)``, or that of an image, ``(channels, height, width)``, read row by row.
        outputs: Width of the last layer.
        hidden: Width of every layer's state.
        layers: Number of LSTM layers.
        many: Whether there is an output at every step, ``(B, steps, outputs)``, or one after the last.
        dropout: Probability of dropping a unit of a layer's state on its way up, to the next layer or the output.
        input_dropout: Probability of dropping an input feature.
        hidden_dropout: Probability of dropping a unit of a layer's state on its way to the next step.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        hidden: Count = 128,
        layers: Count = 1,
        many: bool = False,
        dropout: Share = 0.25,
        input_dropout: Share = 0.1,
        hidden_dropout: Share = 0.1,
    ) -> None:
        super().__init__()
        if len(input_shape) not in (2, 3):
            raise ValueError(f"a row of shape {input_shape} is no sequence; it takes (steps, features), or an image")
        if layers < 1:
            raise ValueError(f"{layers} layers are too few; 1 is the least")
        features = input_shape[-1] * (input_shape[0] if len(input_shape) == 3 else 1)
        widths, dropouts = [features, *[hidden] * (layers - 1)], [input_dropout, *[dropout] * (layers - 1)]
        self.many = many
        self.layers = nn.ModuleList(
            _LSTM(width, hidden, below, hidden_dropout) for width, below in zip(widths, dropouts, strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(B, outputs)``, or ``(B, steps, outputs)``, of rows ``(B, *input_shape)``.

        An output of a step after the end of its sequence is zero.
        """
        sequences = _steps(x)
        ended = sequences.isnan().any(-1, keepdim=True)
        steps: Sequence[Tensor] = sequences.masked_fill(ended, 0.0).unbind(1)
        for layer in self.layers:
            steps = layer(steps)
        if not self.many:
            last: Tensor = self.last(self.dropout(_last(steps, ended.unbind(1))))
            return last
        output: Tensor = self.last(torch.stack([self.dropout(state) for state in steps], 1))
        return torch.where(ended, 0.0, output)


def _steps(x: Tensor) -> Tensor:
    """Sequences as they are; images ``(B, channels, height, width)`` as ``(B, height, channels * width)``."""
    return x.transpose(1, 2).flatten(2) if x.ndim == 4 else x


def _last(states: Sequence[Tensor], ended: Sequence[Tensor]) -> Tensor:
    """Return the state ``(B, hidden)`` after the last step of each sequence, without a copy of all states."""
    last = states[0]
    for state, after in zip(states[1:], ended[1:], strict=True):
        last = torch.where(after, last, state)
    return last


class _LSTM(nn.Module):
    """One layer. The inputs' share of the gates is one product for all steps, the state's is one product a step."""

    def __init__(self, features: int, hidden: int, input_dropout: float, hidden_dropout: float) -> None:
        super().__init__()
        self.input_dropout = nn.Dropout(input_dropout)
        self.hidden_dropout = nn.Dropout(hidden_dropout)
        self.input_gates = nn.Linear(features, 4 * hidden)
        self.hidden_gates = nn.Linear(hidden, 4 * hidden, bias=False)
        self.hidden = hidden
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set initial weights as ``nn.LSTM`` does, but open the forget gates (Jozefowicz et al., 2015)."""
        bound = 1 / math.sqrt(self.hidden)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        nn.init.ones_(self.input_gates.bias[self.hidden : 2 * self.hidden])

    def forward(self, steps: Sequence[Tensor]) -> list[Tensor]:
        """Return the states ``(B, hidden)`` after each step, from the steps' inputs ``(B, features)``."""
        from_inputs = self.input_gates(torch.stack([self.input_dropout(step) for step in steps]))
        state = cell = steps[0].new_zeros(steps[0].shape[0], self.hidden)
        states = []
        for from_input in from_inputs.unbind(0):
            state, cell = _step(from_input + self.hidden_gates(self.hidden_dropout(state)), cell)
            states.append(state)
        return states


def _step(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next state and cell, both ``(B, hidden)``.

    Args:
        gates: Input, forget and output gate and candidate side by side, ``(B, 4 * hidden)``.
        cell: Cell before the step, ``(B, hidden)``.
    """
    hidden = cell.shape[-1]
    flows, candidate = torch.split(gates, [3 * hidden, hidden], -1)
    enter, keep, show = flows.sigmoid().chunk(3, -1)
    cell = keep * cell + enter * candidate.tanh()
    return show * cell.tanh(), cell
