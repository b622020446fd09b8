"""The search for a style: it comes near, tells how far it is, and has one answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.generation.projection import projection, ramp

MATRIX = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0.5, -0.3, 0.2, 0.9])


def paint(w: Tensor) -> Tensor:
    return torch.sigmoid(w @ MATRIX.T).unflatten(1, (1, 3, 4))


def search(steps: int) -> list:
    start = torch.zeros(4)
    return list(projection(paint, lambda images: [images.mean(1)], start, paint(TARGET[None])[0], steps))


def test_it_finds_the_style_of_an_image_that_has_one() -> None:
    found = search(200)
    assert found[-1].loss < 1e-4 * found[0].loss
    torch.testing.assert_close(found[-1].w, TARGET, rtol=0, atol=0.02)


def test_every_step_tells_where_it_is() -> None:
    found = search(20)
    assert [(p.step, p.steps) for p in found] == [(i, 20) for i in range(1, 21)]
    assert not found[0].w.any()
    for p in found:
        torch.testing.assert_close(p.image, paint(p.w[None])[0])
        assert not p.image.requires_grad


def test_it_repeats_to_the_bit() -> None:
    assert all(torch.equal(a.w, b.w) for a, b in zip(search(20), search(20), strict=True))


def test_the_learning_rate_goes_up_and_comes_down() -> None:
    assert ramp(0.0) == ramp(1.0) == 0
    assert ramp(0.5) == 1
    assert ramp(0.9) == pytest.approx(0.345, abs=1e-3)
