"""What all servers serve and are asked: one network with its weights, 64 rows, and the answers to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec
from peers.answers import Answers
from training.data.dataset import Split
from training.run.export.export import export
from training.run.fit import calibrate_all

PIXELS = InputSpec("image", (1, 28, 28), (0.0,), (1.0,), 0.0, 1.0)
DIGITS = OutputSpec("classification", tuple("0123456789"))
NETWORKS = {"mlp": Component("mlp", {"hidden": [512, 512]}), "lenet": Component("convnet")}
BODIES = 64
_SEEN = 1000
"""Rows that the calibrated models were calibrated with."""
_SPREAD = 12.0
"""Factor on the last layer's initial weights: an untrained network says nearly 1/10 of every class, whatever is
dropped, and such answers would not show a server that drops nothing."""
_MANY, _SOME = 4000, 1000
_AT_A_TIME = 50


@dataclass(frozen=True)
class Workload:
    """What all servers have in common.

    Attributes:
        folder: Folder with the peers' ``weights.safetensors`` and Credence's ``store``.
        rows: Raw rows, ``(64, 784)``, numbers of four decimals.
        truth: Answers to the rows over many draws, by the name of the model.
    """

    folder: Path
    rows: Tensor
    truth: Mapping[str, Answers]


@torch.no_grad()
def prepare(folder: Path) -> Workload:
    """Save the networks for all servers, and evaluate many draws of each: of the one that all serve by plain torch."""
    rows, truth = _random_rows(BODIES, 0).mul(10_000).round().div(10_000), {}
    for name in NETWORKS:
        model = _model(name)
        for saved in (name, f"{name}-calibrated"):
            _save(folder / "store", saved, model, calibrated=saved != name)
            truth[saved] = _predicted(model, rows)
    layers = nn.ModuleList(_linear_layers(_model("mlp")))
    plain = nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU(), nn.Dropout(0.5))][:-2])
    save_file(plain.state_dict(), folder / "weights.safetensors")
    return Workload(folder, rows, truth | {"mlp": _passed(plain.train(), rows)})


def _random_rows(count: int, seed: int) -> Tensor:
    return torch.rand(count, 784, generator=torch.Generator().manual_seed(seed))


def _model(name: str) -> Predictor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        spec = _spec(name)
        model = spec.build().requires_grad_(False).eval()
    _linear_layers(model)[-1].weight.mul_(_SPREAD)
    return model


def _spec(name: str) -> PredictorSpec:
    return PredictorSpec(NETWORKS[name], Component("mc_dropout"), Component("categorical"), PIXELS, DIGITS)


def _linear_layers(model: Predictor) -> list[nn.Linear]:
    return [layer for layer in model.posterior.network.modules() if isinstance(layer, nn.Linear)]


def _save(store: Path, name: str, model: Predictor, *, calibrated: bool) -> None:
    """Save a checkpoint with its graph."""
    rows = _random_rows(_SEEN, 1).reshape(-1, *PIXELS.shape)
    spec, calibration = _spec(name.removesuffix("-calibrated")), None
    if calibrated:
        split = Split(rows, torch.arange(_SEEN) % DIGITS.size)
        spec, calibration = calibrate_all(model, spec, split, split)
    manifest = Manifest(name, 0, spec, "random", 0, {})
    folder = save(store, manifest, model, canary_examples(model, rows[:4]), f"# {name}", calibration=calibration)
    export(load(folder), store)


def _predicted(model: Predictor, rows: Tensor) -> Answers:
    """Return the answers of a model, over draws that no request asks for."""
    answer = model.predict(rows.reshape(-1, *PIXELS.shape), _SOME, seed=1)
    assert answer.epistemic_variance is not None  # of several draws there is one
    return Answers(answer.mean.double().numpy(), answer.epistemic_variance.double().numpy(), _SOME)


def _passed(network: nn.Module, rows: Tensor) -> Answers:
    """Return the answers of a network, over passes with ordinary dropout."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        copies = rows.repeat(_AT_A_TIME, 1)
        passes = [network(copies).softmax(-1).unflatten(0, (_AT_A_TIME, BODIES)) for _ in range(_MANY // _AT_A_TIME)]
    draws = torch.cat(passes).double()
    return Answers(draws.mean(0).numpy(), draws.var(0).numpy(), _MANY)
