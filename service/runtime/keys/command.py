"""The commands that make, list and revoke keys: ``python -m service keys add NAME --scopes predict``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from service.http.access.key_file import UnusableKeyFileError, changing_keys, read_keys
from service.http.access.keys import NAME_PATTERN, SCOPES, Key, Scope, make_key
from service.runtime.database.engine import FAILURES
from service.runtime.keys.database import KeyDatabase

_USER_ERROR = 2
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

_OUT_OF_USE = (UnusableKeyFileError, *FAILURES)

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Make, list and revoke API keys.")

File = Annotated[
    Path | None,
    typer.Option("--file", envvar="CREDENCE_KEY_FILE", help="File of keys; CREDENCE_KEY_FILE if left out."),
]

Database = Annotated[
    bool,
    typer.Option(
        "--database",
        envvar="CREDENCE_DATABASE_KEYS",
        help="Keys of the database that CREDENCE_DATABASE_URL names, in place of a file.",
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of whoever gets the key: small letters, digits and . _ -")],
    scopes: Annotated[str, typer.Option(help=f"What it may do, separated by commas: {', '.join(SCOPES)}.")],
    expires: Annotated[
        str, typer.Option(help='Time for which it is valid, such as 12h, 90d or 4w, or "never".')
    ] = "90d",
    file: File = None,
    database: Database = False,
) -> None:
    """Make a key, and print it: this once only, as nothing but its digest is kept."""
    if not re.fullmatch(NAME_PATTERN, name):
        _fail(f"{name!r} is no name; allowed are 1 to 64 small letters, digits and . _ -, the first a letter or digit")
    chosen, end = _scopes(scopes), _end(expires)
    key, text = make_key(name, chosen, end)
    try:
        with _changing(file, database) as keys:
            if any(one.name == name and one.state(key.created) == "valid" for one in keys):
                _fail(f"there is a valid key of the name {name}; revoke it first, or choose another name")
            keys.append(key)
    except _OUT_OF_USE as error:
        _fail(str(error))
    until = "for ever" if end is None else f"until {_time(end)}"
    typer.echo(f"key {key.id} of {name} may {', '.join(key.scopes)}, {until}; it is shown this once:", err=True)
    typer.echo(text)


@app.command(name="list")
def show(file: File = None, database: Database = False) -> None:
    """List all keys by id and name, with what they may do and whether they are valid."""
    now, keys = datetime.now(UTC), _read(file, database)
    typer.echo(_line("ID", "NAME", "STATE", "CREATED", "EXPIRES", "SCOPES"))
    for key in keys:
        expires = "never" if key.expires is None else _time(key.expires)
        typer.echo(_line(key.id, key.name, key.state(now), _time(key.created), expires, ",".join(key.scopes)))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, or the name of a valid one.")],
    file: File = None,
    database: Database = False,
) -> None:
    """Revoke a key: running services refuse it from the next request on, those with a database within two seconds."""
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        with _changing(file, database) as keys:
            found = _find(keys, key, now)
            keys[keys.index(found)] = msgspec.structs.replace(found, revoked=now)
    except _OUT_OF_USE as error:
        _fail(str(error))
    typer.echo(f"key {found.id} of {found.name} is revoked")


def _find(keys: list[Key], text: str, now: datetime) -> Key:
    """Return the one key that an id or a name means."""
    found = [key for key in keys if text in (key.id, key.name) and key.revoked is None]
    valid = [key for key in found if key.state(now) == "valid"] or found
    if not valid:
        _fail(f"no key that is not revoked has the id or name {text!r}; python -m service keys list shows all")
    if len(valid) > 1:
        _fail(f"several keys have the name {text}: {', '.join(one.id for one in valid)}; revoke one by its id")
    return valid[0]


@contextmanager
def _changing(file: Path | None, database: bool) -> Iterator[list[Key]]:
    if database:
        with closing(_database()) as opened:
            opened.open()
            with opened.changing() as keys:
                yield keys
    else:
        with changing_keys(_path(file)) as keys:
            yield keys


def _database() -> KeyDatabase:
    return KeyDatabase(os.environ.get("CREDENCE_DATABASE_URL") or _fail("name the database by CREDENCE_DATABASE_URL"))


def _read(file: Path | None, database: bool) -> list[Key]:
    try:
        if not database:
            return read_keys(_path(file))
        with closing(_database()) as opened:
            opened.open()
            return opened.read()
    except _OUT_OF_USE as error:
        _fail(str(error))


def _path(file: Path | None) -> Path:
    return file or _fail("name the file of keys, by --file or CREDENCE_KEY_FILE")


def _scopes(text: str) -> list[Scope]:
    given = [part.strip() for part in text.split(",") if part.strip()]
    if not given or set(given) - set(SCOPES):
        _fail(f"--scopes {text!r}: allowed are {', '.join(SCOPES)}, separated by commas")
    return [scope for scope in SCOPES if scope in given]


def _end(text: str) -> datetime | None:
    """Return the time at which a span from now ends; ``None`` if it never does."""
    if text == "never":
        return None
    span = _SPAN.fullmatch(text)
    if span is None or not int(span[1]):
        _fail(f'--expires {text!r}: allowed are a number of hours, days or weeks, such as 12h, 90d or 4w, and "never"')
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**{_UNITS[span[2]]: int(span[1])})


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(*cells: str) -> str:
    widths = (8, 24, 8, 20, 20, 0)
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _fail(message: str) -> NoReturn:
    """Print a message on one line of the standard error, and exit."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(_USER_ERROR)
