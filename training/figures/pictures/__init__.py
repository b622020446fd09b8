"""Pictures, one kind a file: every file has a ``PICTURE``, which says what it suits. Nothing else has to list them."""

from __future__ import annotations

import importlib
import pkgutil

from training.figures.picture import Picture, png
from training.figures.subject import Subject


def _discovered() -> dict[str, Picture]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    return {module.PICTURE.file: module.PICTURE for module in modules}


PICTURES = _discovered()
"""By the name of their files."""


def drawn(subject: Subject) -> dict[str, bytes]:
    """The PNG files of all pictures that suit a subject, by name."""
    return {file: png(picture.draw(subject)) for file, picture in PICTURES.items() if picture.suits(subject)}
