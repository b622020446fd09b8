"""A pass of a stranger's network, whatever it raises."""

from __future__ import annotations

import dis
from typing import Any

from torch import Tensor, nn

from training.errors import ImportModelError
from training.run.importing.lines import line_of_error, quote


def try_rows(network: nn.Module, rows: Tensor) -> Any:
    """Return what a network does of some rows ``(B, *input_shape)``.

    Raises:
        ImportModelError: if it fails, or ends the program.
    """
    try:
        return network(rows)
    except BaseException as error:  # whatever a stranger's network may raise
        if is_interrupt(error):
            raise
        raise ImportModelError(
            f"{quote(line_of_error(error))}the network does not take {len(rows)} rows of shape"
            f" {tuple(rows.shape[1:])}: {first_line(error)}"
        ) from error


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error is the user's Ctrl-C, and none that a statement of some code has raised."""
    if not isinstance(error, KeyboardInterrupt):
        return False
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return last is None or last.tb_frame.f_code.co_code[last.tb_lasti] != dis.opmap["RAISE_VARARGS"]


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says; an exit, which says nothing, by its name."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"it raises {error!r}"
    return next(iter(str(error).strip().splitlines()), repr(error))
