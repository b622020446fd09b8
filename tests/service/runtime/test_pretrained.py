"""Pretrained models are copied into a store whole and verified, and never over what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from starter_store import trained_store
from typer.testing import CliRunner

from models.checkpoints.checkpoint import load
from service.runtime.pretrained import add_missing, add_pretrained

NAMES = ["curve-mlp-mc_dropout", "digits-vae"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in NAMES:
        shutil.copytree(trained_store() / name, tmp_path / "source" / name)
    return tmp_path / "source"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_store_gets_copies_that_are_equal_and_load(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "new" / "store"
    assert list(add_missing(source, store)) == NAMES
    assert contents(store) == contents(source)
    assert all(path.stat().st_nlink == 1 for path in store.rglob("*") if path.is_file())
    assert load(store / NAMES[0] / "1").manifest.name == NAMES[0]
    assert list(add_missing(source, store)) == []


def test_a_model_of_the_same_name_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "store" / NAMES[0] / "7"
    mine.mkdir(parents=True)
    (mine / "mine").touch()
    assert list(add_missing(source, tmp_path / "store")) == NAMES[1:]
    assert [path.name for path in mine.parent.iterdir()] == ["7"]


def run(*arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(add_pretrained)
    done = CliRunner().invoke(app, list(map(str, arguments)))
    return done.exit_code, done.output


def test_the_command_says_in_one_line_what_it_did(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    told = f"{store} got {NAMES[0]}, {NAMES[1]}: verified copies\n"
    assert run(source, "--store", store) == (0, told)
    assert run(source, "--store", store) == (0, f"{store} has all of these models\n")
    shutil.rmtree(store)
    monkeypatch.setenv("CREDENCE_STORE", str(store))
    assert run(source) == (0, told)


def test_what_is_damaged_or_not_there_is_refused_in_one_line(source: Path, tmp_path: Path) -> None:
    card = source / NAMES[1] / "1" / "card.md"
    card.write_text(card.read_text() + "!")
    code, said = run(source, "--store", tmp_path / "store")
    assert (code, said.count("\n")) == (2, 1)
    assert said.endswith("card.md does not have the SHA-256 that SHA256SUMS states; restore it with git checkout\n")
    assert not (tmp_path / "store" / NAMES[1]).exists()
    code, said = run(tmp_path / "nowhere", "--store", tmp_path / "store")
    assert (code, said.count("\n")) == (2, 1)
    assert "nowhere has no models; give the folder pretrained" in said
