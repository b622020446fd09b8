"""A signature says who made a checkpoint: who trusts a key loads what its owner signed, and nothing else."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from random_models import save_model
from typer.testing import CliRunner

from models.checkpoints.checkpoint import load
from models.checkpoints.folder import checksums
from models.checkpoints.signatures import SIGNATURE, KeyFileError, make_keys, read_public_key, sign
from models.errors import CheckpointError
from training.cli.commands import app


def test_a_signed_checkpoint_is_loaded_with_the_key_and_without(tmp_path: Path) -> None:
    public, folder = make_keys(tmp_path / "key"), save_model(tmp_path, "regression")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(CheckpointError, match=r"SHA256SUMS\.sig is missing"):
        load(folder, public_key=read_public_key(public))
    sign(folder, tmp_path / "key")
    assert load(folder, public_key=read_public_key(public)).manifest == load(folder).manifest


def other_key(folder: Path) -> None:
    sign(folder, make_keys(folder.parents[1] / "theirs").with_suffix(""))


def other_card(folder: Path) -> None:
    (folder / "card.md").write_text("all is well")
    names = [path.name for path in folder.iterdir() if not path.name.startswith("SHA256SUMS")]
    (folder / "SHA256SUMS").write_bytes(checksums({name: (folder / name).read_bytes() for name in names}))


def other_signature(folder: Path) -> None:
    signature = bytearray((folder / SIGNATURE).read_bytes())
    signature[7] ^= 1
    (folder / SIGNATURE).write_bytes(signature)


def long_signature(folder: Path) -> None:
    (folder / SIGNATURE).write_bytes(bytes(65))


def linked_signature(folder: Path) -> None:
    shutil.move(folder / SIGNATURE, folder.parent / SIGNATURE)
    (folder / SIGNATURE).symlink_to(folder.parent / SIGNATURE)


REASONS: dict[Callable[[Path], None], str] = {
    other_key: "is not the signature of these files by the key that is trusted",
    other_card: "is not the signature of these files",
    other_signature: "is not the signature of these files",
    long_signature: "has 65 bytes, of which 64 are allowed",
    linked_signature: "is a link",
}


@pytest.mark.parametrize("change", REASONS)
def test_what_was_signed_by_nobody_or_by_another_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    public, folder = make_keys(tmp_path / "key"), save_model(tmp_path / "store", "regression")
    sign(folder, tmp_path / "key")
    change(folder)
    with pytest.raises(CheckpointError, match=REASONS[change]):
        load(folder, public_key=read_public_key(public))


@pytest.mark.parametrize(
    "content", [None, b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyFileError, match=r"cannot be read|no public key in PEM"):
        read_public_key(tmp_path / "key")
    with pytest.raises(KeyFileError, match=r"cannot be read|no private key in PEM"):
        sign(save_model(tmp_path, "regression"), tmp_path / "key")


def test_the_commands_make_a_key_and_sign(tmp_path: Path) -> None:
    folder = save_model(tmp_path, "regression")
    made = CliRunner().invoke(app, ["make-key", str(tmp_path / "key")])
    assert f"CREDENCE_PUBLIC_KEY={tmp_path / 'key.pub'}" in made.output.replace("\n", "")
    again = CliRunner().invoke(app, ["make-key", str(tmp_path / "key")])
    assert (again.exit_code, "give a name that is free" in again.output.replace("\n", " ")) == (2, True)
    signed = CliRunner().invoke(app, ["sign", "regression", "--key", str(tmp_path / "key"), "--out", str(tmp_path)])
    assert signed.output == "signed regression/1: SHA256SUMS.sig\n"
    load(folder, public_key=read_public_key(tmp_path / "key.pub"))
    checked = subprocess.run(
        f"openssl pkeyutl -verify -pubin -inkey {tmp_path}/key.pub -rawin -in SHA256SUMS -sigfile {SIGNATURE}".split(),
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
