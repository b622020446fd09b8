"""The errors that models raise. The service turns them into status codes, in one table of its own."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a question that ends a refusal, if a known name is close to the one that was given; else nothing.

    Small and capital letters are close.

    >>> did_you_mean("mlp-mcdropout", ["mlp-swag", "mlp-mc_dropout"])
    "; did you mean 'mlp-mc_dropout'?"
    """
    close = find_nearest(given, known)
    return "" if close is None else f"; did you mean {close!r}?"


def find_nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to a given one, whatever its capitals; ``None`` if none is close."""
    small = {name.casefold(): name for name in known}
    close = get_close_matches(given.casefold(), small, n=1)
    return small[close[0]] if close else None


def list_names(names: Sequence[str], most: int) -> str:
    """Return names in a row, with the number of the others where they are more than so many.

    >>> list_names(["red", "green", "blue"], 3), list_names(["red", "green", "blue"], 1)
    ('red, green, blue', 'red and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(text: str, most: int = 300) -> str:
    """Return a text that may come from anywhere as one line that forges no log, of so many characters at most.

    >>> printable("line\\nINFO root: all is well")
    'line\\\\nINFO root: all is well'
    """
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:most])
    return shown if len(shown) <= most else f"{shown[:most]}..."


class CredenceError(Exception):
    """Base of every error that this project raises on purpose."""


class InputShapeError(CredenceError):
    """An input does not have the shape that the model takes.

    Attributes:
        pointer: JSON pointer of the first such row, or of all inputs.
    """

    def __init__(self, message: str, pointer: str = "/inputs") -> None:
        super().__init__(message)
        self.pointer = pointer


class InputValueError(CredenceError):
    """An input has the right shape but a value outside what the model takes: NaN, infinite or out of range.

    Attributes:
        pointer: JSON pointer of the first such value.
    """

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class PictureError(CredenceError):
    """A picture file that cannot be read, or not as it is; the message goes on after the name of the file."""


class LevelError(CredenceError):
    """A level of confidence that the calibration split is too small for."""


class RiskError(CredenceError):
    """A bound on the error among accepted rows that the calibration rows cannot promise."""


class ControlError(CredenceError):
    """A latent control that the generator does not have, or a value outside the control's range.

    Attributes:
        pointer: JSON pointer into the codes, as ``/digit`` or ``/z/3``; empty where the codes hold a control that does
            not exist, and ``None`` where several are at fault.
    """

    def __init__(self, message: str, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class NonFiniteOutputError(CredenceError):
    """A model answered NaN or infinity for an input that was fine."""


class ModelStructureError(CredenceError):
    """A network hides randomness, or mixes rows, so that a draw of it would not be one function."""


class CheckpointError(CredenceError):
    """A checkpoint that must not be served: damaged, incomplete, of another format or inconsistent."""


class ObjectStoreError(CredenceError):
    """An object store that cannot be used, or not now; the message names neither its address nor a secret."""


class UnknownComponentError(CredenceError):
    """A network, posterior, likelihood or generator of this name, or with these options, does not exist."""


class CatalogueError(CredenceError):
    """A component's file that does not define exactly one component."""
