"""Negative log-likelihood of observed outcomes under a predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from models.prediction.likelihood import Likelihood
from models.prediction.predictor import Predictor
from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals
from training.data import Split
from training.evaluation.predictions import blocks, mark_unobserved, predict_draws_in_chunks


def mean_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> float:
    """Return the mean negative log-likelihood in nats of the observed outcomes under the mixture of all draws.

    Args:
        predictor: A model in evaluation mode.
        split: Raw rows and targets.
        samples: Number of draws; 0 is the posterior's mean.
        seed: Seed of the draws.
    """
    total, count = 0.0, 0
    for rows in blocks(predictor, len(split.inputs)):
        part = split.rows(rows)
        total += float(outcome_nll(predictor, part, samples, seed).sum())
        count += int(predictor.likelihood.observed(mark_unobserved(predictor, part.targets)).sum())
    return total / count


@torch.inference_mode()
def mean_cost(predictor: Predictor, split: Split, samples: int, seed: int) -> float:
    """Return the mean of what training minimises, in nats, over observed outcomes and draws.

    Of a likelihood that is not fitted by its density, this is what tells epochs apart.

    Args:
        predictor: A model in evaluation mode.
        split: Raw rows and targets.
        samples: Number of draws; 0 is the posterior's mean.
        seed: Seed of the draws.
    """
    posterior, likelihood, device = predictor.posterior, predictor.likelihood, next(predictor.parameters()).device
    draws = posterior.sample(seed, samples) if samples else posterior.mean_function()
    total, count = 0.0, 0
    for rows in blocks(predictor, len(split.inputs)):
        part = split.rows(rows)
        x, target = (values.to(device) for values in (part.inputs, predictor.outputs.standardise(part.targets)))
        for output in predictor.functions.outputs(predictor.inputs.standardise(x), draws):
            total += float(likelihood.cost(output, target).double().sum())
            count += len(output) * int(likelihood.observed(target).sum())
    return total / count


@torch.inference_mode()
def outcome_nll(predictor: Predictor, split: Split, samples: int, seed: int) -> Tensor:
    r"""Compute the negative log-likelihood of each outcome under the mixture of all draws.

    .. math:: -\log \frac{1}{S} \sum_s p(y | x, w_s)

    For a regression it is the paper's estimator with a noise variance of each draw's own, in the targets' own units.
    The labels of a row, or of a step, are one outcome: the mixture is that of their joint probability.

    Args:
        predictor: A model in evaluation mode.
        split: Raw rows ``(B, *shape)`` with their targets.
        samples: Number of draws ``S``; 0 is the posterior's mean.
        seed: Seed of the draws.

    Returns:
        Nats, ``(B, *positions)``; 0 where nothing was observed.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, eq. 8 of the appendix.
    """
    targets = mark_unobserved(predictor, split.targets)
    density, total, draws = _density(predictor.likelihood), None, 0
    for part in predict_draws_in_chunks(predictor, split.inputs, samples, seed):
        here = density(part, targets.to(part.mean.device)).logsumexp(0).cpu()
        total = here if total is None else torch.logaddexp(total, here)
        draws += len(part.mean)
    assert total is not None  # there is at least one draw
    return (math.log(draws) - total).where(predictor.likelihood.observed(targets), 0.0)


def _density(likelihood: Likelihood) -> Callable[[Conditionals, Tensor], Tensor]:
    """Return the function of draws and targets that returns log-likelihoods ``(S, B, *positions)`` in nats."""
    if isinstance(likelihood, Regression):
        return partial(_log_density, likelihood)
    return {"classification": _log_probability, "multilabel": _log_joint_probability}[likelihood.task]


def _log_probability(drawn: Conditionals, targets: Tensor) -> Tensor:
    index = targets.clamp_min(0).expand(drawn.mean.shape[:-1]).unsqueeze(-1)
    return drawn.mean.gather(-1, index).squeeze(-1).double().clamp_min(torch.finfo(torch.float32).tiny).log()


def _log_density(likelihood: Regression, drawn: Conditionals, targets: Tensor) -> Tensor:
    known = ~targets.isnan()
    log_prob = likelihood.family(drawn.skew).log_prob(targets.where(known, 1.0), drawn.mean, drawn.variance.double())
    return log_prob.where(known, 0.0).sum(-1)


def _log_joint_probability(drawn: Conditionals, targets: Tensor) -> Tensor:
    known, probs = ~targets.isnan(), drawn.mean.double()
    of_target = torch.where(targets.where(known, 0.0) > 0.5, probs, 1 - probs)
    # A float32 sigmoid knows no probability between 1 - 2**-24 and 1.
    return of_target.clamp_min(2.0**-25).log().where(known, 0.0).sum(-1)
