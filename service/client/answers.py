"""Answers as dataclasses of NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A predictive distribution; the first axis is the rows. ``None`` where the model cannot tell, or one draw cannot.

    Attributes:
        label: Most probable class of each row; labels joined by commas if a row may have several (multilabel).
        mean: Class probabilities ``(rows, classes)``, or expected targets ``(rows, targets)`` in their units.
        aleatoric_variance: Noise in the data, in those units squared.
        epistemic_variance: Disagreement of the draws, in the same units.
        total_variance: Sum of the two.
        predictive_entropy: Entropy in nats; the sum of the next two.
        expected_entropy: Aleatoric part of the entropy in nats.
        mutual_information: Epistemic part of the entropy in nats.
        standard_error: Monte-Carlo error of ``mean``, in its units.
        ood_score: How unlike the calibration rows each row is, in nats.
        decision: "accept" or "abstain" for each row.
        alarms: What speaks against each row that is abstained from, joined by commas.
        p_values: Conformal p-values of the rows by the kind of evidence, with ``outputs="p_values"``.
        decision_reason: Reason why nothing was decided; empty if it was.
        outside: Names of the columns of each row whose value is far beyond the range of the training rows (tables).
        unknown: Names of the columns of each row whose category no training row has, with ``on_unknown="abstain"``;
            such a row's decision is "abstain", its numbers are NaN and its texts empty.
        ignored: Names of columns that were sent, and that the model does not predict from.
        lower, upper: Ends of the interval of the level asked for, in target units (regression).
        prediction_set: Classes, or labels, in the set of the level asked for, joined by commas.
        masks: Where each class may be, 1 among 0, ``(rows, classes, height, width)`` (segmentation).
        draws: Mean of each draw, ``(draws, rows, ...)``.
        covariance: Epistemic covariance between the rows, ``(outputs, rows, rows)``.
        adapted_level: Level that outcomes have moved the one asked for to, with ``interval_method="adaptive"``.
        requests: Id and number of rows of each request that this came from, for ``report_outcomes``.
    """

    model: str
    version: str
    task: str
    method: str
    seed: int
    samples: int
    stop_reason: str
    classes: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    label: Texts | None = None
    mean: Floats | None = None
    aleatoric_variance: Floats | None = None
    epistemic_variance: Floats | None = None
    total_variance: Floats | None = None
    predictive_entropy: Floats | None = None
    expected_entropy: Floats | None = None
    mutual_information: Floats | None = None
    standard_error: Floats | None = None
    ood_score: Floats | None = None
    decision: Texts | None = None
    alarms: Texts | None = None
    p_values: dict[str, Floats] = field(default_factory=dict)
    decision_reason: str = ""
    outside: tuple[tuple[str, ...], ...] | None = None
    unknown: tuple[tuple[str, ...], ...] | None = None
    ignored: tuple[str, ...] = ()
    interval_method: str | None = None
    lower: Floats | None = None
    upper: Floats | None = None
    prediction_set: Texts | None = None
    masks: NDArray[np.int8] | None = None
    draws: Floats | None = None
    covariance: Floats | None = None
    adapted_level: float | None = None
    requests: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Acquired:
    """Rows of a pool to label next, in the order in which they were chosen.

    Attributes:
        rows: Numbers of the rows in the pool, counted from 0.
        gain: Score by which each was chosen, in nats; ``None`` for random rows.
        joint_information: Information that the labels of the rows up to each one hold about the model together, in
            nats; ``None`` where the model has no draws.
        estimate: Kind of ``joint_information``: "exact", "sampled" or "gaussian".
        pool: Number of rows in the pool.
        targets: Number of target rows, for "epig".
        samples: Number of draws used; ``None`` if none was.
    """

    model: str
    version: str
    task: str
    method: str
    acquisition: str
    seed: int
    samples: int | None
    pool: int
    targets: int | None
    rows: NDArray[np.int64]
    gain: Floats | None
    joint_information: Floats | None
    estimate: str | None


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Images, and the seeds and codes that made them.

    Attributes:
        pixels: Array ``(n, channels, height, width)`` in [0, 1].
        seeds: Seed of each image, any of which makes its image again; of an interpolation, the seeds of its ends.
        codes: Named controls, one value an image.
    """

    model: str
    version: str
    family: str
    pixels: NDArray[np.float32]
    seeds: tuple[int, ...]
    codes: dict[str, list[Any]]

    @property
    def images(self) -> list[Image.Image]:
        """The images as pictures, grey or in colour."""
        return [_picture(one) for one in self.pixels]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Latent codes read off images.

    Attributes:
        codes: Arrays by control: ``mean`` and ``variance`` of a continuous one, ``probabilities`` and ``value`` of a
            categorical one; the first axis is the images.
    """

    model: str
    version: str
    family: str
    codes: dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Reconstructed(Encoded):
    """Images made again from their codes, in the units of the inputs.

    Attributes:
        mean: Expected pixels ``(images, channels, height, width)``.
        aleatoric_variance: Noise of the pixels given a code, the same shape.
        epistemic_variance: Disagreement of the codes that an image allows; ``None`` for a single code.
        total_variance: Sum of the two.
    """

    seed: int
    samples: int
    mean: Floats
    aleatoric_variance: Floats
    epistemic_variance: Floats | None
    total_variance: Floats | None


@dataclass(frozen=True, kw_only=True)
class Projected:
    """The style code whose image is most like a given one.

    Attributes:
        w: Style code ``(layers, w)``, which ``generate`` takes.
        loss: Distance between the two images; 0 if they are the same.
        image: Picture that the code makes.
    """

    model: str
    version: str
    family: str
    w: Floats
    loss: float
    image: Image.Image


def _picture(pixels: NDArray[np.float32]) -> Image.Image:
    levels = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    return Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
