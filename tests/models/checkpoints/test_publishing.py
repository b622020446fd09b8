"""A checkpoint goes into a real S3 store whole, tested and signed, and under a version that is free there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from random_models import save_model
from s3_server import Bucket, Proxy
from typer.testing import CliRunner

from models.checkpoints.checkpoint import load
from models.checkpoints.folder import checksums
from models.checkpoints.objects import ObjectStore, Place
from models.checkpoints.publishing import publish
from models.checkpoints.signatures import make_keys, read_public_key, sign
from models.errors import CheckpointError, ObjectStoreError
from training.cli.commands import app


def fetched(store: ObjectStore, place: Place, folder: Path) -> Path:
    """Bring a version as it lies in the store."""
    target = folder / place.name / str(place.version)
    target.mkdir(parents=True)
    for name, stored in store.find_versions()[place].items():
        store.fetch(place, name, target / name, stored.bytes)
    return target


def test_the_list_of_checksums_comes_last_and_what_arrives_is_what_was_saved(
    tmp_path: Path, s3: Proxy, bucket: Bucket
) -> None:
    folder = save_model(tmp_path / "store", "regression")
    store = ObjectStore(f"s3://{bucket.name}/lab/models")
    s3.asked.clear()
    assert publish(folder, store) == ("regression", 1)
    written = [asked.rpartition("/")[2] for asked in s3.asked if asked.startswith("PUT")]
    assert written[-1] == "SHA256SUMS"
    assert sorted(written) == sorted(path.name for path in folder.iterdir())
    copy = fetched(store, Place("regression", 1), tmp_path / "copy")
    assert load(copy).sha256 == hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()
    assert publish(folder, store) == ("regression", 1)  # again: the same


def test_where_its_number_is_taken_it_gets_the_next_and_is_signed_as_that(
    tmp_path: Path, s3: Proxy, bucket: Bucket
) -> None:
    store = ObjectStore(f"s3://{bucket.name}")
    publish(save_model(tmp_path / "a", "regression"), store)
    second = save_model(tmp_path / "b", "regression")
    (second / "card.md").write_text("# another one")
    names = [path.name for path in second.iterdir() if path.name != "SHA256SUMS"]
    (second / "SHA256SUMS").write_bytes(checksums({name: (second / name).read_bytes() for name in names}))
    public = make_keys(tmp_path / "key")
    sign(second, tmp_path / "key")
    with pytest.raises(CheckpointError, match="--key FILE"):
        publish(second, store)
    (second / "SHA256SUMS.sig").unlink()
    told = CliRunner().invoke(
        app,
        ["publish", str(second), "--to", f"s3://{bucket.name}", "--key", str(tmp_path / "key")],
        catch_exceptions=False,
    )
    assert (told.exit_code, told.stdout) == (0, "published regression version 2, as 1 is another's there\n")
    copy = fetched(store, Place("regression", 2), tmp_path / "copy")
    loaded = load(copy, public_key=read_public_key(public))
    assert (loaded.manifest.version, loaded.card) == (2, "# another one")
    assert load(second).manifest.version == 1


def test_a_damaged_checkpoint_is_not_published(tmp_path: Path, s3: Proxy, bucket: Bucket) -> None:
    folder = save_model(tmp_path, "regression")
    (folder / "weights.safetensors").write_bytes(b"none")
    store = ObjectStore(f"s3://{bucket.name}")
    with pytest.raises(CheckpointError):
        publish(folder, store)
    assert store.find_versions() == {}


def test_a_store_that_refuses_says_so_on_one_line(tmp_path: Path, s3: Proxy, bucket: Bucket) -> None:
    folder = save_model(tmp_path, "regression")
    missing = CliRunner().invoke(app, ["publish", str(folder), "--to", "s3://no-such-bucket-here/x"])
    assert missing.exit_code == 2
    assert "does not exist" in missing.stderr
    odd = CliRunner().invoke(app, ["publish", str(folder), "--to", "bucket/x"])
    assert (odd.exit_code, "allowed are s3://BUCKET/PREFIX" in odd.stderr) == (2, True)


def test_no_more_is_fetched_than_was_told(tmp_path: Path, s3: Proxy, bucket: Bucket) -> None:
    store = ObjectStore(f"s3://{bucket.name}")
    place = publish(save_model(tmp_path, "regression"), store)
    store.fetch(place, "weights.safetensors", tmp_path / "weights", 10)
    assert (tmp_path / "weights").stat().st_size == 10
    with pytest.raises(ObjectStoreError, match="fewer bytes"):
        store.fetch(place, "card.md", tmp_path / "card", 1000)


@pytest.mark.parametrize("command", ["fit", "sign"])
def test_a_run_writes_to_a_folder_and_the_refusal_says_how_it_gets_further(command: str) -> None:
    refused = CliRunner().invoke(app, [command, "digits-mlp-mc_dropout", "--out", "s3://bucket/x"])
    assert refused.exit_code == 2
    assert "training publish" in " ".join(refused.stderr.split())
