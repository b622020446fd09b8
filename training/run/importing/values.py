"""What a stranger's outputs are, by their values on rows of noise of several scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.example_rows import standard_noise
from training.run.importing.heads import PROBABILITIES, Head, Outputs, arrange

_ROWS, _SEED = 5, 1
_SCALES = (1.0, 0.1, 10.0)
_APART = 1e-5
"""Largest difference from one that the sum of probabilities may have."""


def probe_rows(inputs: InputSpec) -> Tensor:
    """Return standardised rows of noise ``(B, *shape)`` of several scales; ids and several inputs have one scale."""
    rows = standard_noise(inputs, _ROWS * len(_SCALES), _SEED)
    if inputs.kind == "tokens" or inputs.parts:
        return rows
    scales = torch.tensor(_SCALES).repeat_interleave(_ROWS)
    return rows * scales.reshape(-1, *[1] * len(inputs.shape))


def judge_values(heads: Sequence[Head], outputs: Outputs, results: Sequence[Tensor]) -> tuple[list[Head], Outputs]:
    """Return heads and outputs, with what the values of the results tell of them.

    Args:
        heads: The results that are taken.
        outputs: Their form.
        results: All results for rows of noise, in evaluation mode.

    Raises:
        ImportModelError: if a variance or a standard deviation is negative, or if a softmax is not over the outputs.
    """
    values = [arrange(results, [replace(head, measure="")]).float() for head in heads]
    if len(heads) == 2:
        return list(heads), replace(outputs, doubt=_judge_spread(values[1], heads[1]))
    (head,), (value,) = heads, values
    if _sum_to_one(value):
        return [replace(head, measure=PROBABILITIES)], _as_probabilities(outputs)
    if head.measure == PROBABILITIES:
        raise ImportModelError(
            "the network ends in a softmax, and its outputs do not sum to one: return what the softmax reads"
        )
    second = value[..., value.shape[-1] // 2 :]
    doubt = _doubt("the second half of the outputs", second, "log-variance")
    unit = outputs.unit or ("seen" if _in_unit(value) and not _constant(value) else "")
    return [head], replace(outputs, doubt=doubt, unit=unit)


def _as_probabilities(outputs: Outputs) -> Outputs:
    if outputs.activation == "softmax":
        return replace(outputs, unit="")
    taken = f"{outputs.taken}: probabilities, as all rows of noise sum to one, whose logarithm is taken"
    return replace(outputs, taken=taken, activation=PROBABILITIES, unit="")


def _judge_spread(values: Tensor, head: Head) -> str:
    """Return a caution on a spread; empty if there is none."""
    name, measure = head.name, head.measure
    if measure.startswith("log"):
        return _doubt(name, values, measure)
    if (values < 0).any():
        raise ImportModelError(
            f"{name} is {values.min():.3g} on a row of noise, and no {measure} is negative: return softplus or exp of"
            " it, or name it log_variance or log_std if it is a logarithm"
        )
    return f"{name} is 0 on rows of noise, which is taken as 1e-12" if (values == 0).any() else ""


def _doubt(name: str, values: Tensor, measure: str) -> str:
    if _constant(values) or not (values >= 0).all():
        return ""
    return f"{name} was never negative on rows of noise: if it is a spread and no {measure}, return its logarithm"


def _sum_to_one(values: Tensor) -> bool:
    return values.shape[-1] > 1 and _in_unit(values) and bool(((values.sum(-1) - 1).abs() <= _APART).all())


def _in_unit(values: Tensor) -> bool:
    return bool(((values >= 0) & (values <= 1 + _APART)).all())


def _constant(values: Tensor) -> bool:
    return bool((values == values.reshape(-1)[0]).all())
