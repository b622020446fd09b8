"""A store in which every checkpoint but one is an attack: each is refused with its reason, and the one serves."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from random_models import digits, save_model

from models.checkpoints.folder import checksums

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Attack = Callable[[Path], object]
SECRET = "the canary outside of the store"


def seal(folder: Path) -> None:
    """Make the checksums true of what lies there now."""
    names = [path.name for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_bytes(checksums({name: (folder / name).read_bytes() for name in names}))


def rewrite(change: Callable[[dict[str, Any]], object]) -> Attack:
    """Return an attack by the manifest, with checksums that are right."""

    def attack(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        seal(folder)

    return attack


def replace_text(old: str, new: str) -> Attack:
    def attack(folder: Path) -> None:
        text = (folder / "manifest.json").read_text()
        assert old in text
        (folder / "manifest.json").write_text(text.replace(old, new, 1))
        seal(folder)

    return attack


def replace_file(name: str, make: Callable[[Path], object]) -> Attack:
    """Return an attack by what lies in place of a file, or beside the files."""

    def attack(folder: Path) -> None:
        if (folder / name).exists():
            (folder / name).unlink()
        make(folder / name)

    return attack


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket has room for a hundred characters
        server.bind(path.name)
        os.chdir(here)


def link_out(path: Path) -> None:
    outside = path.parents[3] / "outside.md"
    path.symlink_to(outside)
    seal(path.parent)


def link_hard(path: Path) -> None:
    path.hardlink_to(path.parents[3] / "outside.md")
    seal(path.parent)


def grow(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # without a block on the disk


def many(path: Path) -> None:
    for number in range(1001):
        path.with_name(f"{number}").touch()


def ask(network: dict[str, Any], **inputs: Any) -> Attack:
    def change(manifest: dict[str, Any]) -> None:
        manifest["model"]["network"]["config"].update(network)
        manifest["model"]["inputs"].update(inputs)

    return rewrite(change)


def of_outputs(**fields: Any) -> Attack:
    return rewrite(lambda manifest: manifest["model"]["outputs"].update(fields))


def of_inputs(**fields: Any) -> Attack:
    return rewrite(lambda manifest: manifest["model"]["inputs"].update(fields))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "link-out": (replace_file("card.md", link_out), "card.md is a link"),
    "link-dangling": (replace_file("extra.png", lambda path: path.symlink_to("nothing")), "extra.png is a link"),
    "hard-link": (replace_file("card.md", link_hard), "card.md is linked from elsewhere"),
    "pipe": (replace_file("card.md", os.mkfifo), "card.md is a pipe"),
    "pipe-of-checksums": (replace_file("SHA256SUMS", os.mkfifo), "SHA256SUMS is a pipe"),
    "pipe-beside": (replace_file("notes.txt", os.mkfifo), "notes.txt is a pipe"),
    "endless": (replace_file("card.md", lambda path: path.symlink_to("/dev/zero")), "card.md is a link"),
    "socket": (replace_file("card.md", bind), "card.md is a socket"),
    "subfolder": (replace_file("weights", os.mkdir), "weights is a folder"),
    "many-files": (replace_file("0", many), "more than 1000 entries"),
    "huge-card": (replace_file("card.md", grow), "card.md has 1099511627776 bytes, of which 4000000 are allowed"),
    "huge-manifest": (replace_file("manifest.json", grow), "manifest.json has 1099511627776 bytes"),
    "huge-weights": (replace_file("weights.safetensors", grow), "weights.safetensors has 1099511627776 bytes"),
    "huge-examples": (replace_file("examples.safetensors", grow), "examples.safetensors has 1099511627776 bytes"),
    "huge-list": (replace_file("SHA256SUMS", grow), "SHA256SUMS has 1099511627776 bytes"),
    "asks-for-8-gb": (ask({"hidden": [32_000, 64_000]}), "asks for a model of 8"),
    "asks-for-2-gb": (ask({"hidden": [16_000, 32_000]}), "what the manifest tells of takes 1"),
    "asks-for-layers": (ask({"hidden": [1] * 5000}), "more than 20000 parts"),
    "asks-for-long-rows": (ask({}, shape=[10**12], mean=[0.0], scale=[1.0]), "asks for a model of"),
    "asks-for-absurd-rows": (ask({}, shape=[10**18, 10**18], mean=[0.0], scale=[1.0]), "can be built"),
    "temperature-0": (of_outputs(temperature=0.0), "$.model.outputs.temperature"),
    "temperature-minus": (of_outputs(temperature=-1), "$.model.outputs.temperature"),
    "scale-0": (of_inputs(scale=[0.0]), "$.model.inputs.scale"),
    "scale-1e-60": (of_inputs(scale=[1e-60]), "$.model.inputs.scale"),
    "scales-of-none": (of_inputs(scale=[1.0] * 7), "scale has 7 values; allowed are one, or one per feature"),
    "means-of-none": (of_inputs(mean=[0.0] * 7), "mean has 7 values; allowed are one, or one per feature"),
    "a-million-digits": (replace_text('"seed":', '"seed":' + "9" * 1_000_000), "manifest.json: "),
    "many-figures": (
        rewrite(lambda manifest: manifest.update(figures={f"figure {i}": 1.0 for i in range(100_000)})),
        "of which 2000000 are allowed",
    ),
    "scale-of-targets": (of_outputs(scale=[-1.0]), "$.model.outputs.scale"),
    "mean-nan": (of_inputs(mean=[float("nan")]), "manifest.json"),
    "mean-endless": (replace_text('"scale":', '"mean": [1e999], "scale":'), "manifest.json"),
    "shape-0": (of_inputs(shape=[0]), "$.model.inputs.shape"),
    "no-shape": (of_inputs(shape=[]), "$.model.inputs.shape"),
    "twice": (replace_text('"seed"', '"seed": 1, "seed"'), "the key seed twice"),
    "deep": (replace_text('"config":{', '"config":{"deep":' + "[" * 9000 + "]" * 9000 + ","), "manifest.json"),
    "unknown-field": (rewrite(lambda m: m.update(run="id")), "unknown field `run`"),
    "version-2-70": (rewrite(lambda m: m.update(version=2**70)), "manifest.json"),
    "tensor-name": (lambda folder: rename_tensor(folder, "a\nINFO root: forged"), "a\\nINFO root: forged"),
}


def rename_tensor(folder: Path, name: str) -> None:
    content = (folder / "weights.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    first = next(key for key in header if key != "__metadata__")
    header[name] = header.pop(first)
    text = json.dumps(header).encode()
    rest = content[8 + length :]
    (folder / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + rest)
    seal(folder)


def plant(store: Path, original: Path, name: str) -> Path:
    folder = shutil.copytree(original, store / name / "1")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"name": name}
    (folder / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")))
    seal(folder)
    return folder


async def test_every_attack_is_refused_with_its_reason_and_the_others_serve(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outside.md").write_text(SECRET)
    original, store = save_model(tmp_path / "kept", "regression"), tmp_path / "store"
    for name, (attack, _) in ATTACKS.items():
        attack(plant(store, original, name))
    save_model(store, "mlp")
    plant(store, original, "line\nINFO root: forged")
    plant(store, original, "UPPER")
    plant(store, original, "\udcff")
    (store / "linked").symlink_to(original.parent)
    (store / "version-linked").mkdir()
    (store / "version-linked" / "1").symlink_to(original)
    with caplog.at_level(logging.INFO):
        async with app(store=store) as client:
            catalogue = (await client.get("/models")).json()
            assert [model["name"] for model in catalogue["models"]] == ["mlp"]
            reasons = {one["name"]: one["reason"] for one in catalogue["refused"]}
            wrong = {
                name: reasons.get(name) for name, (_, part) in ATTACKS.items() if part not in reasons.get(name, "")
            }
            assert not wrong
            for name in ("line\\nINFO root: forged", "UPPER", "\\udcff"):
                assert "a model's name is made of" in reasons[name], name
            assert "a link" in reasons["linked"]
            assert "a link" in reasons["version-linked"]
            assert SECRET not in json.dumps(catalogue)
            assert (await client.post("/predict", json={"inputs": digits(1)})).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
            assert (await client.get("/models/linked/pictures/card.md")).status_code == 503
    assert not [record for record in caplog.records if "\n" in record.getMessage()]
    assert not [record for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
