"""The one judge of made images: a LeNet that this project fits to the training split of the same data.

Its features stand where Inception's do elsewhere, so figures on them are comparable with those of the same judge only.
The network and the rates are those of ``digits-convnet-mc_dropout``, written down once more because a judge must not
change when a recipe gets better.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from models.catalogue import Component
from models.networks.convnet import ConvNet
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.data.pixels import pixel_spec, pixels
from training.loops.progress import Run
from training.loops.settings import SupervisedSettings
from training.loops.state import fingerprint
from training.recipes.kinds.predictive import PredictiveRecipe
from training.seeds import initialised

SEED = 0
_RECIPE = PredictiveRecipe(
    data="any",
    model="judge",
    description="LeNet that judges made images",
    network=Component("convnet", {"channels": [16, 32], "kernel": 3, "padding": 1, "hidden": 64}),
    posterior=Component("deterministic", {"length_scale": 0.36}),
    likelihood=Component("categorical"),
    settings=SupervisedSettings(epochs=40, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=40),
)
_UPDATES = 2400
"""After so many, many images need no more epochs."""
_BLOCK = 500


@dataclass(frozen=True)
class FeatureClassifier:
    """A fitted classifier, without dropout; images are ``(N, channels, height, width)`` with pixels in [0, 1].

    Attributes:
        dataset: That it was fitted to.
        epochs: How long.
    """

    predictor: Predictor
    dataset: Dataset
    epochs: int

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """The hidden layer before the last, after its ReLU: ``(N, 64)`` in double precision."""
        spec = pixel_spec(self.dataset.inputs)
        return torch.cat([self._features(part * spec.scale[0] + spec.mean[0]) for part in torch.split(images, _BLOCK)])

    @torch.inference_mode()
    def classes(self, features: Tensor) -> Tensor:
        """What images of these features show, class indices ``(N,)``."""
        last: Tensor = self._network.classifier[-1](features.float())
        return last.argmax(-1)

    @cached_property
    def accuracy(self) -> float:
        """On the test split."""
        test = self.dataset.test.rows(slice(None))
        right = self.classes(self.features(pixels(self.dataset.inputs, test.inputs))) == test.targets
        return float(right.double().mean())

    @property
    def _network(self) -> ConvNet:
        network = self.predictor.posterior.network
        assert isinstance(network, ConvNet)  # as the recipe says
        return network

    def _features(self, raw: Tensor) -> Tensor:
        return self._network.hidden(self.predictor.inputs.standardise(raw)).double()


def feature_classifier_of(dataset: Dataset) -> FeatureClassifier | None:
    """The judge of a data set; ``None`` of one whose images have no class each.

    It is fitted once, with a fixed seed, and kept in the user's cache. Where nothing can be kept there, it is fitted
    again each time.
    """
    outputs = dataset.outputs
    if dataset.inputs.kind != "image" or outputs is None or outputs.task != "classification":
        return None
    steps = math.ceil(len(dataset.train.inputs) / _RECIPE.settings.batch)
    epochs = min(_RECIPE.settings.epochs, math.ceil(_UPDATES / steps))
    recipe = replace(_RECIPE.with_epochs(epochs), data=dataset.name)
    predictor = initialised(recipe.spec(dataset), SEED)
    assert isinstance(predictor, Predictor)  # as the recipe's spec() says
    path = _cache() / f"{fingerprint(f'{recipe} {SEED}', dataset.train)}.safetensors"
    if not _remembered(predictor, path):
        recipe.train(predictor, dataset, Run(SEED))
        _remember(predictor, path)
    return FeatureClassifier(predictor.eval(), dataset, epochs)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "credence" / "judges"


def _remembered(predictor: Predictor, path: Path) -> bool:
    """Whether the weights are there; they are loaded then."""
    try:
        predictor.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, safetensors.SafetensorError, RuntimeError):
        return False
    return True


def _remember(predictor: Predictor, path: Path) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(safetensors.torch.save(predictor.state_dict()))
        temporary.replace(path)
