"""Records of training runs: the part of a manifest that a comparison reads, kept when the weights are elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from models.checkpoints.checkpoint import Manifest, Origin, load
from models.errors import CheckpointError
from training.errors import DataError
from training.evaluation.checkpoints import versions


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record of one run; the attributes are those of :class:`models.checkpoints.checkpoint.Manifest`."""

    name: str
    version: int
    method: str
    data: str
    seed: int
    figures: dict[str, float]
    origin: Origin | None = None


def from_manifest(manifest: Manifest) -> Record:
    """Return the record of a manifest."""
    m = manifest
    return Record(m.name, m.version, m.method, m.data, m.seed, m.figures, m.origin)


def read_store(store: Path, names: Iterable[str]) -> list[Record]:
    """Return the records of all versions of these models, oldest first.

    Args:
        store: Folder of all checkpoints.
        names: Names of the models.

    Raises:
        CheckpointError: if a checkpoint is damaged.
    """
    records = []
    for version in (version for name in names for version in versions(store / name)):
        try:
            records.append(from_manifest(load(version.resolve()).manifest))
        except CheckpointError as error:
            raise CheckpointError(f"{version.parent.name}/{version.name}: {error}") from error
    return records


def read(file: Path) -> list[Record]:
    """Read records from a file; there are none if the file does not exist.

    Raises:
        DataError: if the file holds something else.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Record]) if file.exists() else []
    except msgspec.DecodeError as error:
        raise DataError(f"{file} does not hold records of training runs: {error}") from None


def write(file: Path, records: list[Record]) -> None:
    """Write records as JSON for people and for version control: indented, in the order of names and versions."""
    ordered = sorted(records, key=lambda record: (record.name, record.version))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def merge(recorded: list[Record], new: list[Record]) -> list[Record]:
    """Return all records; new ones replace whatever was recorded of the same model."""
    names = {record.name for record in new}
    return [record for record in recorded if record.name not in names] + new
