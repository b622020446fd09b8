"""Several yes-or-no answers at once: which labels a row has, which keys are pressed."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from models.prediction.likelihood import Likelihood
from models.prediction.uncertainty import Conditionals, bernoulli_entropy


class Bernoulli(Likelihood):
    """A distribution of ``size`` independent binary targets; the outputs are logits.

    A target is 0, 1, or NaN where it was not observed.
    """

    task = "multilabel"

    @property
    def outputs(self) -> int:
        return self.size

    def nll(self, output: Tensor, target: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood in nats, ``(..., B, *positions)``."""
        known = ~target.isnan()
        wanted = target.where(known, 0.0).expand_as(output)
        return F.binary_cross_entropy_with_logits(output, wanted, reduction="none").where(known, 0.0).sum(-1)

    def hessian(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the variances of the outcomes on the diagonal, ``(R, C, C)``: the Hessian whatever they are."""
        probs = output.sigmoid()
        return (probs * (1 - probs)).where(~target.isnan(), 0.0).diag_embed()

    def conditionals(self, output: Tensor, noise: Tensor | None = None) -> Conditionals:
        """Return each draw's probabilities ``(S, B, *positions, size)``, their variance and their entropy in nats."""
        probs = output.sigmoid()
        return Conditionals(probs, probs * (1 - probs), bernoulli_entropy(probs))
