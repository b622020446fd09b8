"""Networks as people outside this house write them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """A residual block with dropout inside the branch."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu, self.dropout = nn.ReLU(inplace=True), nn.Dropout(dropout)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Any:
        out = self.dropout(self.relu(self.bn1(self.conv1(x))))
        out = self.bn2(self.conv2(out))
        out += self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A residual network; with four widths and two blocks each it is ResNet-18."""

    def __init__(self, widths: tuple[int, ...], blocks: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        layers, before = [], widths[0]
        for i, width in enumerate(widths):
            for j in range(blocks):
                layers.append(Block(before, width, 2 if i and not j else 1, dropout))
                before = width
        self.layers = nn.Sequential(*layers)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(before, classes)

    def forward(self, x: Tensor) -> Any:
        x = self.layers(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class UNet(nn.Module):
    """Two levels with a skip connection and dropout of whole channels in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.middle = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Dropout2d(0.3))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.last = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))

    def forward(self, x: Tensor) -> Any:
        skip = self.down(x)
        return self.last(torch.cat([skip, self.up(self.middle(skip))], 1))


class VisionTransformer(nn.Module):
    """Patches, a class token and two encoder layers: dropout on the embedding, on attention and in the branches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.encoder(self.dropout(x))[:, 0])


class TimeFirstAttention(nn.Module):
    """Multi-head attention that returns its weights, with time as the first axis and a causal mask."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2, dropout=0.2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        steps = x.transpose(0, 1)
        mask = nn.Transformer.generate_square_subsequent_mask(5)
        with_weights = self.attention(steps, steps, steps, need_weights=True, attn_mask=mask)[0]
        without = self.attention(steps, steps, steps, need_weights=False, attn_mask=mask, is_causal=True)[0]
        return self.head(F.dropout(with_weights + without, 0.1, self.training).mean(0))


class Convolution1d(nn.Module):
    """A class for every step, channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout1d(0.25), nn.Conv1d(6, 4, 1)
        )

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)


class UnrolledGRU(nn.Module):
    """One cell over all steps, with a mask of its own at each."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.dropout, self.head = nn.GRUCell(3, 6), nn.Dropout(0.2), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Any:
        state = torch.zeros(x.shape[0], 6)
        for step in range(x.shape[1]):
            state = self.dropout(self.cell(x[:, step], state))
        return self.head(state)


class TwoHeads(nn.Module):
    """Regression with a log-variance, named the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2))
        self.mean, self.spread = nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.trunk(x)
        return {"std": F.softplus(self.spread(x)) + 1e-3, "mean": self.mean(x)}


class Functional(nn.Module):
    """Dropout as a function, once in place, and stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        x = F.dropout(torch.relu(self.first(x)), 0.2, self.training)
        x = F.dropout(torch.relu(self.second(x)), p=0.1, training=self.training, inplace=True)
        branch = torch.tanh(x)
        if self.training:
            branch = branch * x.new_empty(x.shape[0], 1).bernoulli_(0.75).div_(0.75)
        return self.third(x + branch)


class Shared(nn.Module):
    """One dropout module after two layers, one of probability zero, and a spectral norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.third = nn.Linear(4, 8), nn.Linear(8, 2)
        self.second = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))
        self.drop, self.none = nn.Dropout(0.3), nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Any:
        x = self.drop(torch.tanh(self.first(x)))
        return self.third(self.none(self.drop(torch.tanh(self.second(x)))))


class Recurrent(nn.Module):
    """A recurrent layer of torch with dropout after it."""

    def __init__(self, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 6, layers, batch_first=True, dropout=dropout)
        self.gru, self.drop, self.head = nn.GRU(6, 4, batch_first=True), nn.Dropout(0.2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.drop(self.gru(self.drop(self.lstm(x)[0]))[0][:, -1]))


class Without(nn.Module):
    """No dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 768), nn.GELU(), nn.LayerNorm(768), nn.Linear(768, 3))

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)
