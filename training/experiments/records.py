"""What stays of a training run when its weights are elsewhere: the part of a manifest that a comparison reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from models.checkpoints.checkpoint import Manifest, Origin, load
from models.errors import CheckpointError
from training.errors import DataError
from training.evaluation.checkpoints import versions


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run; the attributes are those of :class:`models.checkpoints.checkpoint.Manifest`."""

    name: str
    version: int
    method: str
    data: str
    seed: int
    figures: dict[str, float]
    origin: Origin | None = None


def of_manifest(manifest: Manifest) -> Record:
    """What is kept of it."""
    m = manifest
    return Record(m.name, m.version, m.method, m.data, m.seed, m.figures, m.origin)


def of_store(store: Path, names: Iterable[str]) -> list[Record]:
    """Of every version of the models of these names, oldest first.

    Raises:
        CheckpointError: if one of them is not all right.
    """
    found = []
    for version in (version for name in names for version in versions(store / name)):
        try:
            found.append(of_manifest(load(version.resolve()).manifest))
        except CheckpointError as error:
            raise CheckpointError(f"{version.parent.name}/{version.name}: {error}") from error
    return found


def read(file: Path) -> list[Record]:
    """What was written there; nothing if there is no such file.

    Raises:
        DataError: if it holds something else.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Record]) if file.exists() else []
    except msgspec.DecodeError as error:
        raise DataError(f"{file} does not hold records of training runs: {error}") from None


def write(file: Path, records: list[Record]) -> None:
    """As JSON for people and for version control: indented, in the order of names and versions."""
    ordered = sorted(records, key=lambda record: (record.name, record.version))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


def merged(recorded: list[Record], new: list[Record]) -> list[Record]:
    """All of them; new ones take the place of whatever was recorded of the same model."""
    names = {record.name for record in new}
    return [record for record in recorded if record.name not in names] + new
