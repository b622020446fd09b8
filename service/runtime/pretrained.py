"""The models that come with the repository: ``python -m service add-pretrained FOLDER`` puts them into the store.

They are copies of whole checkpoints, each verified by its checksums and renamed into place, so that a running service
finds them as it finds any new model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from models.checkpoints.folder import CHECKSUMS, checksums, opened
from models.checkpoints.writing import move, temporary_folder, write_files
from models.errors import CheckpointError, printable
from service.runtime.store import look
from service.settings import Settings

_USER_ERROR = 2
_MOST_BYTES = 256_000_000
"""Bytes of one file, beyond which it is no pretrained model."""


def add_missing(source: Path, store: Path) -> Iterator[str]:
    """Copy the checkpoints of a folder into a store, and yield the name of each that is there then.

    A model is left out if the store has one of its name, whatever its version: nothing is ever overwritten.

    Args:
        source: Folder of checkpoints ``<name>/<version>``.
        store: Folder of checkpoints, which is made if it is not there.

    Raises:
        CheckpointError: if a checkpoint is not what its checksums say; those before it are in the store.
        OSError: if the store cannot be written.
    """
    store.mkdir(parents=True, exist_ok=True)
    there = {path.relative_to(store).parts[0] for path in look(store)}
    for folder in look(source):
        name = folder.parent.name
        if name not in there and _copy(folder, store / name / folder.name):
            yield name


def _copy(folder: Path, target: Path) -> bool:
    """Copy a checkpoint; false if another process brought one of its name meanwhile."""
    with opened(folder) as files:
        contents = {name: files.read(name, 0, _MOST_BYTES) for name in files.listed}
        if files.stated != checksums(contents):
            raise CheckpointError(f"{CHECKSUMS} is not the list of a checkpoint's files")
    with temporary_folder(target.parent.parent) as temporary:
        write_files(temporary, {**contents, CHECKSUMS: checksums(contents)})
        target.parent.mkdir(exist_ok=True)
        return move(temporary, target)


def add_pretrained(
    folder: Annotated[Path, typer.Argument(help="Folder of the pretrained models.")],
    store: Annotated[Path | None, typer.Option(help="Folder of models; CREDENCE_STORE if left out.")] = None,
) -> None:
    """Put pretrained models into the store; one that has a model of the same name keeps its own."""
    store = Settings().store_folder if store is None else store
    if not look(folder):
        _fail(f"{folder} has no models; give the folder pretrained of the repository")
    try:
        added = list(add_missing(folder, store))
    except CheckpointError as error:
        _fail(f"{folder}: {error}; restore it with git checkout")
    except OSError as error:
        _fail(f"{store} cannot be written: {error.strerror}")
    typer.echo(f"{store} has all of these models" if not added else f"{store} got {', '.join(added)}: verified copies")


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {printable(message)}", err=True)
    raise typer.Exit(_USER_ERROR)
