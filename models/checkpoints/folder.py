"""The folder of a checkpoint, which may come from anywhere: nothing is read but regular files of bounded size in it.

A link would lead out of the store, a pipe would wait for ever, and a device may have no end. Every file is therefore
opened relative to its folder, without following a link and without waiting, and looked at before it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.errors import CheckpointError, printable

CHECKSUMS = "SHA256SUMS"
_CHECKSUM_LINE = re.compile(rb"[0-9a-f]{64}  ([\x21-\x7e]+)\n")
_CHECKSUMS_BYTES = 65_536
_MOST_ENTRIES = 1000
"""Entries of a folder beyond which it is refused before all are looked at."""


class Folder:
    """An open folder, and the files that its checksums list.

    Attributes:
        listed: Names of the files that the checksums list.
        stated: Content of the file of checksums.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _check_entries(descriptor)
        self.stated = self.read_beside(CHECKSUMS, _CHECKSUMS_BYTES)
        lines = map(_CHECKSUM_LINE.fullmatch, self.stated.splitlines(keepends=True))
        self.listed = [match[1].decode() for match in lines if match]

    def read(self, name: str, least: int, most: int) -> bytes:
        """Return the content of a file, which has the checksum that is listed.

        Args:
            name: Name of the file.
            least: Smallest number of bytes of it.
            most: Largest number of bytes of it.

        Raises:
            CheckpointError: if it is no regular file, of another size, or another one than listed.
        """
        content = self.read_beside(name, most)
        if _line(name, content) not in self.stated.splitlines(keepends=True):
            raise CheckpointError(f"{name} does not have the SHA-256 that {CHECKSUMS} states")
        if len(content) < least:
            raise CheckpointError(f"{name} has {len(content)} bytes; what the manifest tells of takes {least}")
        return content

    def read_beside(self, name: str, most: int) -> bytes:
        """Return the content of a file that no checksum is stated of; see :meth:`read`."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._descriptor)
        except OSError as error:
            raise CheckpointError(f"{name} is missing or cannot be read") from error
        with open(descriptor, "rb") as file:
            _check_regular(name, found := os.fstat(descriptor))
            if found.st_size > most:
                raise CheckpointError(f"{name} has {found.st_size} bytes, of which {most} are allowed")
            content = file.read(found.st_size + 1)  # no more, though it may grow meanwhile
        if len(content) != found.st_size:
            raise CheckpointError(f"{name} changed while it was read")
        return content


@contextmanager
def opened(folder: Path) -> Iterator[Folder]:
    """Open the folder ``<store>/<name>/<version>``; neither of the last two may be a link.

    Raises:
        CheckpointError: if it is no such folder, or holds anything but regular files.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY
    try:
        parent = os.open(folder.parent, flags)
        try:
            descriptor = os.open(folder.name, flags, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise CheckpointError("the folder is missing, a link, or cannot be read; copy the checkpoint itself") from error
    try:
        yield Folder(descriptor)
    finally:
        os.close(descriptor)


def checksums(contents: Mapping[str, bytes]) -> bytes:
    """Return the file of checksums of some files, in the form of ``sha256sum``."""
    return b"".join(_line(name, contents[name]) for name in sorted(contents))


def _line(name: str, content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def _check_entries(descriptor: int) -> None:
    with os.scandir(descriptor) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES:
                raise CheckpointError(f"the folder has more than {_MOST_ENTRIES} entries; a checkpoint has a few")
            _check_regular(printable(entry.name), entry.stat(follow_symlinks=False))


_KINDS: Mapping[Callable[[int], bool], str] = {
    stat.S_ISLNK: "a link",
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def _check_regular(name: str, found: os.stat_result) -> None:
    kind = next((kind for matches, kind in _KINDS.items() if matches(found.st_mode)), None)
    if kind is not None:
        raise CheckpointError(f"{name} is {kind}; a checkpoint holds regular files alone: copy what it should hold")
    if found.st_nlink > 1:
        raise CheckpointError(f"{name} is linked from elsewhere too (a hard link); copy it: cp -r, without -l")
