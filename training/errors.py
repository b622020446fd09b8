"""Errors of training. The command line prints each as one line, or as a line for each of several problems."""

from models.errors import CredenceError


class DataError(CredenceError):
    """A data set that is missing, damaged, or not of the kind that a recipe takes."""


class UnknownClassError(DataError):
    """Rows of a class that a model has no output for."""


class RecipeError(CredenceError):
    """A recipe that does not exist, or that does not go with the data."""


class StateError(CredenceError):
    """A saved training state that cannot be continued: none there, unreadable, or of another run."""


class DivergenceError(CredenceError):
    """A loss that is no longer finite."""


class ExportError(CredenceError):
    """A model that cannot become a graph, or one whose graph does not answer as the model does."""


class ImportModelError(CredenceError):
    """A network of someone else's that cannot be served: the place that is in the way, and the remedy."""
