"""What a canvas of the playground shows, pixel by pixel."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator

BETWEEN_COLOURS = 3
"""Levels of 256 by which a colour may differ from a straight line between two of the scale's."""


def colours(canvas: Locator) -> NDArray[Any]:
    """The colours of a canvas, ``(height, width, 3)``."""
    content = canvas.evaluate("canvas => canvas.toDataURL()")
    return np.array(Image.open(io.BytesIO(base64.b64decode(content.partition(",")[2]))))[..., :3]


def assert_on_scale(canvas: Locator, scale: Locator, values: NDArray[Any], low: float, high: float) -> None:
    """Values ``(height, width)`` have the colours that a scale from ``low`` to ``high`` gives them."""
    bar = colours(scale)[0].astype(float)
    places = np.linspace(low, high, len(bar))
    expected = np.stack([np.interp(values, places, channel) for channel in bar.T], -1)
    assert np.abs(colours(canvas) - expected).max() <= BETWEEN_COLOURS
