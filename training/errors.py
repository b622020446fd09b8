"""Errors of training. The command line prints each as one line, or as a line for each of several problems."""

from collections.abc import Iterable
from difflib import get_close_matches

from models.errors import CredenceError


class DataError(CredenceError):
    """A data set that is missing, damaged, or not of the kind that a recipe takes."""


class RecipeError(CredenceError):
    """A recipe that does not exist, or that does not go with the data."""


class StateError(CredenceError):
    """A saved training state that cannot be continued: none there, unreadable, or of another run."""


class DivergenceError(CredenceError):
    """A loss that is no longer finite."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest of the known names is meant, to append to a refusal; or nothing.

    >>> nearest("mlp-mcdropout", ["mlp-mc_dropout", "vae"]), nearest("price", ["size"])
    ("; did you mean 'mlp-mc_dropout'?", '')
    """
    small = {other.casefold(): other for other in known}
    found = get_close_matches(name.casefold(), small, 1)
    return f"; did you mean {small[found[0]]!r}?" if found else ""
