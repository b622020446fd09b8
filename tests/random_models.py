"""Small real models with random weights, saved as checkpoints: what the tests of the service serve."""

from __future__ import annotations

from pathlib import Path

import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec, Manifest, PredictorSpec, save
from models.checkpoints.selftest import canary_examples
from models.guarantees.calibration import CalibrationRows
from models.specs import InputSpec, OutputSpec

DIGITS = InputSpec("image", (1, 8, 8), (0.0,), (16.0,), 0.0, 16.0)
CLASSES = OutputSpec("classification", tuple("0123456789"))
TABLE = InputSpec("table", (3,), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0), names=("a", "b", "c"))
TARGET = OutputSpec("regression", ("y [mm]",), (150.0,), (70.0,))
MLP = Component("mlp", {"hidden": [32]})
CONVNET = Component("convnet", {"channels": [4, 8], "kernel": 3, "padding": 1, "hidden": 32})
DROPOUT = Component("mc_dropout")
BAYES = Component("bayes_by_backprop", {"initial_rho": -3.0})

SCENES = InputSpec("image", (1, 9, 12), (0.5,), (0.25,), 0.0, 1.0)
PIXELS = OutputSpec("segmentation", ("sky", "road", "car"))
TUNES = InputSpec("sequence", (6, 4), (0.0,), (1.0,), 0.0, 1.0, ("c", "d", "e", "f"))
NOTES = OutputSpec("multilabel", ("c", "d", "e", "f"))
SEGNET = Component("segnet", {"channels": [4, 6], "kernel": 3})
LSTM = Component("recurrent", {"hidden": 8, "many": True})

SPECS: dict[str, PredictorSpec | GeneratorSpec] = {
    "mlp": PredictorSpec(MLP, DROPOUT, Component("categorical"), DIGITS, CLASSES),
    "convnet": PredictorSpec(CONVNET, BAYES, Component("categorical"), DIGITS, CLASSES),
    "regression": PredictorSpec(MLP, DROPOUT, Component("heteroscedastic_gaussian"), TABLE, TARGET),
    "ensemble": PredictorSpec(MLP, Component("ensemble", {"members": 3}), Component("categorical"), DIGITS, CLASSES),
    "logits": PredictorSpec(MLP, DROPOUT, Component("logit_normal"), DIGITS, CLASSES),
    "segnet": PredictorSpec(SEGNET, DROPOUT, Component("categorical"), SCENES, PIXELS),
    "tunes": PredictorSpec(LSTM, DROPOUT, Component("bernoulli"), TUNES, NOTES),
    "vae": GeneratorSpec(Component("vae", {"hidden": [32], "latent": 4}), DIGITS),
    "infogan": GeneratorSpec(Component("infogan", {"categorical": {"digit": 10}, "continuous": ["c1", "c2"]}), DIGITS),
}


def save_model(store: Path, name: str, calibration: CalibrationRows | None = None, seed: int | None = None) -> Path:
    """A new version of a model, with weights that its name decides, or a seed."""
    spec = SPECS[name]
    with torch.random.fork_rng():
        torch.manual_seed(sum(name.encode()) if seed is None else seed)
        model = spec.build()
        rows = torch.rand(4, *(spec.inputs if isinstance(spec, PredictorSpec) else spec.images).shape)
    manifest = Manifest(name, 0, spec, "random", 0, {})
    return save(store, manifest, model, canary_examples(model, rows), f"# {name}", calibration=calibration)


def digits(count: int, seed: int = 0) -> list[list[float]]:
    """Flat rows of random pixels."""
    generator = torch.Generator().manual_seed(seed)
    rows: list[list[float]] = (torch.rand(count, 64, generator=generator) * 16).tolist()
    return rows
