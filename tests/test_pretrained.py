"""What ``make serve`` brings: small, whole, honest about where it comes from, and as good as its page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.torch
import torch
from conftest import PRETRAINED
from patience import PATIENCE
from PIL import Image

MODELS = sorted(path.parent.parent for path in PRETRAINED.glob("*/*/manifest.json"))
MOST_BYTES = 16_000_000
PAGE = (PRETRAINED / "README.md").read_text()


def manifest(model: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((model / "1" / "manifest.json").read_text())
    return read


def test_they_are_small_and_there_is_one_of_every_task() -> None:
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()) <= MOST_BYTES
    kinds = {spec.get("outputs", {}).get("task", spec["type"]) for spec in (manifest(one)["model"] for one in MODELS)}
    assert kinds == {"classification", "segmentation", "regression", "generator"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_weights_have_16_bits_and_the_manifest_says_how_to_get_them_again(model: Path) -> None:
    weights = safetensors.torch.load((model / "1" / "weights.safetensors").read_bytes())
    assert {tensor.dtype for tensor in weights.values()} <= {torch.bfloat16, torch.int64}
    origin = manifest(model)["origin"]
    assert origin["command"].startswith("python -m training fit ")
    assert origin["command"].endswith(f"python -m training shrink {model.name}")
    assert " --seed " in origin["command"]
    assert "thread" in origin["machine"]
    card = (model / "1" / "card.md").read_text()
    assert re.search(r"^Trained on .*(CC BY|research)", card, re.MULTILINE)
    assert set(re.findall(r"^!\[.*\]\((.+)\)$", card, re.MULTILINE)) == {path.name for path in model.glob("1/*.png")}


def test_the_page_has_the_figures_of_the_manifests() -> None:
    told = re.findall(r"^\| `([a-z0-9_-]+)` \|.* \| ([a-z_]+) ([\d.]+) \|", PAGE, re.MULTILINE)
    assert [name for name, _, _ in told] == [model.name for model in MODELS]
    for name, figure, value in told:
        assert float(value) == pytest.approx(manifest(PRETRAINED / name)["figures"][figure], rel=0.01), name


def test_a_fresh_store_answers_with_every_one_of_them(pretrained_url: str) -> None:
    served = httpx.get(f"{pretrained_url}/models", timeout=PATIENCE).json()
    assert sorted(one["name"] for one in served["models"]) == [model.name for model in MODELS]
    assert served["refused"] == []
    assert served["default"] in {model.name for model in MODELS}
    told = httpx.get(f"{pretrained_url}/models/mnist-convnet-mc_dropout/examples", timeout=PATIENCE).json()
    right = ask(pretrained_url, told["inputs"])
    assert right["label"] == told["targets"]
    assert right["decision"].count("accept") >= len(told["targets"]) - 1
    noise = np.random.default_rng(0).uniform(0, 255, (20, 1, 28, 28)).round()
    assert ask(pretrained_url, noise.tolist())["decision"] == ["abstain"] * 20


def ask(url: str, rows: list[Any]) -> dict[str, Any]:
    answer = httpx.post(f"{url}/predict", json={"inputs": rows}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def test_streets_are_cut_into_tiles_by_what_they_show(tmp_path: Path) -> None:
    """Sky above, road below, and one pole, which too few tiles show."""
    mask = np.zeros((360, 480), np.uint8)
    mask[180:], mask[:96, :54] = 3, 2
    for part in ("train", "val"):
        for folder in (part, f"{part}annot"):
            (tmp_path / folder).mkdir()
        picture = np.stack([np.where(mask == 3, 90, 200)] * 3, -1).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / part / "a.png")
        Image.fromarray(mask).save(tmp_path / f"{part}annot" / "a.png")
    program = [sys.executable, PRETRAINED / "cut_tiles.py", tmp_path, tmp_path / "tiles"]
    said = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    assert said == "".join(f"{part}: road 27, sky 26, pole 1 (left out)\n" for part in ("train", "val"))
    tiles = sorted((tmp_path / "tiles" / "val" / "road").iterdir())
    assert len(tiles) == 27
    assert not (tmp_path / "tiles" / "val" / "pole").exists()
    assert np.asarray(Image.open(tiles[-1])).shape == (32, 32, 3)
    assert (np.asarray(Image.open(tiles[-1])) == 90).all()
