"""The base of every recipe: a model, the data that it is meant for, and how it is fitted and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Self

import msgspec
import torch

from models.checkpoints.checkpoint import NAME, Checkpoint, GeneratorSpec, Model, PredictorSpec
from training.data import Dataset
from training.errors import RecipeError
from training.evaluation.measurement import Metrics
from training.loops.progress import Kept, Run
from training.loops.settings import AdversarialSettings, SupervisedSettings
from training.recipes.kinds.published import Published


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A kind of model, fitted to a kind of data.

    Attributes:
        data: Name of the data set that it is meant for.
        model: Name of the model, the second part of :attr:`name`.
        description: One line for ``list``.
        settings: Hyper-parameters of the loop.
        bundled: Whether ``demo`` trains it.
        starter: Whether ``demo --starter`` does: at least one model of every task.
        published: Metrics to compare the model's with.
        taken_from: Name of the recipe, or of the model, whose hyper-parameters these are, where they were taken to
            other data.
        named: Name of the models that it makes, in place of that of the data and the model.
        options: Options on the command line that changed it, as they are written there.
        components: Names of the attributes that are components with options.
        adjustable: Names of the attributes, besides these and the settings, that the command line may set.
    """

    components: ClassVar[tuple[str, ...]] = ()
    adjustable: ClassVar[tuple[str, ...]] = ()

    data: str
    model: str
    description: str
    settings: SupervisedSettings | AdversarialSettings
    bundled: bool = False
    starter: bool = False
    # Of no effect on the weights, so not in the text that tells one run's state from another's.
    published: tuple[Published, ...] = field(default=(), repr=False)
    taken_from: str = field(default="", repr=False)
    named: str = field(default="", repr=False)
    options: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The name of the recipe and of the models that it makes."""
        return self.named or self._own_name

    @property
    def source(self) -> str:
        """The name of the recipe whose hyper-parameters these are: its own, but where they were taken to other data."""
        return self.taken_from or self._own_name

    @property
    def _own_name(self) -> str:
        return f"{self.data}-{self.model}"

    @abstractmethod
    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        """Return everything but the weights.

        Raises:
            RecipeError: if the data are not of the kind that this recipe takes.
        """

    def in_bfloat16(self, device: torch.device) -> bool:
        """Return whether layers compute in it while the model is trained on this device; all else is float32."""
        return isinstance(self.settings, AdversarialSettings) and self.settings.in_bfloat16(device)

    @abstractmethod
    def train(self, model: Model, dataset: Dataset, run: Run) -> Kept | None:
        """Fit the model, and leave it in evaluation mode.

        Returns:
            The epoch whose weights were kept as the best; ``None`` where that is simply the last.
        """

    def metrics(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Metrics:
        """Return what only this family measures on the test split, beside the metrics of all models of its kind.

        Args:
            model: A trained model in evaluation mode.
            dataset: Data whose test split is measured.
            samples: Number of draws of a prediction, or of generated images.
            seed: Seed of the draws, or of the first generated image.
        """
        return {}

    @property
    def choices(self) -> tuple[str, ...]:
        """Sentences on what was decided for the user: where other data's hyper-parameters, or defaults, were taken."""
        if not self.taken_from:
            return ()
        whose = "defaults for these data" if self.taken_from == self.model else f"those of {self.taken_from}"
        return (f"hyper-parameters, {whose}: {self.hyper_parameters}",)

    @property
    def hyper_parameters(self) -> str:
        """All that can be set, as ``--set`` takes it, where it is not the default of a component or of the loop."""
        components = [getattr(self, name) for name in self.components]
        parts = [" ".join([one.name, *map(assignment, one.config.items())]) for one in components]
        unset = {one.name: one.default for one in fields(self.settings)}
        loop = {name: value for name, value in vars(self.settings).items() if value != unset[name]}
        return "; ".join([*parts, " ".join(map(assignment, loop.items()))])

    def keeping_best(self) -> Self:
        """Return the recipe that keeps the best epoch, and stops when none has been better for a quarter of the run."""
        settings = self.settings
        if not isinstance(settings, SupervisedSettings):
            return self
        waits = settings.patience or max(10, 3 * settings.validate_every, settings.epochs // 4)
        return replace(self, settings=replace(settings, patience=waits, keep_best=True))

    def around(self, start: Checkpoint | None, dataset: Dataset) -> Self:
        """Return the recipe for the network of a checkpoint as it is, without an epoch of training.

        Raises:
            RecipeError: if nothing is fitted after training, or it cannot be to this checkpoint.
        """
        raise RecipeError(f"0 epochs train nothing, and {self.model} has to be trained; give --epochs of at least 1")

    def with_name(self, name: str) -> Self:
        """Return the recipe of models of this name.

        Raises:
            RecipeError: if no model can have it.
        """
        if not NAME.fullmatch(name):
            raise RecipeError(f"a model's name is made of a-z, 0-9, '_', '.' and '-', at most 64; not {name!r}")
        return replace(self, named=name, options=f"{self.options} --name {name}")

    def with_epochs(self, epochs: int) -> Self:
        """Return the recipe with another number of epochs."""
        return replace(self, settings=replace(self.settings, epochs=epochs))

    def with_clip_norm(self, clip_norm: float) -> Self:
        """Return the recipe with gradients clipped to this L2 norm."""
        return replace(self, settings=replace(self.settings, clip_norm=clip_norm))


def assignment(item: tuple[str, object]) -> str:
    """Return a name and its value as ``--set`` takes them.

    >>> assignment(("hidden", [64, 64]))
    'hidden=[64,64]'
    """
    name, value = item
    return f"{name}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
