"""Draws evaluated in bfloat16, and the error that this makes, in units of the error that few draws make anyway.

A processor with matrix instructions for bfloat16 multiplies it some eight times as fast as float32. It keeps 8 bits of
each number, so an answer moves by some thousandths of what the draws differ by; how far depends on the network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from models.prediction.draws import Draws, Functions, count, evaluate_in_chunks
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import DrawSums, Uncertainty

_ROUNDING = 1e-5
"""Difference of two answers that is above all rounding in float32, in any case."""


def in_bfloat16(model: Predictor) -> Predictor:
    """Return a model, made of a network, whose draws are evaluated in bfloat16; its mean function stays as it is."""
    exact = model.functions
    network = copy.deepcopy(model.posterior.network).to(torch.bfloat16)
    in_chunks = partial(evaluate_in_chunks, network, bytes_per_row=max(1, model.draw_bytes // 2))

    def outputs(x: Tensor, draws: Draws, *, vectorise: bool = True) -> Iterator[Tensor]:
        if not count(draws):
            yield from exact.outputs(x, draws, vectorise=vectorise)
            return
        halved = {name: tensor.to(torch.bfloat16) for name, tensor in draws.items()}
        for part in in_chunks(x.to(torch.bfloat16), halved, vectorise=vectorise):
            yield part.float()

    def together(x: Tensor, draws: Draws) -> tuple[Iterator[Tensor], Tensor, Tensor]:
        mean, drawn = ({n: tensor[some] for n, tensor in draws.items()} for some in (slice(1), slice(1, None)))
        return outputs(x, drawn), *exact.observe(x, mean)

    return model.with_functions(Functions(outputs, exact.observe, exact.together and together, exact.complete))


@torch.inference_mode()
def relative_error(exact: Predictor, other: Predictor, rows: Tensor, draws: Draws) -> float:
    """Return how far answers are apart, in standard errors of an answer by so many draws; the worst of the rows.

    The mean is compared with its standard error, and the epistemic variance with the one that it has itself when the
    draws' outputs are Gaussian, a share :math:`\\sqrt{2 / (S - 1)}` of it; of each row, the largest of its numbers.

    Args:
        exact: The model.
        other: Model of the same weights whose draws are evaluated by other means.
        rows: Raw rows ``(B, *shape)``.
        draws: Two draws or more.
    """
    one, two = (_summarise(model, rows, draws) for model in (exact, other))
    assert one.standard_error is not None  # there are several draws
    assert one.epistemic_variance is not None
    assert two.epistemic_variance is not None
    share = math.sqrt(2 / (count(draws) - 1))
    means = _largest(one.mean - two.mean) / _largest(one.standard_error).clamp_min(_ROUNDING)
    moved, spread = _largest(one.epistemic_variance - two.epistemic_variance), _largest(one.epistemic_variance)
    variances = moved / (share * spread).clamp_min(_ROUNDING)
    return float(torch.maximum(means, variances).max().nan_to_num(math.inf))


def _summarise(model: Predictor, rows: Tensor, draws: Draws) -> Uncertainty:
    parts = [DrawSums.of(part) for part in model.conditionals(rows, draws)]
    return model.summarise(sum(parts[1:], parts[0]))


def _largest(values: Tensor) -> Tensor:
    """Return the largest magnitude of each row, ``(B,)``."""
    return values.abs().flatten(1).amax(1)
