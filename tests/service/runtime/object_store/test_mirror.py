"""A folder follows a real S3 store: whatever the store does, no part of a version ever appears in it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from free_port import free_port
from random_models import save_model
from s3_server import CROWDED, Answer, Bucket, Fault, Proxy, send

from models.checkpoints.checkpoint import load
from models.checkpoints.folder import checksums
from models.checkpoints.objects import ObjectStore, Place
from models.checkpoints.publishing import publish
from models.errors import CheckpointError, ObjectStoreError
from service.runtime.object_store.mirror import Mirror

REGRESSION = Place("regression", 1)
MOST_BYTES = 100_000_000
XML = "<?xml version='1.0'?><Error><Code>{}</Code><Message>no</Message></Error>"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path / "store", "regression")


def mirror_of(address: str, folder: Path, most_bytes: int = MOST_BYTES, only: str | None = None) -> Mirror:
    return Mirror(ObjectStore(address), folder, most_bytes, only)


def follow(mirror: Mirror) -> list[Place]:
    """Bring everything that is new; return it."""
    new = list(itertools.chain.from_iterable(mirror.find_new()))
    for version in new:
        mirror.bring(version)
    return [version.place for version in new]


def appeared(folder: Path) -> set[str]:
    """Everything in the folder that is not hidden."""
    return {path.relative_to(folder).as_posix() for path in folder.glob("[!.]*/*")}


def test_a_version_is_brought_once_and_another_one_when_it_is_there(
    tmp_path: Path, model: Path, s3: Proxy, bucket: Bucket
) -> None:
    address, folder = f"s3://{bucket.name}/lab", tmp_path / "cache"
    publish(model, ObjectStore(address))
    mirror = mirror_of(address, folder)
    assert follow(mirror) == [REGRESSION]
    assert load(folder / "regression" / "1").manifest.name == "regression"
    s3.asked.clear()
    assert follow(mirror) == []
    assert len(s3.asked) == 1, "a look without news is one listing"
    assert follow(mirror_of(address, folder)) == [REGRESSION]  # of a new process: looked at, and found to be the same
    assert [one for one in s3.asked if "weights" in one] == []
    publish(save_model(tmp_path / "store", "regression"), ObjectStore(address))
    assert follow(mirror) == [Place("regression", 2)]
    assert [one for one in s3.asked if one.startswith("GET") and "weights" in one] == [], "the same content is here"
    assert appeared(folder) == {"regression/1", "regression/2"}
    assert follow(mirror_of(address, tmp_path / "other", only="mlp")) == []


def test_what_is_gone_from_the_store_goes_and_an_empty_store_empties_nothing(
    tmp_path: Path, model: Path, bucket: Bucket
) -> None:
    address, folder = f"s3://{bucket.name}", tmp_path / "cache"
    publish(model, ObjectStore(address))
    publish(save_model(tmp_path / "store", "regression"), ObjectStore(address))
    mirror = mirror_of(address, folder)
    follow(mirror)
    (folder / ".bringing-killed").mkdir()
    bucket.delete(*(f"regression/1/{path.name}" for path in model.iterdir()))
    assert follow(mirror) == []
    assert appeared(folder) == {"regression/2"}
    assert not (folder / ".bringing-killed").exists()
    bucket.delete(*(f"regression/2/{path.name}" for path in model.iterdir()))
    with pytest.raises(ObjectStoreError, match="has no checkpoint; is its address right"):
        mirror.find_new()
    assert appeared(folder) == {"regression/2"}


def test_a_version_appears_when_its_list_of_checksums_does(tmp_path: Path, model: Path, bucket: Bucket) -> None:
    mirror = mirror_of(f"s3://{bucket.name}", tmp_path / "cache")
    for path in model.iterdir():
        if path.name != "SHA256SUMS":
            bucket.put(f"regression/1/{path.name}", path.read_bytes())
            assert follow(mirror) == []
    bucket.put("regression/1/SHA256SUMS", (model / "SHA256SUMS").read_bytes())
    assert follow(mirror) == [REGRESSION]


def half(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    send(handler, answer, answer.body[: len(answer.body) // 2])
    handler.close_connection = True
    return True


def wrong(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    send(handler, answer, answer.body[:-1] + bytes([answer.body[-1] ^ 1]))
    return True


def unavailable(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    send(handler, Answer(answer.method, answer.path, 503, {}, XML.format("SlowDown").encode()))
    return True


def forbidden(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    send(handler, Answer(answer.method, answer.path, 403, {}, XML.format("InvalidAccessKeyId").encode()))
    return True


def silent(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    time.sleep(4)
    handler.close_connection = True
    return True


def dripping(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(answer.body)))
    handler.end_headers()
    with suppress(OSError):
        for start in range(100):
            handler.wfile.write(answer.body[start : start + 1])
            time.sleep(0.05)
    handler.close_connection = True
    return True


def endless(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
    handler.close_connection = True
    return True


FAULTS: dict[str, tuple[Fault, type[Exception], str]] = {
    "truncation": (half, ObjectStoreError, "cannot be reached|in time"),
    "wrong bytes": (wrong, CheckpointError, "does not have the SHA-256"),
    "503": (unavailable, ObjectStoreError, "did not answer in time|cannot be reached"),
    "credentials": (forbidden, ObjectStoreError, "refuses the credentials"),
    "silence": (silent, ObjectStoreError, "did not answer in time"),
    "a drip": (dripping, ObjectStoreError, "cannot be reached|in time|took too long"),
    "no end": (endless, ObjectStoreError, "cannot be reached|in time"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_transfer_brings_nothing_and_passes(
    tmp_path: Path, model: Path, s3: Proxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    spoil, error, reason = FAULTS[name]
    address, folder = f"s3://{bucket.name}", tmp_path / "cache"
    publish(model, ObjectStore(address))
    s3.fault = lambda handler, answer: "weights" in answer.path and spoil(handler, answer)
    if name in ("silence", "a drip"):
        monkeypatch.setattr("models.checkpoints.objects.CALL_SECONDS", 3)
    mirror = mirror_of(address, folder)
    with pytest.raises(error, match=reason) as told:
        follow(mirror)
    assert not any(secret in str(told.value) for secret in (bucket.name, s3.url, "tester"))
    assert appeared(folder) == set()
    assert follow(mirror) == [], "it is left alone for a while"
    s3.fault = lambda handler, answer: False
    assert follow(mirror_of(address, folder)) == [REGRESSION]
    assert load(folder / "regression" / "1").manifest.version == 1
    assert [path.name for path in folder.glob(".bringing-*")] == []


@pytest.mark.parametrize("name", ["truncation", "503", "credentials", "silence"])
def test_a_fault_of_a_listing_changes_nothing(
    tmp_path: Path, model: Path, s3: Proxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    address, folder = f"s3://{bucket.name}", tmp_path / "cache"
    publish(model, ObjectStore(address))
    follow(mirror_of(address, folder))
    monkeypatch.setattr("models.checkpoints.objects.CALL_SECONDS", 3)
    mirror = mirror_of(address, folder)
    s3.fault = lambda handler, answer: "list-type" in answer.path and FAULTS[name][0](handler, answer)
    with pytest.raises(ObjectStoreError):
        mirror.find_new()
    assert appeared(folder) == {"regression/1"}


@pytest.mark.parametrize("wrong", ["bucket", "port", "credentials"])
def test_a_store_that_is_not_there_says_which_of_it(
    tmp_path: Path, s3: Proxy, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    reasons = {
        "bucket": "does not exist",
        "port": "cannot be reached|in time",
        "credentials": "refuses the credentials",
    }
    if wrong == "port":
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setattr("models.checkpoints.objects.CALL_SECONDS", 3)
    if wrong == "credentials":
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    with pytest.raises(ObjectStoreError, match=reasons[wrong]):
        mirror_of("s3://no-such-bucket" if wrong == "bucket" else f"s3://{bucket.name}", tmp_path / "cache").find_new()


Change = Callable[[Path, Bucket], object]


def reseal(folder: Path, more: bytes) -> None:
    names = [path.name for path in folder.iterdir() if path.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_bytes(checksums({name: (folder / name).read_bytes() for name in names}) + more)


def listing(name: str) -> Change:
    return lambda folder, bucket: reseal(folder, b"0" * 64 + b"  " + name.encode() + b"\n")


ATTACKS: dict[str, tuple[Change, str]] = {
    "a path upwards in the list": (listing("../../../evil"), "lists 1 names that no file of a checkpoint has"),
    "an absolute path in the list": (listing("/etc/passwd"), "lists 1 names that no file of a checkpoint has"),
    "a hidden name in the list": (listing(".ssh"), "lists 1 names that no file of a checkpoint has"),
    "the list in the list": (listing("SHA256SUMS"), "lists 1 names that no file of a checkpoint has"),
    "a file that is missing": (listing("model.pt"), "model.pt is listed in SHA256SUMS and not there"),
    "a list without an end": (
        lambda folder, _: (folder / "SHA256SUMS").write_bytes(bytes(100_000)),
        "of which 65536 are allowed",
    ),
    "a large file": (
        lambda folder, _: ((folder / "card.md").write_bytes(bytes(2_000_000)), reseal(folder, b"")),
        "bytes, of which 1000000 are allowed",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_version_is_refused_and_leaves_nothing(
    tmp_path: Path, model: Path, bucket: Bucket, name: str
) -> None:
    attack, reason = ATTACKS[name]
    attack(model, bucket)
    bucket.put_folder(model, "regression/1")
    with pytest.raises((CheckpointError, ObjectStoreError), match=reason):
        follow(mirror_of(f"s3://{bucket.name}", tmp_path / "cache", 1_000_000))
    assert appeared(tmp_path / "cache") == set()
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "store"}


def test_odd_keys_are_left_alone(tmp_path: Path, model: Path, bucket: Bucket) -> None:
    bucket.put_folder(model, "regression/1")
    for key in ("regression/1/a/evil", "UP/1/SHA256SUMS", "regression", "evil", "regression/01/SHA256SUMS"):
        bucket.put(key, b"evil")
    assert follow(mirror_of(f"s3://{bucket.name}", tmp_path / "cache")) == [REGRESSION]
    assert not [path for path in tmp_path.rglob("*") if path.name in ("evil", "UP", "01")]


@pytest.mark.parametrize("key", ["../evil", "/etc/evil", "regression/1/../../../evil"])
def test_a_key_that_leads_out_of_the_store_leads_nowhere(tmp_path: Path, model: Path, bucket: Bucket, key: str) -> None:
    bucket.put_folder(model, "regression/1")
    bucket.put(key, b"evil")
    with suppress(ObjectStoreError):  # its name makes the listing one that cannot be read
        assert follow(mirror_of(f"s3://{bucket.name}", tmp_path / "a" / "cache")) == [REGRESSION]
    assert not [path for path in tmp_path.rglob("*") if path.name == "evil"]


def test_a_damaged_copy_is_brought_anew(tmp_path: Path, model: Path, s3: Proxy, bucket: Bucket) -> None:
    address, folder = f"s3://{bucket.name}", tmp_path / "cache"
    publish(model, ObjectStore(address))
    follow(mirror_of(address, folder))
    (folder / "regression" / "1" / "weights.safetensors").write_bytes(b"damaged")
    follow(mirror_of(address, folder))
    assert load(folder / "regression" / "1").manifest.version == 1


def test_a_version_of_too_many_files_is_refused(tmp_path: Path, s3: Proxy) -> None:
    with pytest.raises(CheckpointError, match="more than 1000 files"):
        follow(mirror_of(f"s3://{CROWDED}/heap", tmp_path / "cache"))
    assert appeared(tmp_path / "cache") == set()


def test_ten_thousand_other_objects_are_no_hindrance(tmp_path: Path, model: Path, s3: Proxy) -> None:
    Bucket(s3.behind, CROWDED).put_folder(model, "many/regression/1")
    assert follow(mirror_of(f"s3://{CROWDED}/many", tmp_path / "cache")) == [REGRESSION]
