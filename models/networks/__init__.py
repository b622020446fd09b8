"""Ordinary networks, one a file, with ordinary dropout and no idea of uncertainty.

Each takes ``(input_shape, outputs)`` first and then its own options, maps ``(B, *input_shape)`` to ``(B, outputs)``
and calls its ``nn.Dropout`` modules where a posterior may put its masks.
"""

import sys

from torch import nn

from models.catalogue import components

NETWORKS = components(sys.modules[__name__], nn.Module)
