"""Shares of the true outcomes of rows with many, of pixels and labels, that sets under risk control hold."""

from __future__ import annotations

import torch
from torch import Tensor

from models.guarantees.conformal import conformal_set, label_set
from models.specs import VOID


class FoundShares:
    """Shares of each class or label among a row's outcomes, and of all of them, added up block by block.

    Args:
        bounds: Thresholds of the sets by class or label, ``(C,)`` or one for all.
        labelled: Whether outcomes are labels of several, which are there or not; of classes there is one.

    Attributes:
        shares: Sums of the found shares over the rows that have an outcome of each class, and of any, ``(C + 1,)``.
        rows: Numbers of these rows, ``(C + 1,)``.
        members: Number of members of all sets.
        sets: Number of sets.
    """

    def __init__(self, bounds: Tensor, *, labelled: bool) -> None:
        self.bounds, self.labelled = bounds, labelled
        self.shares, self.rows = torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        self.members = self.sets = 0

    def add(self, probs: Tensor, targets: Tensor) -> None:
        """Add rows with probabilities ``(B, *positions, C)`` and labels ``(B, *positions)``, or labels of several."""
        if self.labelled:
            wanted, known, members = targets == 1, ~targets.isnan().all(-1), label_set(probs, self.bounds)
        else:
            known, members = targets != VOID, conformal_set(probs, self.bounds)
            wanted = (targets.unsqueeze(-1) == torch.arange(probs.shape[-1])) & known.unsqueeze(-1)
        self.members += int((members & known.unsqueeze(-1)).sum())
        self.sets += int(known.sum())
        by_class = (len(probs), -1, probs.shape[-1])
        found, there = (part.reshape(by_class).sum(1).double() for part in (members & wanted, wanted))
        found, there = (torch.cat([part, part.sum(1, keepdim=True)], 1) for part in (found, there))
        self.shares = self.shares + (found / there.clamp_min(1)).sum(0)
        self.rows = self.rows + (there > 0).sum(0)

    def by_class(self) -> list[float | None]:
        """Return the mean share of each class over the rows that have it; ``None`` where none has."""
        shares, rows = self.shares[:-1].tolist(), self.rows[:-1].tolist()
        return [share / n if n else None for share, n in zip(shares, rows, strict=True)]

    def of_all(self) -> float:
        """Return the mean share of all outcomes."""
        return float(self.shares[-1] / self.rows[-1])

    def mean_size(self) -> float:
        """Return the mean number of members of a set."""
        return self.members / self.sets
