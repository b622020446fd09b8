"""Execution behind two protocols, so that the rest of the service does not know how or where a model is computed.

Arrays and plain facts go in and come out. A backend is loaded and warm; it may live in another process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from models.checkpoints.checkpoint import Checkpoint
from models.specs import Control
from service.backends.generator_jobs import Codes, GeneratorJob, ImagesJob, Operation, Sweep, Value
from service.backends.predictor_jobs import Float64Array, Interval, Prediction, PredictJob
from service.scheduling.batching import BatchTerms, CheckCancelled

R = TypeVar("R")


_MOST_ERROR = 0.1
"""Standard errors of an answer that it may move by for the sake of speed: it then has 1 % more of variance."""


@dataclass(frozen=True)
class Choice:
    """The measurement by which one of several backends was chosen for a model.

    Attributes:
        seconds: Times of each backend, by its name: of 50 draws for 1 and for 8 rows, or of 1 and of 16 images.
    """

    seconds: Mapping[str, Sequence[float]]

    @property
    def fastest(self) -> str:
        """The name of the backend with the smallest product of times."""
        return min(self.seconds, key=lambda name: math.prod(self.seconds[name]))

    @property
    def speedup(self) -> float:
        """The next backend's time over the fastest one's, the geometric mean over the sizes; at least 1."""
        first, second, *_ = sorted(math.prod(times) for times in self.seconds.values())
        return float((second / first) ** (1 / len(self.seconds[self.fastest])))


@dataclass(frozen=True)
class Precision:
    """Whether a model's draws are evaluated in bfloat16, and the measurement that decided it.

    Attributes:
        error: Distance by which answers move, in their standard errors; infinite if the model is no network of torch.
        speedup: Factor by which draws are evaluated faster.
    """

    error: float
    speedup: float

    @property
    def name(self) -> str:
        """The numbers that draws are evaluated in."""
        return "bfloat16" if self.error <= _MOST_ERROR and self.speedup > 1 else "float32"


@dataclass(frozen=True)
class Cost:
    """Estimated seconds of a prediction's work on the device, measured when the model was loaded.

    Attributes:
        request: Time of any request, with a block of draws to make.
        row: Time of each row, however many draws there are.
        draw: Time of each draw for each row.
        weights: Time of making each draw, for all rows together.
        noise: Time of one more sample of the noise on logits, for each draw for each row.
        noise_samples: Number of such samples that ``draw`` includes.
    """

    request: float = 0.0
    row: float = 0.0
    draw: float = 0.0
    weights: float = 0.0
    noise: float = 0.0
    noise_samples: int = 0


class Backend(Protocol):
    """The facts that any model has.

    Attributes:
        name: Name of the kind of backend, as metrics tell it.
        device: Name of the device, such as ``cpu`` or ``cuda:0``.
        work_weight: Work of one draw for one row, or of one image; 1 for a small model.
        choice: Measurement by which this backend was chosen; ``None`` if there was no other.
    """

    name: str
    device: str
    work_weight: float
    choice: Choice | None

    def release(self) -> None:
        """Let go of what is kept for the model beside itself: no more requests come; called on any thread."""


class PredictorBackend(Backend, Protocol):
    """A predictive model: rows in, statistics of the predictive distribution out.

    Attributes:
        max_samples: Number of different draws; ``None`` if without end, 0 if the model is one function.
        positions: Shape of one row's outcomes: ``()`` if it has one, ``(steps,)``, or ``(height, width)``.
        has_logit_noise: ``True`` if the model averages over noise on its logits, whose samples a request may number.
        precision: Numbers that draws are evaluated in, with the measurement; ``None`` if none were asked for.
        cost: Estimated seconds of a request's parts.
    """

    max_samples: int | None
    positions: tuple[int, ...]
    has_logit_noise: bool
    precision: Precision | None
    cost: Cost

    def terms(self, job: PredictJob) -> BatchTerms:
        """Return which jobs this one may share a batch with, and what it costs; called on the event loop."""

    def run(self, jobs: Sequence[PredictJob], check_cancelled: CheckCancelled) -> Sequence[Prediction]:
        """Predict for jobs of one key, in their order; called on the device's thread.

        Raises:
            NonFiniteOutputError: if an answer is NaN or infinite.
        """


@runtime_checkable
class IntervalBackend(Protocol):
    """A regression's backend, whose likelihood knows the shape of the noise: above 0, or whole, or with heavy tails.

    Attributes:
        conformal_method: Name of its conformal intervals, as ``interval_method`` tells it.
    """

    conformal_method: str

    def credible_interval(self, prediction: Prediction, level: float) -> Interval:
        """Return the central interval of the mixture of a prediction's draws; called on any thread.

        Args:
            prediction: A prediction with its draws.
            level: Probability that the interval holds, in (0, 1).
        """

    def conformal_interval(
        self, prediction: Prediction, below: Float64Array, above: Float64Array | None = None
    ) -> Interval:
        """Return the interval of the outcomes that score no higher, as calibration rows were scored.

        Args:
            prediction: A prediction.
            below: Quantiles of the calibration rows' scores, in a shape that goes with the mean.
            above: Quantiles for outcomes above the mean; those for outcomes below it if left out.
        """

    def deviation_score(
        self, mean: Float64Array, variance: Float64Array, skew: Float64Array | None, outcome: Float64Array
    ) -> float:
        """Return the score of an outcome, as calibration rows were scored; called on any thread.

        Args:
            mean: Expected targets of the row, ``(D,)``.
            variance: Variance of each that the interval is made of, ``(D,)``.
            skew: Quantile skewness of each, ``(D,)``; ``None`` where mean and variance decide all.
            outcome: Targets of the row, ``(D,)``, NaN where one is not known.
        """


class GeneratorBackend(Backend, Protocol):
    """A generative model: seeds and codes in, images out; or images in, codes out.

    Attributes:
        operations: Operations that the model supports.
        controls: The controls of its latent code.
        distributions: Name of the distribution that a seed draws a part of the code from, by the part's name.
        levels: Names of the levels of layers whose styles can be mixed; empty if there are none.
    """

    operations: Sequence[Operation]
    controls: Sequence[Control]
    distributions: Mapping[str, str]
    levels: Sequence[str]

    def most_images(self, seconds: float) -> int:
        """Return how many images take no longer than some seconds; at least 1."""

    def terms(self, job: GeneratorJob[Any]) -> BatchTerms:
        """Return which jobs this one may share a batch with, and what it costs; called on the event loop."""

    def run(self, jobs: Sequence[GeneratorJob[R]], check_cancelled: CheckCancelled) -> Sequence[R]:
        """Do what jobs of one key ask, in their order; called on the device's thread.

        Raises:
            NonFiniteOutputError: if an answer is NaN or infinite.
        """

    def codes(self, values: Mapping[str, Value], images: int) -> Codes:
        """Return a request's values of controls as codes, ``images`` rows each.

        Raises:
            ControlError: for a control that does not exist, or a value that it does not take.
        """

    def sweep(self, control: str, index: int | None, values: Sequence[float | str] | None) -> Sweep:
        """Return a sweep over some values; over all of a control that has only so many if none are given.

        Raises:
            ControlError: if there is no such control or component, or it does not take a value.
        """

    def check_together(self, codes: Codes) -> None:
        """Refuse codes that have no meaning beside each other.

        Raises:
            ControlError: naming them.
        """

    def check(self, job: ImagesJob) -> None:
        """Refuse a job that asks for a code that cannot be, before it waits; called on any thread.

        Raises:
            ControlError: naming the part of the code.
        """


class BackendLoader(Protocol):
    """One way of executing models, as the service knows it."""

    def load_backend(self, checkpoint: Checkpoint) -> PredictorBackend | GeneratorBackend:
        """Put the model of a verified checkpoint on the device and warm it.

        Raises:
            CredenceError: if the model must not serve.
        """

    def count_halvings(self) -> int:
        """Return how often the device's memory has ended, and less was tried at once; called on any thread."""

    def memory_bytes(self) -> Mapping[str, int]:
        """Return the bytes of memory in use on the device, by kind; called on any thread."""
