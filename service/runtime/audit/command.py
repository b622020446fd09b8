"""The command that replays a line of the audit: ``python -m service replay LINE --input FILE``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from service.client.errors import ClientError
from service.http.audit.line import Line, decode_line
from service.runtime.audit.replay import Replay, ReplayError, Start, replay
from service.settings import read_settings

_DIFFERENT, _USER_ERROR = 1, 2


def replaying(start: Start) -> Callable[..., None]:
    """Return the command, which starts services of one model by a function."""

    def command(
        line: Annotated[str, typer.Argument(help="The line of the audit, or - to read it from the standard input.")],
        given: Annotated[Path, typer.Option("--input", help="File with the body of the request, as it was sent.")],
        store: Annotated[
            str | None,
            typer.Option(help="Folder of models, or address of an object store; CREDENCE_STORE if left out."),
        ] = None,
        out: Annotated[Path | None, typer.Option(help="File for the answer; standard output if left out.")] = None,
    ) -> None:
        """Answer a request of the audit once more: the same to the bit (exit code 0), or say what differs (1).

        The model is run here, by the same version of its checkpoint. Give an empty file for a request without a body.
        """
        recorded = _read(sys.stdin.read() if line == "-" else line)
        with tempfile.TemporaryDirectory() as folder:
            database = f"sqlite:///{folder}/outcomes.sqlite"  # a request may ask for its answer to be remembered
            chosen = {"store": store} if store else {}
            apart: dict[str, Any] = {"key_file": None, "database_keys": False, "audit_file": None, "tracing": False}
            try:
                settings = read_settings(**apart, **chosen, database_url=database)
                done = asyncio.run(replay(recorded, given.read_bytes(), settings, start))
                if done.answer is not None:
                    _write(done.answer, out)
            except (ReplayError, ClientError, ValueError) as error:
                _fail(str(error))
            except OSError as error:
                _fail(f"{error.filename or given}: {error.strerror or error}")
        for told in _lines(done):
            typer.echo(told, err=True)
        raise typer.Exit(0 if done.is_same else _DIFFERENT)

    return command


def _read(text: str) -> Line:
    try:
        return decode_line(text)
    except msgspec.DecodeError as error:
        _fail(f'LINE is not a line of the audit: {error}; quote the whole line, such as "$(tail -n 1 audit.jsonl)"')


def _write(answer: bytes, out: Path | None) -> None:
    if out is not None:
        out.write_bytes(answer)
    else:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


def _lines(done: Replay) -> list[str]:
    """Return what came of it, a line each."""
    if done.is_same:
        return [*done.differences, "the answer is the same to the bit"]
    if done.answer is None:
        return [*done.differences, "the request was not sent again: its input or its model is another one"]
    reasons = [one for one in done.differences if one.startswith("software")]
    hint = "" if reasons else (
        "input, model and software are the same: the settings of the service may differ (CREDENCE_*), or the outcomes"
        " that interval_method=adaptive goes by"
    )  # fmt: skip
    return [*done.differences, *filter(None, [hint]), "the answer is not the same"]


def _fail(message: str) -> NoReturn:
    """Print a message on one line of the standard error, and exit."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(_USER_ERROR)
