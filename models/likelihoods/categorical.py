"""Classification: the outputs are logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from models.prediction.likelihood import Likelihood
from models.prediction.uncertainty import Conditionals, categorical_entropy
from models.specs import VOID


class Categorical(Likelihood):
    """A distribution of one of ``size`` classes; the outputs are logits and a target is a class index."""

    task = "classification"

    @property
    def outputs(self) -> int:
        return self.size

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        logits, indices = output.flatten(0, -2), target.expand(output.shape[:-1]).flatten()
        return F.cross_entropy(logits, indices, ignore_index=VOID, reduction="none").view(output.shape[:-1])

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the covariance of a one-hot outcome, ``(R, C, C)``: the Hessian whatever the class."""
        probs = output.softmax(-1).where(self.observed(target).unsqueeze(-1), 0.0)
        return probs.diag_embed() - probs.unsqueeze(-1) * probs.unsqueeze(-2)

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's probabilities ``(S, B, *positions, size)``, their variance and their entropy in nats."""
        probs = output.softmax(-1)
        return Conditionals(probs, probs * (1 - probs), categorical_entropy(probs))

    def observed(self, target: Tensor) -> Tensor:
        """Return which class indices ``(B, *positions)`` are not void."""
        return target != VOID
