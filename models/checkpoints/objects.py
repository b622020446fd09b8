"""An object store of checkpoints, such as ``s3://bucket/prefix``, whose objects are ``<name>/<version>/<file>``.

What lies there may come from anywhere, and may change or stall while it is read: every call has an end in bytes and in
seconds, and of what fails a sentence is told that names no address. The library that speaks to a store is imported when
one is opened, and not before.
"""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from models.checkpoints.checkpoint import NAME
from models.errors import ObjectStoreError

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(?:(?:s3|gs|az)://[\w.-]+(?:/[\w.=@-]+)*|file:///[^\s:?#*]+)/?", re.ASCII)
_ALLOWED = "allowed are s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://ACCOUNT/CONTAINER/PREFIX and file:///FOLDER"
_VERSION = re.compile(r"0|[1-9][0-9]{0,8}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
MOST_OBJECTS = 100_000
CALL_SECONDS = 30
"""Seconds that a call may take; a listing has more for every page, and a transfer one more for every megabyte."""
_PAGE_SECONDS = 5
_CONNECT_SECONDS = 5
_MOST_RETRIES = 2
_BYTES_A_SECOND = 1_000_000
_PIECE_BYTES = 8_000_000


class Place(NamedTuple):
    """A version of a model in the store."""

    name: str
    version: int


class StoredFile(NamedTuple):
    """An object of a version.

    Attributes:
        bytes: Its size.
        state: Something that changes whenever it is written again.
    """

    bytes: int
    state: Hashable


def is_address(text: str) -> bool:
    """Return whether a text is meant as the address of an object store, whether or not it is one.

    >>> is_address("s3://models/lab"), is_address("store"), is_address("ftp://a")
    (True, False, True)
    """
    return "://" in text


def check_address(text: str) -> str:
    """Return an address without the slash at its end.

    Raises:
        ObjectStoreError: if it is none of a store that is supported.
    """
    if not _ADDRESS.fullmatch(text) or ".." in text:
        raise ObjectStoreError(f"not the address of an object store; {_ALLOWED}, and credentials are not part of it")
    return text.rstrip("/")


class ObjectStore:
    """The objects below an address.

    Args:
        address: Address, such as ``s3://bucket/prefix``; credentials and endpoints are in the variables that each kind
            of store has for them, such as ``AWS_ENDPOINT_URL``.

    Raises:
        ObjectStoreError: if the address is of no store that is supported, or the library is not installed.
    """

    def __init__(self, address: str) -> None:
        checked = check_address(address)
        try:
            import obstore
        except ImportError as error:
            raise ObjectStoreError(
                "object stores need a library that is not installed; pip install 'credence[object-store]'"
            ) from error
        self._library: Any = obstore
        self._folder = Path(checked.removeprefix("file://")).resolve() if checked.startswith("file:") else None
        options = {} if self._folder else {"client_options": _client_options(), "retry_config": _retry_config()}
        with _telling():
            self._store = obstore.store.from_url(checked, **options)  # type: ignore[call-overload]

    def find_versions(self) -> dict[Place, dict[str, StoredFile]]:
        """Return the files of every version, by name; objects that are none of a version are left alone.

        Raises:
            ObjectStoreError: if the store cannot be read, or has too many objects.
        """
        versions: defaultdict[Place, dict[str, StoredFile]] = defaultdict(dict)
        count, end = 0, time.monotonic() + CALL_SECONDS
        with _telling():
            for objects in self._library.list(self._store, chunk_size=1000):
                count, end = count + len(objects), end + _PAGE_SECONDS
                _check(count <= MOST_OBJECTS, f"there are more than {MOST_OBJECTS} objects; use a longer prefix")
                _check(time.monotonic() < end, "the store did not answer in time")
                for one in objects:
                    place, file = _parsed(one["path"])
                    if place is not None and not self._is_link(one["path"]):
                        state = one["size"], one["e_tag"], one["last_modified"], one["version"]
                        versions[place][file] = StoredFile(one["size"], state)
        return dict(versions)

    def fetch(self, place: Place, file: str, target: Path, size: int) -> None:
        """Write an object to a file.

        Args:
            place: Version that it is of.
            file: Name of the file in it.
            target: File to write.
            size: Number of bytes that the listing told of it; no more is read.

        Raises:
            ObjectStoreError: if it cannot be read, has fewer bytes, or takes too long.
        """
        path, end = _path(place, file), time.monotonic() + CALL_SECONDS + size / _BYTES_A_SECOND
        with _telling(), target.open("wb") as written:
            for start in range(0, size, _PIECE_BYTES):
                piece = self._library.get_range(self._store, path, start=start, end=min(start + _PIECE_BYTES, size))
                written.write(piece)
                _check(time.monotonic() < end, "a file took too long")
            _check(written.tell() == size, "a file has fewer bytes than the listing told")

    def put(self, place: Place, file: str, source: Path) -> None:
        """Write a file as an object, which appears as a whole.

        Raises:
            ObjectStoreError: if it cannot be written.
        """
        with _telling():
            self._library.put(self._store, _path(place, file), source)

    def _is_link(self, path: str) -> bool:
        return self._folder is not None and (self._folder / path).resolve() != self._folder / path


def is_file_name(text: str) -> bool:
    """Return whether a text may be the name of a checkpoint's file: no path, not hidden, nothing that a shell reads.

    >>> is_file_name("card.md"), is_file_name("../card.md"), is_file_name("/etc/passwd"), is_file_name(".hidden")
    (True, False, False, False)
    """
    return _FILE.fullmatch(text) is not None


def _path(place: Place, file: str) -> str:
    return f"{place.name}/{place.version}/{file}"


def _parsed(path: str) -> tuple[Place | None, str]:
    """Return the version that an object is of, if any, and the name of its file."""
    name, _, rest = path.partition("/")
    version, _, file = rest.partition("/")
    fits = NAME.fullmatch(name) and _VERSION.fullmatch(version) and is_file_name(file)
    return (Place(name, int(version)) if fits else None), file


def _client_options() -> dict[str, Any]:
    return {
        "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
        "timeout": timedelta(seconds=CALL_SECONDS),
        "allow_http": True,  # where an endpoint says so, such as one of the same cluster
    }


def _retry_config() -> dict[str, Any]:
    return {"max_retries": _MOST_RETRIES, "retry_timeout": timedelta(seconds=CALL_SECONDS)}


def _check(holds: bool, reason: str) -> None:
    if not holds:
        raise ObjectStoreError(reason)


_REASONS: tuple[tuple[Callable[[str], object], str], ...] = (
    (
        re.compile("PermissionDenied|Unauthenticated|(?i:credential)|api/token").search,
        "the store refuses the credentials",
    ),
    (
        re.compile("invalid path").search,
        "an object below the address has a name that no path may have, such as one with '..'; remove it",
    ),
    (re.compile("NotFound|NoSuch").search, "the store, or an object in it, does not exist"),
    (re.compile("(?<![a-z_])(?i:timed? ?out|deadline)").search, "the store did not answer in time"),
)


@contextmanager
def _telling() -> Iterator[None]:
    """Turn whatever a store's library raises into a sentence for users; the log has the rest, where it is asked for."""
    try:
        yield
    except (ObjectStoreError, OSError) as error:
        if isinstance(error, ObjectStoreError) or error.errno is not None:  # of this machine's own disk
            raise
        raise ObjectStoreError(_reason(error)) from error
    except Exception as error:  # the library's, and those of its credentials' providers
        log.debug("why an object store cannot be used", exc_info=True)
        raise ObjectStoreError(_reason(error)) from error


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__} {error}"
    return next((reason for fits, reason in _REASONS if fits(text)), "the store cannot be reached")
