"""Folders that appear whole or not at all: written and synced under a temporary name, then renamed into place."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_PREFIX = ".saving-"
_ABANDONED_SECONDS = 3600


@contextlib.contextmanager
def temporary_folder(store: Path) -> Iterator[Path]:
    """Make a folder in a store that nothing reads yet; it is gone in the end, unless :func:`move` has taken it.

    What killed runs left there an hour ago goes as well.
    """
    _remove_abandoned(store)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=store))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder that everybody may read then, and wait until the disk has them."""
    for name, content in contents.items():
        _write_synced(folder / name, content)
    folder.chmod(0o755)
    _sync_folder(folder)


def move(folder: Path, target: Path) -> bool:
    """Move a written folder to ``<store>/<name>/<version>`` for good; false if another run took that place meanwhile.

    Raises:
        OSError: if it cannot be moved there for another reason.
    """
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    for parent in (target.parent, target.parent.parent):
        _sync_folder(parent)
    return True


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(store: Path) -> None:
    for folder in store.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another run may finish with its own just now
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
