"""SegNet: unpooling, odd sides, and where its dropout is."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.networks.segnet import SegNet, unpool
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import evaluate

SHAPE = (3, 18, 25)


def segnet(channels: tuple[int, ...] = (4, 6), convolutions: int = 1) -> SegNet:
    torch.manual_seed(0)
    return SegNet(SHAPE, 5, channels, convolutions, kernel=3)


@pytest.mark.parametrize("sides", [(4, 6), (5, 6), (5, 7), (1, 3)])
def test_unpooling_after_pooling_restores_the_maxima_and_nothing_else(sides: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *sides)
    pooled, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    unpooled = unpool(pooled, indices, x.shape[-2:])
    assert unpooled.shape == x.shape
    assert torch.equal(unpooled[unpooled != 0], x[unpooled != 0])
    assert torch.equal(F.max_pool2d(unpooled, 2, ceil_mode=True), pooled)
    assert int((unpooled != 0).sum()) == pooled.numel()


def test_unpooling_is_pytorchs() -> None:
    pooled, indices = F.max_pool2d(torch.rand(2, 3, 6, 8), 2, return_indices=True)
    assert torch.equal(unpool(pooled, indices, torch.Size((6, 8))), F.max_unpool2d(pooled, indices, 2))


@pytest.mark.parametrize("sides", [(1, 1), (7, 5), (16, 16), (90, 120)])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_pixel_has_its_outputs_last(sides: tuple[int, int], depth: int) -> None:
    network = SegNet((3, *sides), 5, (4,) * depth, kernel=3).eval()
    assert network(torch.rand(2, 3, *sides)).shape == (2, *sides, 5)


def test_the_defaults_are_segnet_basic() -> None:
    network = SegNet((3, 32, 32), 11)
    shapes = [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(64, 3, 7, 7), *[(64, 64, 7, 7)] * 7, (11, 64, 1, 1)]


def test_blocks_of_several_convolutions_mirror_each_other() -> None:
    shapes = [tuple(m.weight.shape[:2]) for m in segnet(convolutions=2).modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(4, 3), (4, 4), (6, 4), (6, 6), (6, 6), (4, 6), (4, 4), (4, 4), (5, 4)]


@pytest.mark.parametrize(("depth", "central"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_dropout_follows_the_central_blocks(depth: int, central: int) -> None:
    model = MCDropout(segnet((4,) * depth), SHAPE)
    encoder = [f"encoder.{block}.dropout.mask" for block in range(depth - central, depth)]
    decoder = [f"decoder.{block}.dropout.mask" for block in range(central)]
    assert [site.name for site in model.sites] == encoder + decoder


@torch.no_grad()
def test_draws_agree_with_the_loop_on_odd_sides() -> None:
    model = MCDropout(segnet(), SHAPE).eval()
    x, draws = torch.rand(2, *SHAPE), model.sample(0, 4)
    loop = evaluate(model.network, x, draws, vectorise=False)
    torch.testing.assert_close(evaluate(model.network, x, draws), loop, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{"channels": ()}, {"convolutions": 0}, {"kernel": 4}])
def test_a_network_that_cannot_exist_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="odd at least"):
        SegNet(SHAPE, 5, **options)  # type: ignore[arg-type]
