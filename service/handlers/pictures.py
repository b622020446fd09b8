"""Pixels as PNG: single images, and contact sheets that say how they were made."""

from __future__ import annotations

import colorsys
import io
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

_TILE_PIXELS = 64
"""Smallest side of a tile on a contact sheet: smaller images are enlarged by a whole factor."""

_GAP_PIXELS = 2


def png(image: NDArray[np.float32], **notes: object) -> bytes:
    """Return a PNG of pixels in [0, 1], ``(channels, height, width)``; notes become text chunks, as JSON."""
    return _encoded(Image.fromarray(_bytes(image)), notes)


def contact_sheet(images: NDArray[np.float32], across: int | None = None, **notes: object) -> bytes:
    """Return images ``(n, channels, height, width)`` as one PNG, row by row: near square, or so many ``across``."""
    columns = across or math.ceil(math.sqrt(len(images)))
    scale = max(1, math.ceil(_TILE_PIXELS / max(images.shape[2:])))
    tile_height, tile_width = (side * scale for side in images.shape[2:])
    height, width = tile_height + _GAP_PIXELS, tile_width + _GAP_PIXELS
    rows = math.ceil(len(images) / columns)
    size = (columns * width - _GAP_PIXELS, rows * height - _GAP_PIXELS)  # gaps are between tiles only
    sheet = Image.new("L" if images.shape[1] == 1 else "RGB", size, "gray")
    for i, image in enumerate(images):
        tile = Image.fromarray(_bytes(image)).resize((tile_width, tile_height), Image.Resampling.NEAREST)
        sheet.paste(tile, (i % columns * width, i // columns * height))
    return _encoded(sheet, notes)


def segmentation(
    labels: NDArray[np.int64],
    doubt: NDArray[np.float64],
    colours: int,
    masks: NDArray[np.int8] | None = None,
    **notes: object,
) -> bytes:
    """Return a PNG with a row for each image: its labels in colours, and their entropy from black (0) to white (1).

    Args:
        labels: Indices of the classes, ``(n, height, width)``.
        doubt: Entropy as a share of its maximum, ``(n, height, width)``.
        colours: Number of classes.
        masks: Where each class may be, ``(n, height, width, classes)``, as 1 among 0: white on black, on the right of
            the others in the order of the classes.
        notes: Notes that become text chunks, as JSON.
    """
    hues = [colorsys.hsv_to_rgb(i / colours, 0.8, 1.0 if i % 2 else 0.65) for i in range(colours)]
    palette = np.rint(np.array(hues) * 255).astype(np.uint8)
    greys = [np.rint(doubt.clip(0, 1) * 255).astype(np.uint8)]
    if masks is not None:
        greys += [255 * mask.astype(np.uint8) for mask in np.moveaxis(masks, -1, 0)]
    panels = [palette[labels], *(grey[..., None].repeat(3, -1) for grey in greys)]
    return _encoded(Image.fromarray(np.concatenate(list(np.concatenate(panels, axis=2)), axis=0)), notes)


def maps(mean: NDArray[np.float64], deviation: NDArray[np.float64], **notes: object) -> bytes:
    """Return a PNG with a row for each image: the mean of each target and its deviation, each from black to white.

    Args:
        mean: Predictive means, ``(n, height, width, targets)``; black is the smallest of all, white the largest.
        deviation: Predictive standard deviations in the same shape.
        notes: Notes that become text chunks, as JSON.
    """
    units = [(part - part.min()) / max(float(np.ptp(part)), 1e-12) for part in (mean, deviation)]
    panels = [unit[..., target] for target in range(mean.shape[-1]) for unit in units]
    rows = np.concatenate(list(np.concatenate(panels, axis=2)), axis=0)
    return _encoded(Image.fromarray(np.rint(rows * 255).astype(np.uint8)), notes)


def ends(values: NDArray[np.float64]) -> list[float]:
    """Return the smallest and the largest of some values: what black and white of their picture are."""
    return [float(values.min()), float(values.max())]


def middle(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """Return the middle slice of volumes; other values as they are.

    Args:
        values: Values ``(n, depth, height, width, ...)``, or without the depth.
        axes: Number of axes after that of rows where there is no depth.
    """
    return values[:, values.shape[1] // 2] if values.ndim == axes + 2 else values


def _bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
    return pixels.transpose(1, 2, 0) if len(pixels) > 1 else pixels.reshape(pixels.shape[1:])


def _encoded(image: Image.Image, notes: dict[str, object]) -> bytes:
    text = PngInfo()
    for name, note in notes.items():
        text.add_text(name, json.dumps(note))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()
