"""The way of a checkpoint into an object store, whose readers see all of it or nothing: its checksums come last."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec

from models.checkpoints.checkpoint import MANIFEST, decode_manifest, load
from models.checkpoints.folder import CHECKSUMS, checksums, opened
from models.checkpoints.objects import ObjectStore, Place
from models.checkpoints.selftest import verify
from models.checkpoints.signatures import SIGNATURE, sign
from models.errors import CheckpointError


def publish(folder: Path, store: ObjectStore, key: Path | None = None) -> Place:
    """Test a checkpoint, and write it to an object store, under the next free version where its own is another's.

    Args:
        folder: Folder ``<store>/<name>/<version>``.
        store: Store to write to.
        key: File of a private key to sign it with; ``None`` for the signature that it has, if any.

    Returns:
        The version as which it is there.

    Raises:
        CheckpointError: if it is damaged, or has a signature that would not be one of its new version.
        ObjectStoreError: if the store cannot be read or written.
    """
    there = store.find_versions()
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(folder.parent.name, int(folder.name))
        stated = there.get(place, {}).get(CHECKSUMS)
        if stated is not None and not _is_same(folder, store, place, stated.bytes):
            place = Place(place.name, 1 + max(version for name, version in there if name == place.name))
        staged = _stage(folder, Path(temporary), place)
        if key is not None:
            sign(staged, key)
        verify(load(staged))
        with opened(staged) as files:
            names = files.listed
        for name in (*names, *([SIGNATURE] if (staged / SIGNATURE).exists() else []), CHECKSUMS):
            store.put(place, name, staged / name)
    return place


def _is_same(folder: Path, store: ObjectStore, place: Place, size: int) -> bool:
    """Return whether the list of checksums that the store has, of so many bytes, is that of a folder."""
    own = (folder / CHECKSUMS).read_bytes()
    if len(own) != size:
        return False
    with tempfile.NamedTemporaryFile() as file:
        store.fetch(place, CHECKSUMS, Path(file.name), size)
        return Path(file.name).read_bytes() == own


def _stage(folder: Path, temporary: Path, place: Place) -> Path:
    """Return a copy of a checkpoint's folder that says that it is the version of a place."""
    staged = temporary / place.name / str(place.version)
    with opened(folder) as files:
        listed, renumbered = files.listed, folder.name != str(place.version)
    staged.mkdir(parents=True)
    for name in (*listed, CHECKSUMS, SIGNATURE):
        if (folder / name).exists():
            shutil.copyfile(folder / name, staged / name, follow_symlinks=False)
    if renumbered:
        if (staged / SIGNATURE).exists():
            raise CheckpointError(
                f"the store has another version {folder.name} of it, and as version {place.version} its signature would"
                " be wrong; take SHA256SUMS.sig out of its folder and sign what is published: --key FILE"
            )
        manifest = decode_manifest((staged / MANIFEST).read_bytes())
        numbered = msgspec.structs.replace(manifest, version=place.version)
        (staged / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(numbered), indent=1))
        (staged / CHECKSUMS).write_bytes(checksums({name: (staged / name).read_bytes() for name in listed}))
    return staged
