"""Pictures of predictors, one kind a file: every file has a ``PICTURE``, which says what it suits."""

from __future__ import annotations

import sys

from training.evaluation.plots.plot import Picture, discovered, png
from training.evaluation.predictor import Subject

PICTURES: dict[str, Picture[Subject]] = discovered(sys.modules[__name__])
"""By the name of their files."""


def drawn(subject: Subject) -> dict[str, bytes]:
    """The PNG files of all pictures that suit a subject, by name."""
    return {file: png(picture.draw(subject)) for file, picture in PICTURES.items() if picture.suits(subject)}
