"""The commands of keys, as an operator types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.http.access.key_file import read_keys
from service.http.access.keys import find_key
from service.runtime.keys.command import app


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENCE_KEY_FILE", str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_key_is_made_listed_and_revoked(file: Path) -> None:
    made = run("add", "lab", "--scopes", "generate,predict", "--expires", "90d")
    assert made.exit_code == 0
    text = made.stdout.strip()  # nothing else, so that a script can take it
    (key,) = read_keys(file)
    assert find_key([key], text) == key
    assert key.expires is not None
    assert (key.expires - key.created).total_seconds() == pytest.approx(90 * 86_400, abs=1)
    assert f"key {key.id} of lab may predict, generate, until {key.expires:%Y-%m-%d}" in made.stderr
    assert run("add", "ops", "--scopes", "admin,metrics", "--expires", "never").exit_code == 0
    listed = run("list").stdout
    assert re.search(rf"^{key.id}  lab +valid +\S+  \S+  predict,generate$", listed, re.MULTILINE)
    assert re.search(r"^\w{8}  ops +valid +\S+  never +admin,metrics$", listed, re.MULTILINE)
    assert text.rpartition("_")[2] not in listed
    assert run("revoke", "lab").stdout == f"key {key.id} of lab is revoked\n"
    assert re.search(rf"^{key.id}  lab +revoked ", run("list").stdout, re.MULTILINE)
    assert run("add", "lab", "--scopes", "predict").exit_code == 0  # the name is free again
    assert run("revoke", read_keys(file)[-1].id).exit_code == 0


def test_refusals_say_what_is_allowed(file: Path) -> None:
    for arguments, reason in (
        (("add", "a\nINFO root: FAKE", "--scopes", "predict"), "is no name; allowed are"),
        (("add", "../x", "--scopes", "predict"), "is no name"),
        (("add", "Lab", "--scopes", "predict"), "small letters"),
        (("add", "lab", "--scopes", "root"), "--scopes 'root': allowed are predict, generate, admin, metrics"),
        (("add", "lab", "--scopes", ","), "allowed are predict"),
        (("add", "lab", "--scopes", "predict", "--expires", "soon"), "such as 12h, 90d or 4w"),
        (("add", "lab", "--scopes", "predict", "--expires", "0d"), "such as 12h"),
        (("list",), "cannot be read"),
        (("revoke", "lab"), "no key that is not revoked has the id or name 'lab'"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 2
        assert refused.stdout == ""
        assert re.fullmatch(r"error: .*\n", refused.stderr), refused.stderr
        assert reason in refused.stderr
    assert not file.exists()
    assert run("add", "lab", "--scopes", "predict").exit_code == 0
    assert "there is a valid key of the name lab" in run("add", "lab", "--scopes", "admin").stderr
    file.with_name("keys.json.new").touch()
    assert "another command is changing the keys" in run("revoke", "lab").stderr
    assert read_keys(file)[0].revoked is None


def test_without_a_file_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENCE_KEY_FILE", raising=False)
    refused = run("list")
    assert (refused.exit_code, refused.stderr) == (2, "error: name the file of keys, by --file or CREDENCE_KEY_FILE\n")
