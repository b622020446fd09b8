"""Addresses of object stores, what is read of their listings, and the refusals that say what to do."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from random_models import save_model

from models.checkpoints.objects import ObjectStore, Place, check_address, is_address
from models.errors import ObjectStoreError


@pytest.mark.parametrize(
    "address",
    ["s3://b", "s3://b/p/q", "gs://b/p", "az://account/container/p", "file:///mnt/models", "s3://b/p/"],
)
def test_an_address_is_taken_without_its_last_slash(address: str) -> None:
    assert is_address(address)
    assert check_address(address) == address.rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://a/b",
        "s3://",
        "s3:///b",
        "s3://key:secret@b",
        "s3://b/../c",
        "s3://b/a b",
        "s3://b/*",
        "s3://b?x=1",
        "file://relative",
        "simplecache::s3://b",
        "memory://b",
        "hf://owner/name",
        "s3://b\n",
    ],
)
def test_another_address_is_refused_with_those_that_are_allowed(address: str) -> None:
    with pytest.raises(ObjectStoreError, match="allowed are s3://BUCKET/PREFIX") as refused:
        check_address(address)
    assert "secret" not in str(refused.value)


def test_without_the_library_the_refusal_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "obstore":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ObjectStoreError, match=r"pip install 'credence\[object-store\]'"):
        ObjectStore("s3://b")


def test_a_folder_is_read_like_a_bucket_and_links_are_left_alone(tmp_path: Path) -> None:
    save_model(tmp_path / "store", "regression")
    (tmp_path / "secret").write_text("not a checkpoint's")
    folder = tmp_path / "store" / "regression" / "1"
    (folder / "link.md").symlink_to(tmp_path / "secret")
    (folder / ".hidden").touch()
    (folder / "inner").mkdir()
    (folder / "inner" / "file").touch()
    for odd in ("UPPER/1/card.md", "mlp/one/card.md", "mlp/01/card.md", "mlp/card.md", "card.md"):
        (tmp_path / "store" / odd).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / odd).touch()
    found = ObjectStore(f"file://{tmp_path}/store").find_versions()
    assert [*found] == [Place("regression", 1)]
    names = {path.name for path in folder.iterdir()} - {"link.md", ".hidden", "inner"}
    assert {*found["regression", 1]} == names  # type: ignore[index]
    before = found["regression", 1]["card.md"]  # type: ignore[index]
    (folder / "card.md").write_text("longer than it was, certainly")
    after = ObjectStore(f"file://{tmp_path}/store").find_versions()["regression", 1]["card.md"]  # type: ignore[index]
    assert before.state != after.state


def test_too_many_objects_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.checkpoints.objects.MOST_OBJECTS", 3)
    save_model(tmp_path, "regression")
    with pytest.raises(ObjectStoreError, match="more than 3 objects; use a longer prefix"):
        ObjectStore(f"file://{tmp_path}").find_versions()
