"""Pictures of generators, one kind a file: every file has a ``PICTURE``, which says what it suits."""

from __future__ import annotations

import sys

from training.evaluation.generator import Gallery
from training.evaluation.plots.plot import Picture, discovered, png

PICTURES: dict[str, Picture[Gallery]] = discovered(sys.modules[__name__])
"""By the name of their files."""

_LARGEST = 250_000
"""Bytes: a hundred photographs in 32 colours would tell nothing of them."""


def hung(gallery: Gallery) -> dict[str, bytes]:
    """The PNG files of all pictures that suit a gallery, by name."""
    suiting = {file: picture for file, picture in PICTURES.items() if picture.suits(gallery)}
    return {file: png(picture.draw(gallery), _LARGEST) for file, picture in suiting.items()}
