"""Inception v3, whose features the Fréchet distance of the literature uses, where the user has its weights.

The weights are those that were ported from TensorFlow for that purpose (``pt_inception-2015-12-05``), as a safetensors
file with the same names of layers. With other weights the distance compares with no other.

References:
    Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision; Heusel et al. (2017), GANs Trained
    by a Two Time-Scale Update Rule, for the distance. The port's pooling leaves the padding out of its means, and the
    last block takes the largest value in place of the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.errors import DataError

SIZE = 2048
"""Number of features of an image."""
_SIDE = 299
_BLOCK = 50
_EPSILON = 1e-3

Layer = tuple[str, int, tuple[int, int], int]
"""Name, channels, kernel and stride of a convolution."""
Step = Layer | tuple[Layer, Layer]
"""A convolution, or two side by side whose channels are joined."""


def _layer(name: str, channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1) -> Layer:
    return name, channels, (kernel, kernel) if isinstance(kernel, int) else kernel, stride


_ACROSS, _DOWN = (1, 7), (7, 1)


def _block_a(pooled: int) -> list[list[Step]]:
    return [
        [_layer("branch1x1", 64)],
        [_layer("branch5x5_1", 48), _layer("branch5x5_2", 64, 5)],
        [_layer("branch3x3dbl_1", 64), _layer("branch3x3dbl_2", 96, 3), _layer("branch3x3dbl_3", 96, 3)],
        [_layer("branch_pool", pooled)],
    ]


def _block_b() -> list[list[Step]]:
    double: list[Step] = [_layer("branch3x3dbl_1", 64), _layer("branch3x3dbl_2", 96, 3)]
    return [[_layer("branch3x3", 384, 3, 2)], [*double, _layer("branch3x3dbl_3", 96, 3, 2)], []]


def _block_c(inner: int) -> list[list[Step]]:
    kernels = ((1, 1), _DOWN, _ACROSS, _DOWN, _ACROSS)
    double: list[Step] = [_layer(f"branch7x7dbl_{i}", 192 if i == 5 else inner, k) for i, k in enumerate(kernels, 1)]
    return [
        [_layer("branch1x1", 192)],
        [_layer("branch7x7_1", inner), _layer("branch7x7_2", inner, _ACROSS), _layer("branch7x7_3", 192, _DOWN)],
        double,
        [_layer("branch_pool", 192)],
    ]


def _block_d() -> list[list[Step]]:
    long: list[Step] = [_layer(f"branch7x7x3_{i}", 192, k) for i, k in enumerate(((1, 1), _ACROSS, _DOWN), 1)]
    return [
        [_layer("branch3x3_1", 192), _layer("branch3x3_2", 320, 3, 2)],
        [*long, _layer("branch7x7x3_4", 192, 3, 2)],
        [],
    ]


def _block_e() -> list[list[Step]]:
    def pair(name: str) -> tuple[Layer, Layer]:
        return _layer(f"{name}a", 384, (1, 3)), _layer(f"{name}b", 384, (3, 1))

    return [
        [_layer("branch1x1", 320)],
        [_layer("branch3x3_1", 384), pair("branch3x3_2")],
        [_layer("branch3x3dbl_1", 448), _layer("branch3x3dbl_2", 384, 3), pair("branch3x3dbl_3")],
        [_layer("branch_pool", 192)],
    ]


_STEM = [_layer("Conv2d_1a_3x3", 32, 3, 2), _layer("Conv2d_2a_3x3", 32, 3), _layer("Conv2d_2b_3x3", 64, 3)]
_STEM_AFTER_POOLING = [_layer("Conv2d_3b_1x1", 80), _layer("Conv2d_4a_3x3", 192, 3)]
_BLOCKS = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": _block_b(),
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": _block_d(),
    "Mixed_7b": _block_e(),
    "Mixed_7c": _block_e(),
}
_UNPADDED = {"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_4a_3x3"}


class _Convolution(nn.Module):
    def __init__(self, before: int, layer: Layer) -> None:
        super().__init__()
        name, channels, kernel, stride = layer
        padding = (0, 0) if stride > 1 or name in _UNPADDED else (kernel[0] // 2, kernel[1] // 2)
        self.conv = nn.Conv2d(before, channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Mixed(nn.Module):
    """Branches whose channels are joined. The last begins with pooling, which halves the sides if nothing follows."""

    def __init__(self, before: int, branches: Sequence[Sequence[Step]], *, largest: bool) -> None:
        super().__init__()
        self.branches, self.largest, self.channels = branches, largest, 0
        for branch in branches:
            now = before
            for step in branch:
                layers = _side_by_side(step)
                for layer in layers:
                    self.add_module(layer[0], _Convolution(now, layer))
                now = sum(layer[1] for layer in layers)
            self.channels += now

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._branch(x, branch, branch is self.branches[-1]) for branch in self.branches], 1)

    def _branch(self, x: Tensor, branch: Sequence[Step], pooling: bool) -> Tensor:
        if pooling and not branch:
            return F.max_pool2d(x, 3, 2)
        if pooling and self.largest:
            x = F.max_pool2d(x, 3, 1, 1)
        elif pooling:
            x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        for step in branch:
            x = torch.cat([self.get_submodule(layer[0])(x) for layer in _side_by_side(step)], 1)
        return x


def _side_by_side(step: Step) -> tuple[Layer, ...]:
    return (step,) if isinstance(step[0], str) else step


class Inception(nn.Module):
    """The network, up to the 2048 features before the classes."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for layer in (*_STEM, *_STEM_AFTER_POOLING):
            self.add_module(layer[0], _Convolution(channels, layer))
            channels = layer[1]
        for name, branches in _BLOCKS.items():
            block = _Mixed(channels, branches, largest=name == "Mixed_7c")
            self.add_module(name, block)
            channels = block.channels

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``(B, 2048)`` of images ``(B, 1 or 3, height, width)`` in [0, 1]."""
        x = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        x = F.interpolate(x, (_SIDE, _SIDE), mode="bilinear", align_corners=False) * 255 / 128 - 1
        for name, part in self.named_children():
            if name in ("Conv2d_3b_1x1", "Mixed_5b"):
                x = F.max_pool2d(x, 3, 2)
            x = part(x)
        return x.mean((2, 3))

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Return features ``(N, 2048)`` in float64 of images ``(N, 1 or 3, height, width)``, some at a time."""
        return torch.cat([self(part).double() for part in torch.split(images, _BLOCK)])


def load(path: Path) -> Inception:
    """Load the network with the user's weights; the file may have those of the classifiers too.

    Raises:
        DataError: if the file cannot be read, or if it lacks weights.
    """
    network = Inception()
    try:
        weights = safetensors.torch.load_file(path)
        needed = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
        network.load_state_dict({name: weights[name] for name in needed}, strict=False)
    except (OSError, safetensors.SafetensorError, KeyError, RuntimeError) as error:
        raise DataError(f"{path.name} is no safetensors file with the weights of Inception v3") from error
    return network.eval().requires_grad_(False)
