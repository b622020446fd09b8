"""Options of the calls, as the REST reference describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from numpy.typing import ArrayLike


class AnswerOptions(TypedDict, total=False):
    """Options of ``POST /calibrated/{name}``, and of ``POST /predict`` too."""

    version: int
    outputs: Sequence[str]
    interval: float
    interval_for: str
    interval_score: Literal["probability", "cumulative", "deviation", "asymmetric"]
    max_error: float
    max_loss: float
    draws: bool
    covariance: bool
    interval_method: Literal["adaptive"]
    record: bool


class PredictOptions(AnswerOptions, total=False):
    """Options of ``POST /predict``."""

    model: str
    samples: int | Literal["auto"]
    max_samples: int
    tolerance: float
    aleatoric_samples: int
    seed: int | Literal["random"]
    on_unknown: Literal["refuse", "abstain"]


class AcquireOptions(TypedDict, total=False):
    """Options of ``POST /acquire``."""

    model: str
    version: int
    samples: int
    seed: int | Literal["random"]


class Controls(TypedDict, total=False):
    """Settings of a latent code; ``GET /generate/{family}`` lists those that a family has."""

    model: str
    version: int
    codes: Mapping[str, Any]
    z: ArrayLike
    w: ArrayLike
    truncation_psi: float
    resolution: int
    fade_alpha: float
    noise: Literal["const", "random", "none"]


class GenerateOptions(Controls, total=False):
    """Options of ``POST /generate/{family}``: settings of the code, and number and seeds of the images."""

    n: int
    seed: int | Literal["random"]
    seeds: Sequence[int] | str


class Sweep(TypedDict, total=False):
    """One axis of a traversal: a control, or one component of it, and the values that it takes."""

    control: str
    index: int
    values: Sequence[float | str]
    steps: int
    spacing: Literal["linear", "normal"]
