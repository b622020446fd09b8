"""The file of keys: read while the service runs, and replaced as a whole by the commands that change it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from service.http.access.keys import Key

_MOST_BYTES = 1_000_000
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UnusableKeyFileError(Exception):
    """The file of keys cannot be read, or must not be trusted."""


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[Key]


def read_keys(path: Path) -> list[Key]:
    """Return the keys in a file.

    Raises:
        UnusableKeyFileError: if it is no regular file, is not of this form, or can be written by other users.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UnusableKeyFileError(f"{path} is no regular file")
        if found.st_mode & _OTHERS_MAY_WRITE:
            raise UnusableKeyFileError(f"other users may write {path}, and so give themselves a key; chmod 600 it")
        if found.st_size > _MOST_BYTES:
            raise UnusableKeyFileError(f"{path} has {found.st_size} bytes; allowed are {_MOST_BYTES}")
        return msgspec.json.decode(path.read_bytes(), type=_Content).keys
    except OSError as error:
        hint = "; make it with: python -m service keys add NAME --scopes predict" * isinstance(error, FileNotFoundError)
        raise UnusableKeyFileError(f"{path} cannot be read: {error.strerror}{hint}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnusableKeyFileError(f"{path} is not a file of keys: {error}") from error


@contextmanager
def changing_keys(path: Path) -> Iterator[list[Key]]:
    """Let a block change the keys in a file, which is made if it is not there; a block that raises changes nothing.

    The new file, which only its owner may read, is written beside the old one and takes its place once it is on the
    disk. It is a lock as well: of two commands at once the second is refused.

    Raises:
        UnusableKeyFileError: if the file cannot be read or written, or another command is changing it.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UnusableKeyFileError(f"another command is changing the keys; if none is, remove {new}") from error
    except OSError as error:
        raise UnusableKeyFileError(f"{new} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            keys = read_keys(path) if path.exists() else []
            yield keys
            file.write(_encode(keys))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UnusableKeyFileError(f"{path} cannot be written: {error.strerror}") from error
        raise


def _encode(keys: Sequence[Key]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_Content(list(keys))), indent=2) + b"\n"
