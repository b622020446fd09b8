"""Ordinary networks, one a file, with ordinary dropout and no idea of uncertainty.

Each takes ``(input_shape, outputs)`` first and then its own options, maps ``(B, *input_shape)`` to ``(B, outputs)``
and calls its ``nn.Dropout`` modules where a posterior may put its masks. One that answers for every step or pixel puts
these axes between: ``(B, steps, outputs)``, ``(B, height, width, outputs)``. A module whose initial weights are not
those of its parts has a ``reset_parameters`` method, as PyTorch's own do.
"""

import sys

from torch import nn

from models.catalogue import components

NETWORKS = components(sys.modules[__name__], nn.Module)
