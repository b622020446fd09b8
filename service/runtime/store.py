"""The folder of checkpoints: what lies in it, seen without opening a file or following a link, and how it is read."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from models.checkpoints.checkpoint import Checkpoint, load
from models.checkpoints.objects import ObjectStore
from models.checkpoints.signatures import read_public_key
from service.settings import Settings

_MOST_ENTRIES = 1000
"""Entries of a folder that are looked at: a checkpoint has a few."""

Look = Mapping[Path, Hashable]
"""Every checkpoint's folder with what changes whenever one of its files does."""


def reader_of(settings: Settings) -> Callable[[Path], Checkpoint]:
    """Return the function that reads a checkpoint, and refuses those that the settings do not allow.

    Raises:
        KeyFileError: if the key that is trusted cannot be read.
    """
    key = None if settings.public_key is None else read_public_key(settings.public_key)
    return functools.partial(load, most_bytes=settings.max_model_bytes, public_key=key)


def look(store: Path, only: str | None = None) -> dict[Path, Hashable]:
    """Return every folder ``<name>/<version>`` of a store with its state; a name that is a link is one by itself.

    Hidden folders are left out: a checkpoint that is being saved has such a name.

    Args:
        store: Folder of the checkpoints; one that is not there has none.
        only: Name of the one model that is looked for, or its ``name/version``; ``None`` for all.
    """
    found: dict[Path, Hashable] = {}
    for model in _folders(store):
        if only is None or only.partition("/")[0] == model.name:
            versions = [Path(model.path)] if model.is_symlink() else [Path(one.path) for one in _folders(model.path)]
            meant = (None, model.name)
            found |= {path: _state(path) for path in versions if only in (*meant, f"{model.name}/{path.name}")}
    return dict(sorted(found.items()))


def names_in(settings: Settings) -> list[str]:
    """Return the names of the models in the store of the settings, an object store or a folder.

    Raises:
        ObjectStoreError: if the object store cannot be read.
    """
    if isinstance(settings.store, str):
        return sorted({place.name for place in ObjectStore(settings.store).find_versions()})
    return sorted(one.name for one in _folders(settings.store))


def size_of(folder: Path) -> int:
    """Return the bytes of a checkpoint's files; 0 where it is gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        return sum(one.stat(follow_symlinks=False).st_size for one in islice(entries, _MOST_ENTRIES))
    return 0


def _folders(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for one in entries:
            if not one.name.startswith(".") and (one.is_dir(follow_symlinks=False) or one.is_symlink()):
                yield one


def _state(folder: Path) -> Hashable:
    try:
        if stat.S_ISLNK(folder.lstat().st_mode):
            return folder.readlink()
        with os.scandir(folder) as entries:
            found = [(one.name, one.stat(follow_symlinks=False)) for one in islice(entries, _MOST_ENTRIES)]
    except OSError as error:  # gone by now, or not for us to read
        return error.errno
    return frozenset((name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in found)
