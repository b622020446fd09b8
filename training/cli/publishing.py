"""The command that brings checkpoints into an object store, from which services take them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.checkpoints.objects import ObjectStore
from models.checkpoints.publishing import publish
from training.cli.app import command
from training.cli.options import STORE, CheckpointPath, Store
from training.evaluation.checkpoints import find_checkpoint


@command("publish")
def publish_checkpoint(
    checkpoint: CheckpointPath,
    to: Annotated[str, typer.Option(help="Address of the object store, such as s3://bucket/prefix.")],
    key: Annotated[Path | None, typer.Option(help="File of a private key to sign it with (make-key).")] = None,
    store: Store = STORE,
) -> None:
    """Test a checkpoint and write it to an object store; services see it once it is whole."""
    folder = find_checkpoint(checkpoint, store)
    place = publish(folder, ObjectStore(to), key)
    taken = "" if str(place.version) == folder.name else f", as {folder.name} is another's there"
    typer.echo(f"published {place.name} version {place.version}{taken}")
