"""The application: commands register here, and what the user can mend ends in one line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from models.errors import CredenceError
from training.cli.groups import expand_groups
from training.loops.processes import alone, join_processes

USER_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    help="Train models, and write them as checkpoints that the service loads.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def command(name: str, several_processes: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command of this name.

    Its parameters are options and arguments as in typer, or groups of options (:mod:`training.cli.groups`).

    Args:
        name: Name of the command.
        several_processes: Whether torchrun may start several processes for it.
    """
    surroundings = join_processes if several_processes else functools.partial(alone, name)

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*arguments: object, **options: object) -> None:
            with _one_line_errors(), surroundings():
                function(*arguments, **options)

        app.command(name)(expand_groups(run))
        return function

    return register


def fail(message: str, code: int = USER_ERROR) -> NoReturn:
    """Print a message on the standard error, a line or, for several problems, a line each; exit with this code."""
    first, *others = message.split("\n")
    typer.echo("\n".join([f"error: {_on_one_line(first)}", *(f"  {_on_one_line(line)}" for line in others)]), err=True)
    raise typer.Exit(code)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn errors that the user can mend into one line and exit code 2, without a traceback."""
    try:
        yield
    except CredenceError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}")
    except MemoryError as error:
        fail(f"there is not enough memory: {error}")
