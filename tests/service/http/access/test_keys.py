"""Keys and their file: what a digest matches, what is written, and what is not trusted."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.http.access.key_file import UnusableKeyFileError, changing_keys, read_keys
from service.http.access.keys import find_key, make_key


def test_only_the_whole_key_is_found() -> None:
    keys, texts = zip(*(make_key(name, ["predict"], None) for name in ("a", "b")), strict=True)
    assert [find_key(keys, text) for text in texts] == list(keys)
    assert len({*texts}) == 2
    assert all(len(text.rpartition(f"_{key.id}_")[2]) == 43 for key, text in zip(keys, texts, strict=True))
    crossed = f"credence_{keys[0].id}_{texts[1].removeprefix(f'credence_{keys[1].id}_')}"
    for wrong in ("", "credence", keys[0].id, texts[0][:-1], texts[0] + "x", texts[0].upper(), keys[0].sha256,
                  crossed, "credence_00000000_x", "é", "0" * 64):  # fmt: skip
        assert find_key(keys, wrong) is None, wrong


def test_a_key_ends_when_it_expires_or_is_revoked(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    key, _ = make_key("a", ["metrics", "predict"], now + timedelta(seconds=1))
    assert key.scopes == ("predict", "metrics")
    assert (key.state(now), key.state(now + timedelta(seconds=1))) == ("valid", "expired")


def test_the_file_holds_no_secret_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, text = make_key("lab", ["predict"], None)
    with changing_keys(path) as keys:
        keys.append(key)
    assert read_keys(path) == [key]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert text.rpartition("_")[2] not in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with changing_keys(path):
        pass
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing_keys(path) as keys:
        keys[:] = [1 / 0]
    with (
        changing_keys(path),
        pytest.raises(UnusableKeyFileError, match=r"another command is changing the keys; if none is, remove .*\.new"),
        changing_keys(path),
    ):
        pass
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_others_could_have_written_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, _ = make_key("lab", ["predict"], None)
    with changing_keys(path) as keys:
        keys.append(key)
    whole = json.loads(path.read_text())
    path.chmod(0o620)
    with pytest.raises(UnusableKeyFileError, match="other users may write"):
        read_keys(path)
    path.chmod(0o644)  # as an orchestrator mounts it
    assert read_keys(path) == [key]
    for entry in ({"sha256": "x"}, {"scopes": []}, {"scopes": ["root"]}, {"name": "a\nb"}, {"expires": "soon"},
                  {"id": "../x"}, {"created": "2026-01-01T00:00:00"}):  # fmt: skip
        path.write_text(json.dumps({"keys": [whole["keys"][0] | entry]}))
        with pytest.raises(UnusableKeyFileError, match="is not a file of keys"):
            read_keys(path)
    for content in (b"", b"[]", b'{"keys": {}}', b"\xff", b'{"keys": [], "more": 1}', b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UnusableKeyFileError, match="is not a file of keys"):
            read_keys(path)
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(UnusableKeyFileError, match="allowed are 1000000"):
        read_keys(path)
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path, "is no regular file"),
        (tmp_path / "none", "keys add"),
    ):
        with pytest.raises(UnusableKeyFileError, match=reason):
            read_keys(path)
