"""Commands that sign checkpoints, for services that load those of a known maker alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.checkpoints import signatures
from models.checkpoints.checkpoint import load
from models.checkpoints.selftest import verify
from training.cli.app import command
from training.cli.options import STORE, CheckpointPath, Store
from training.evaluation.checkpoints import find_checkpoint


@command("make-key")
def make_key(
    file: Annotated[Path, typer.Argument(help="File to write the private key to; FILE.pub gets the public one.")],
) -> None:
    """Make an Ed25519 key to sign checkpoints with."""
    public = signatures.make_keys(file)
    typer.echo(f"saved {file}, which you keep, and {public}: serve with CREDENCE_PUBLIC_KEY={public}")


@command("sign")
def sign(
    checkpoint: CheckpointPath,
    key: Annotated[Path, typer.Option(help="File of the private key: Ed25519, in PEM, without a password.")],
    store: Store = STORE,
) -> None:
    """Test a checkpoint and sign it: a service with CREDENCE_PUBLIC_KEY loads no other."""
    folder = find_checkpoint(checkpoint, store)
    verify(load(folder))
    signed = signatures.sign(folder, key)
    typer.echo(f"signed {folder.parent.name}/{folder.name}: {signed.name}")
