"""Clipped gradients have the norm that they may have, and the direction that they had."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.loops.clipping import clip_gradients

SHAPES = ((3, 4), (3,), (3, 2, 2))


def parameters(scale: float = 1.0) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    found = [torch.zeros(shape, requires_grad=True) for shape in SHAPES]
    for parameter in found:
        parameter.grad = scale * torch.randn(parameter.shape, generator=random)
    return found


def gradients(of: list[Tensor]) -> Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in of])


def test_it_is_what_pytorch_does_to_one_model() -> None:
    ours, theirs = parameters(), parameters()
    clip_gradients(ours, 0.5)
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    torch.testing.assert_close(gradients(ours), gradients(theirs))
    assert float(gradients(ours).norm()) == pytest.approx(0.5, rel=1e-5)


def test_smaller_gradients_stay_to_the_bit() -> None:
    ours = parameters()
    clip_gradients(ours, 1e6)
    assert torch.equal(gradients(ours), gradients(parameters()))


def test_each_of_many_models_has_a_norm_of_its_own() -> None:
    ours, before = parameters(), parameters()
    for parameter in (*ours, *before):
        parameter.grad *= torch.tensor([0.01, 1.0, 100.0]).view(-1, *(1 for _ in parameter.shape[1:]))
    clip_gradients(ours, 0.5, stacked=True)
    for model in range(3):
        alone, was = (torch.cat([p.grad[model].flatten() for p in of]) for of in (ours, before))
        torch.testing.assert_close(alone, was * min(1.0, 0.5 / float(was.norm())))


def test_parameters_without_a_gradient_do_not_count() -> None:
    ours = parameters()
    clip_gradients([*ours, torch.zeros(5, requires_grad=True)], 0.5)
    assert float(gradients(ours).norm()) == pytest.approx(0.5, rel=1e-5)
