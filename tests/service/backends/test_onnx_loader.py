"""Which backend serves a model: what the settings say, what the checkpoint has, and what was faster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_models import save_model

from models.checkpoints.checkpoint import Checkpoint, load
from models.errors import CheckpointError
from models.prediction.predictor import Predictor
from service.backends.onnx_loader import loader_of
from service.backends.protocols import Choice
from service.settings import Settings
from training.run.export.export import export
from training.run.export.generator import export_generator
from training.run.export.network import export_network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Checkpoint]:
    store = tmp_path_factory.mktemp("store")
    return {name: load(export(load(save_model(store, name)), store).folder) for name in ("mlp", "vae")}


def settings(backend: str) -> Settings:
    return Settings(backend=backend, device="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mlp", "vae"])
def test_the_faster_one_serves_and_says_by_how_much(name: str, exported: dict[str, Checkpoint]) -> None:
    backend = loader_of(settings("auto")).load_backend(exported[name])
    assert backend.choice is not None
    assert backend.name == backend.choice.fastest
    assert backend.choice.speedup >= 1
    assert {len(times) for times in backend.choice.seconds.values()} == {2}


def test_the_speedup_is_the_mean_over_the_sizes() -> None:
    choice = Choice({"torch": [4.0, 9.0], "onnx": [1.0, 1.0]})
    assert (choice.fastest, choice.speedup) == ("onnx", 6.0)


@pytest.mark.parametrize("name", ["mlp", "vae"])
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_one_that_is_asked_for_serves(name: str, backend: str, exported: dict[str, Checkpoint]) -> None:
    served = loader_of(settings(backend)).load_backend(exported[name])
    assert (served.name, served.choice) == (backend, None)


@pytest.mark.parametrize("name", ["mlp", "vae"])
def test_without_a_graph_torch_serves_unless_onnx_was_asked_for(name: str, tmp_path: Path) -> None:
    plain = load(save_model(tmp_path, name))
    assert loader_of(settings("auto")).load_backend(plain).name == "torch"
    with pytest.raises(CheckpointError, match=f"python -m training export {name} adds one, or set CREDENCE_BACKEND"):
        loader_of(settings("onnx")).load_backend(plain)


@pytest.mark.parametrize(("name", "reason"), [("mlp", "stored answers"), ("vae", "does not make the images")])
def test_a_graph_of_other_weights_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    plain = load(save_model(tmp_path, name))
    other = load(tmp_path / name / "1").model
    with torch.no_grad():
        for weight in other.parameters():
            weight *= 1.5
    graph = export_network(other) if isinstance(other, Predictor) else export_generator(other)
    with pytest.raises(CheckpointError, match=reason):
        loader_of(settings("auto")).load_backend(replace(plain, graph=graph))
