"""LeNet: two convolutions and a hidden layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.catalogue import Count, Share, Whole


class ConvNet(nn.Module):
    """A network of two blocks of convolution, ReLU and 2 x 2 max pooling, then one hidden layer.

    The defaults are LeNet as Gal & Ghahramani (2016, Bayesian convolutional neural networks) use it on MNIST, with
    dropout before the last layer only ("LeNet-ip"); ``conv_dropout`` adds it after each convolution ("LeNet-all").

    Args:
        input_shape: Shape ``(channels, height, width)`` of one image.
        outputs: Width of the last layer.
        channels: Output channels of the two convolutions.
        kernel: Side of the square kernels.
        padding: Zeros added on each side before a convolution.
        hidden: Width of the hidden layer.
        dropout: Probability of dropping a hidden unit.
        conv_dropout: Probability of dropping an element of a pooled feature map.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        channels: tuple[Count, Count] = (20, 50),
        kernel: Count = 5,
        padding: Whole = 0,
        hidden: Count = 500,
        dropout: Share = 0.5,
        conv_dropout: Share = 0.0,
    ) -> None:
        super().__init__()
        _check_size(input_shape, kernel, padding, len(channels))
        features: list[nn.Module] = []
        for before, after in zip((input_shape[0], channels[0]), channels, strict=True):
            features += [nn.Conv2d(before, after, kernel, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
            if conv_dropout:
                features.append(nn.Dropout(conv_dropout))
        self.features = nn.Sequential(*features, nn.Flatten())
        with torch.no_grad():
            flat = self.features(torch.zeros(1, *input_shape)).shape[1]
        self.classifier = nn.Sequential(
            nn.Linear(flat, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
        )

    def hidden(self, x: Tensor) -> Tensor:
        """Return the activations of the hidden layer before dropout, ``(B, hidden)``, of rows ``(B, *input_shape)``."""
        activation: Tensor = self.classifier[:2](self.features(x))
        return activation

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(B, outputs)`` of rows ``(B, *input_shape)``."""
        output: Tensor = self.classifier(self.features(x))
        return output


def _check_size(shape: tuple[int, ...], kernel: int, padding: int, blocks: int) -> None:
    if len(shape) != 3:
        raise ValueError(f"a row of shape {shape} is no image; it takes (channels, height, width)")
    side = min(shape[1:])
    for _ in range(blocks):
        side = (side + 2 * padding - kernel + 1) // 2
    if side < 1:
        raise ValueError(f"{shape[1]} x {shape[2]} pixels are too few for {blocks} convolutions {kernel} wide")
