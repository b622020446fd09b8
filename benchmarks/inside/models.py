"""The models whose parts are measured: initial weights, exported and loaded as the service does."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path

import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples
from models.specs import InputSpec, OutputSpec
from service.backends.onnx_loader import OnnxLoader
from service.backends.torch_generator import TorchGenerator
from service.backends.torch_predictor import TorchPredictor
from training.run.export.export import export

PIXELS = InputSpec("image", (1, 28, 28), (0.0,), (1.0,), 0.0, 1.0)
TINY = InputSpec("image", (1, 8, 8), (0.0,), (16.0,), 0.0, 16.0)
STREETS = InputSpec("image", (3, 360, 480), (0.0,), (1.0,), 0.0, 1.0)
SCENES = InputSpec("image", (3, 24, 32), (0.0,), (1.0,), 0.0, 1.0)
DIGITS = OutputSpec("classification", tuple("0123456789"))
STUFF = OutputSpec("segmentation", tuple("abcdefghijk"))
SEGNET = Component("segnet", {"channels": [32, 32, 32, 32], "kernel": 3})
MC_DROPOUT, BACKPROP = Component("mc_dropout"), Component("bayes_by_backprop")
CATEGORICAL = Component("categorical")


def mlp(*hidden: int, posterior: Component = MC_DROPOUT) -> PredictorSpec:
    """Return a multilayer perceptron on images of 28 x 28."""
    return PredictorSpec(Component("mlp", {"hidden": list(hidden)}), posterior, CATEGORICAL, PIXELS, DIGITS)


def segnet(images: InputSpec) -> PredictorSpec:
    """Return a SegNet of four blocks; kernels of 7 x 7, as published, take five times as long and no more memory."""
    return PredictorSpec(SEGNET, MC_DROPOUT, CATEGORICAL, images, STUFF)


PREDICTORS: Mapping[str, PredictorSpec] = {
    "MLP 784-512-512-10": mlp(512, 512),
    "LeNet, dropout before the last layer": PredictorSpec(
        Component("convnet"), MC_DROPOUT, CATEGORICAL, PIXELS, DIGITS
    ),
    "LeNet, dropout everywhere": PredictorSpec(
        Component("convnet", {"conv_dropout": 0.2}), MC_DROPOUT, CATEGORICAL, PIXELS, DIGITS
    ),
    "LSTM of 128, 28 steps": PredictorSpec(Component("recurrent"), MC_DROPOUT, CATEGORICAL, PIXELS, DIGITS),
    "SegNet, 4 blocks of 32, 24 x 32": segnet(SCENES),
    "Bayes by Backprop, MLP 784-400-400-10": mlp(400, 400, posterior=BACKPROP),
}
GENERATORS: Mapping[str, GeneratorSpec] = {
    name: GeneratorSpec(Component(name, config), images)
    for name, config, images in (
        ("vae", {}, PIXELS),
        ("gan", {}, PIXELS),
        ("dcgan", {}, PIXELS),
        ("wgan", {}, PIXELS),
        ("infogan", {"categorical": {"digit": 10}, "continuous": ["slant", "width"]}, PIXELS),
        ("progan", {}, TINY),
        ("stylegan", {}, TINY),
    )
}


def checkpoint(spec: PredictorSpec | GeneratorSpec, *, graph: bool = True) -> Checkpoint:
    """Return a checkpoint of initial weights, saved and loaded, with its graphs unless they are not wanted."""
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        model, shape = spec.build().requires_grad_(False).eval(), images_of(spec).shape
        manifest = Manifest("measured", 0, spec, "random", 0, {})
        examples = canary_examples(model, torch.rand(2, *shape))
        loaded = load(save(Path(folder), manifest, model, examples, "# measured"))
        with redirect_stderr(io.StringIO()):  # torch tells at length what it could not trace at first
            return load(export(loaded, Path(folder)).folder) if graph else loaded


def images_of(spec: PredictorSpec | GeneratorSpec) -> InputSpec:
    """Return the specification of a model's rows or images."""
    return spec.inputs if isinstance(spec, PredictorSpec) else spec.images


def predictor(spec: PredictorSpec, *, graph: bool = True) -> TorchPredictor:
    """Return the backend that the service would choose, warm."""
    loader = OnnxLoader("cpu", 2**29)
    backend = loader.predictor(checkpoint(spec, graph=graph))
    backend.warm(0)
    return backend


def generator(spec: GeneratorSpec) -> TorchGenerator:
    """Return the backend that the service would choose, warm."""
    backend = OnnxLoader("cpu", 2**29).generator(checkpoint(spec))
    backend.warm(0)
    return backend
