"""The folder that follows an object store: what is in it is whole, verified, and loaded like any local store.

A version appears by one rename once every file has the checksum that its list states. What is there already is not
fetched again: neither a version that was brought before, by this process or an earlier one, nor a file of another
version that has the same content.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from models.checkpoints.folder import CHECKSUMS
from models.checkpoints.objects import ObjectStore, Place, StoredFile, is_file_name
from models.checkpoints.signatures import SIGNATURE, SIGNATURE_BYTES
from models.errors import CheckpointError, ObjectStoreError

log = logging.getLogger(__name__)

_MOST_FILES = 1000
_MOST_CHECKSUM_BYTES = 65_536
_CHECKSUM_LINE = re.compile(rb"([0-9a-f]{64})  ([\x21-\x7e]+)\n")
_FIRST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS: Mapping[type[Exception], float] = {CheckpointError: 3600.0, ObjectStoreError: 60.0}
"""Seconds after which what failed is tried again at the latest: a damaged version seldom heals, a network does."""
_PARTIAL = ".bringing-"


class NewVersion(NamedTuple):
    """A version that the folder does not have, or has otherwise."""

    place: Place
    files: Mapping[str, StoredFile]

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        return sum(file.bytes for file in self.files.values())

    @property
    def state(self) -> Hashable:
        """Something that changes whenever one of its files does."""
        return frozenset((name, file.state) for name, file in self.files.items())


class _Failure(NamedTuple):
    error: Exception
    state: Hashable
    times: int
    until: float


class Mirror:
    """A folder that follows an object store. One process at a time changes it.

    Args:
        store: The store.
        folder: Folder of this machine, for this store alone; made if it is not there.
        most_bytes: Largest number of bytes of a version.
        only: Name of the one model that is looked for, or its ``name/version``; ``None`` for all.
    """

    def __init__(self, store: ObjectStore, folder: Path, most_bytes: int, only: str | None = None) -> None:
        self._store, self._folder, self._most_bytes, self._only = store, folder, most_bytes, only
        self._brought: dict[Place, Hashable] = {}
        self._failures: dict[Place, _Failure] = {}

    def find_new(self) -> list[list[NewVersion]]:
        """Return the versions that are to be brought, model by model, the smallest first.

        What the store no longer has is removed from the folder. A version without its list of checksums is still being
        written, and not looked at. One that has failed is left alone for a while, until it is written again.

        Raises:
            ObjectStoreError: if the store cannot be read, or has no checkpoint at all.
        """
        found = self._store.find_versions()
        if not found:
            raise ObjectStoreError("the store has no checkpoint; is its address right?")
        self._failures = {place: failure for place, failure in self._failures.items() if place in found}
        with self._locked():
            self._remove_all_but(found)
        new = [one for one in (NewVersion(*item) for item in sorted(found.items())) if self._is_due(one)]
        models = [list(versions) for _, versions in groupby(new, key=lambda one: one.place.name)]
        return sorted(models, key=lambda versions: sum(one.bytes for one in versions))

    @property
    def fault(self) -> ObjectStoreError | None:
        """Error of a version that could not be brought because the store failed; ``None`` if there is none."""
        errors = (failure.error for failure in self._failures.values())
        return next((error for error in errors if isinstance(error, ObjectStoreError)), None)

    def bring(self, new: NewVersion) -> None:
        """Bring a version into the folder, in place of what has its name and number.

        Raises:
            CheckpointError: if it is not what its list of checksums states, or too large.
            ObjectStoreError: if the store cannot be read.
        """
        try:
            with self._locked():
                self._bring(new)
        except (CheckpointError, ObjectStoreError) as error:
            self._note_failure(new, error)
            raise
        self._brought[new.place] = new.state
        self._failures.pop(new.place, None)

    def _bring(self, new: NewVersion) -> None:
        if len(new.files) > _MOST_FILES:
            raise CheckpointError(f"it has more than {_MOST_FILES} files; a checkpoint has a few")
        with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=self._folder) as temporary:
            partial = Path(temporary) / "new"
            partial.mkdir()
            listed = self._fetch_checksums(new, partial)
            target = self._folder / new.place.name / str(new.place.version)
            if _has_same(target, partial) and _is_whole(target, listed):
                if new.place in self._failures:  # it was refused, and is what it was: whoever reads it looks again
                    os.utime(target / CHECKSUMS)
                return
            self._check_size(new, listed)
            for name, digest in listed.items():
                self._fetch_file(new, name, digest, partial)
            target.parent.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):
                target.rename(Path(temporary) / "old")
            partial.rename(target)
        log.info("brought %s version %d from the object store", *new.place)

    def _fetch_checksums(self, new: NewVersion, partial: Path) -> dict[str, str]:
        """Fetch the list of checksums and the signature, and return the SHA-256 of each file that is listed."""
        for name, most in ((CHECKSUMS, _MOST_CHECKSUM_BYTES), (SIGNATURE, SIGNATURE_BYTES)):
            if name in new.files:
                size = new.files[name].bytes
                if size > most:
                    raise CheckpointError(f"{name} has {size} bytes, of which {most} are allowed")
                self._store.fetch(new.place, name, partial / name, size)
        listed = _read_checksums(partial / CHECKSUMS)
        if odd := [name for name in listed if not is_file_name(name) or name in (CHECKSUMS, SIGNATURE)]:
            raise CheckpointError(f"{CHECKSUMS} lists {len(odd)} names that no file of a checkpoint has")
        if missing := sorted(set(listed) - set(new.files)):
            raise CheckpointError(f"{missing[0]} is listed in {CHECKSUMS} and not there")
        return listed

    def _check_size(self, new: NewVersion, listed: Mapping[str, str]) -> None:
        size, free = sum(new.files[name].bytes for name in listed), shutil.disk_usage(self._folder).free
        if size > self._most_bytes:
            raise CheckpointError(f"it has {size} bytes, of which {self._most_bytes} are allowed")
        if size > free:
            raise CheckpointError(f"it has {size} bytes, and the disk of CREDENCE_STORE_CACHE has {free} left")

    def _fetch_file(self, new: NewVersion, name: str, digest: str, partial: Path) -> None:
        same = self._cached(new.place.name, digest)
        if same is not None:
            shutil.copyfile(same, partial / name)
        if same is None or _sha256(partial / name) != digest:
            self._store.fetch(new.place, name, partial / name, new.files[name].bytes)
            if _sha256(partial / name) != digest:
                raise CheckpointError(f"{name} does not have the SHA-256 that {CHECKSUMS} states")

    def _cached(self, model: str, digest: str) -> Path | None:
        """Return a file of any version of a model with this content, as its list says."""
        for checksums in (self._folder / model).glob(f"[0-9]*/{CHECKSUMS}"):
            for name, known in _read_checksums(checksums).items():
                if known == digest and (checksums.parent / name).is_file():
                    return checksums.parent / name
        return None

    def _is_due(self, new: NewVersion) -> bool:
        if CHECKSUMS not in new.files or self._only not in (
            None,
            new.place.name,
            f"{new.place.name}/{new.place.version}",
        ):
            return False
        failure = self._failures.get(new.place)
        if failure is not None and failure.state == new.state and time.monotonic() < failure.until:
            return False
        return self._brought.get(new.place) != new.state

    def _note_failure(self, new: NewVersion, error: Exception) -> None:
        before = self._failures.get(new.place)
        times = 1 if before is None or before.state != new.state else before.times + 1
        pause = min(_LONGEST_PAUSE_SECONDS[type(error)], _FIRST_PAUSE_SECONDS * 2 ** min(times, 20))
        self._failures[new.place] = _Failure(error, new.state, times, time.monotonic() + pause)

    def _remove_all_but(self, found: Mapping[Place, object]) -> None:
        """Remove the versions that the store does not have, and what processes that were killed have left."""
        for model in self._folder.iterdir():
            if model.name.startswith(_PARTIAL):
                shutil.rmtree(model, ignore_errors=True)
            elif model.is_dir():
                for version in [path for path in model.iterdir() if (model.name, path.name) not in _names(found)]:
                    shutil.rmtree(version, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time change the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _names(places: Mapping[Place, object]) -> set[tuple[str, str]]:
    return {(name, str(version)) for name, version in places}


def _read_checksums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a list of checksums has; nothing if there is no list."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return {}
    matches: Sequence[re.Match[bytes]] = [match for line in lines if (match := _CHECKSUM_LINE.fullmatch(line))]
    return {match[2].decode(): match[1].decode() for match in matches}


def _has_same(target: Path, partial: Path) -> bool:
    """Return whether a folder has the list of checksums and the signature that another has."""
    return all(_content(target / name) == _content(partial / name) for name in (CHECKSUMS, SIGNATURE))


def _is_whole(target: Path, listed: Mapping[str, str]) -> bool:
    """Return whether every file of a folder still is what its list says."""
    return all((target / name).is_file() and _sha256(target / name) == digest for name, digest in listed.items())


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
