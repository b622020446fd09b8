"""The feature classifier: a LeNet that this project fits to the training split of the data of a generator.

Its features stand where Inception's do elsewhere, so metrics on them are comparable only where the classifier is the
same. The network and its hyper-parameters are those of ``digits-convnet-mc_dropout``, written down once more because
the classifier must not change when a recipe gets better.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.networks.convnet import ConvNet
from models.prediction.predictor import Predictor
from training.data import Dataset
from training.data.pixels import pixel_spec, pixels
from training.evaluation.metrics.likelihood import mean_nll
from training.loops.progress import Run
from training.loops.settings import SupervisedSettings
from training.loops.state import fingerprint
from training.loops.supervised import fit_supervised
from training.losses.free_energy import FreeEnergy
from training.seeds import initialised

SEED = 0
_COMPONENTS = (
    Component("convnet", {"channels": [16, 32], "kernel": 3, "padding": 1, "hidden": 64}),
    Component("deterministic", {"length_scale": 0.36}),
    Component("categorical"),
)
"""Network, posterior and likelihood."""
_SETTINGS = SupervisedSettings(epochs=40, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=40)
_UPDATES = 2400
"""Number of updates after which large data need no more epochs."""
_BLOCK = 500


@dataclass(frozen=True)
class FeatureClassifier:
    """A fitted classifier without dropout; images are ``(N, channels, height, width)`` with pixels in [0, 1].

    Attributes:
        predictor: The classifier in evaluation mode.
        dataset: Data that it was fitted to.
        epochs: Number of epochs that it was fitted for.
    """

    predictor: Predictor
    dataset: Dataset
    epochs: int

    @torch.inference_mode()
    def features(self, images: Tensor) -> Tensor:
        """Return the hidden layer before the last, after its ReLU.

        Args:
            images: Images ``(N, channels, height, width)`` in [0, 1].

        Returns:
            Features ``(N, 64)`` in float64.
        """
        spec = pixel_spec(self.dataset.inputs)
        return torch.cat([self._features(part * spec.scale[0] + spec.mean[0]) for part in torch.split(images, _BLOCK)])

    @torch.inference_mode()
    def classes(self, features: Tensor) -> Tensor:
        """Return the class that each image shows.

        Args:
            features: Features of the images, ``(N, 64)``.

        Returns:
            Class indices ``(N,)``.
        """
        last: Tensor = self._network.classifier[-1](features.float())
        return last.argmax(-1)

    @cached_property
    def accuracy(self) -> float:
        """Accuracy on the test split, 0 to 1."""
        test = self.dataset.test.rows(slice(None))
        right = self.classes(self.features(pixels(self.dataset.inputs, test.inputs))) == test.targets
        return float(right.double().mean())

    @property
    def _network(self) -> ConvNet:
        network = self.predictor.posterior.network
        assert isinstance(network, ConvNet)  # as the components say
        return network

    def _features(self, raw: Tensor) -> Tensor:
        return self._network.hidden(self.predictor.inputs.standardise(raw)).double()


def feature_classifier_of(dataset: Dataset) -> FeatureClassifier | None:
    """Return the feature classifier of a data set, or ``None`` if its images do not have a class each.

    It is fitted once, with a fixed seed, and kept in the user's cache. If it cannot be kept there, it is fitted again
    each time.
    """
    outputs = dataset.outputs
    if dataset.inputs.kind != "image" or outputs is None or outputs.task != "classification":
        return None
    predictor = initialised(PredictorSpec(*_COMPONENTS, dataset.inputs, outputs), SEED)
    assert isinstance(predictor, Predictor)  # as its spec says
    settings = settings_for(dataset)
    file = cache_folder() / f"{fingerprint(f'{_COMPONENTS} {settings} {SEED}', dataset.train)}.safetensors"
    if not _load(predictor, file):
        fit_classifier(predictor, dataset, settings)
        _keep(predictor, file)
    return FeatureClassifier(predictor.eval(), dataset, settings.epochs)


def settings_for(dataset: Dataset) -> SupervisedSettings:
    """Return the hyper-parameters for a data set, which needs fewer epochs the larger it is."""
    steps = math.ceil(len(dataset.train.inputs) / _SETTINGS.batch)
    return replace(_SETTINGS, epochs=min(_SETTINGS.epochs, math.ceil(_UPDATES / steps)))


def fit_classifier(predictor: Predictor, dataset: Dataset, settings: SupervisedSettings) -> None:
    """Fit a new classifier to the training split."""
    metric = partial(mean_nll, predictor, dataset.validation, samples=0, seed=SEED)
    fit_supervised(FreeEnergy(predictor, dataset.train, metric), dataset.train, settings, Run(SEED))


def cache_folder() -> Path:
    """Return the folder in the user's cache that keeps fitted classifiers."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "credence" / "feature-classifiers"


def _load(predictor: Predictor, file: Path) -> bool:
    """Load the weights if they are in the cache, and return whether they are."""
    try:
        predictor.load_state_dict(safetensors.torch.load_file(file))
    except (OSError, safetensors.SafetensorError, RuntimeError):
        return False
    return True


def _keep(predictor: Predictor, file: Path) -> None:
    temporary = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(safetensors.torch.save(predictor.state_dict()))
        temporary.replace(file)
