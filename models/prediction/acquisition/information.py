"""What labels would tell about a model: the base that both kinds of outcomes fill."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from models.errors import InputShapeError

Proceed = Callable[[], None]
"""Called between two pieces of work; raises where nobody waits for them any more."""
MOST_VALUES = 2**21
"""Most numbers in a tensor on the way: 16 MB in float64."""


def go_on() -> None:
    """Do nothing between two pieces of work."""


class Information(ABC):
    r"""The information that labels of a pool's rows hold about the function that a model is.

    A draw is one function, so the labels of several rows are independent given a draw and dependent without it. This
    object knows the labels of which rows are already asked for: every gain is meant given those.

    Attributes:
        rows: Number of rows ``B`` of the pool.
        is_exact: ``False`` if gains are estimated from sampled labels of the rows that were added.
    """

    rows: int
    is_exact = True

    @abstractmethod
    def gains(self, rows: Tensor) -> Tensor:
        r"""Return what the label of each row would add, in nats, at least 0.

        .. math:: I(y; w \mid x, x_1, y_1, \ldots, x_k, y_k)

        in expectation over the labels :math:`y_1 \ldots y_k` of the rows that were added.

        Args:
            rows: Numbers of rows of the pool, int64 ``(b,)``.

        Returns:
            Float64 ``(b,)``.
        """

    @abstractmethod
    def add(self, row: int) -> None:
        """Ask for the label of a row, so that later gains are given it."""

    @abstractmethod
    def about(self, targets: Self, proceed: Proceed = go_on) -> Tensor:
        r"""Return what the label of each row would tell about the labels of other rows, in nats, on average over them.

        .. math:: \mathrm{EPIG}(x) = E_{x_*} \, I(y; y_* \mid x, x_*)

        Args:
            targets: Predictions of the same draws for ``T`` other rows.
            proceed: Called between two pieces of work.

        Returns:
            Float64 ``(B,)``, at least 0. Rows that were added do not count.

        References:
            Bickford Smith et al. (2023), Prediction-Oriented Bayesian Active Learning, eq. 5.
        """


def check_draws(draws: Tensor) -> None:
    """Refuse what are no predictions of several draws.

    Args:
        draws: Predictions of each draw, ``(S, B, C)``.

    Raises:
        InputShapeError: if they have another shape, or there is no draw or no row.
    """
    if draws.ndim != 3 or not draws.numel():
        raise InputShapeError(f"predictions have shape (S, B, C), none of them 0, not {tuple(draws.shape)}")


def check_same_draws(draws: int, others: int) -> None:
    """Refuse targets whose draws are not those of the pool.

    Raises:
        InputShapeError: if there are more or fewer.
    """
    if draws != others:
        raise InputShapeError(f"targets are predicted by {others} draws, the pool by {draws}; they must be the same")


def split_rows(rows: int, values_per_row: int) -> tuple[Tensor, ...]:
    """Return the numbers of all rows in blocks that need at most :data:`MOST_VALUES` values each."""
    return torch.split(torch.arange(rows), max(1, MOST_VALUES // max(1, values_per_row)))
