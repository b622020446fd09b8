"""A measurement: the metrics of a model with everything that is needed to measure them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Metrics = dict[str, float]
"""Measured values by name, with the unit in the name where there is one."""


@dataclass(frozen=True)
class Measurement:
    """Metrics of a model, and how they were measured.

    Attributes:
        metrics: Values by name, with the unit in the name.
        samples: Number of draws of a prediction, or of generated images.
        seed: Seed of the draws, or of the first generated image.
        seconds: Duration of the measurement.
        plots: PNG files by name, for the checkpoint's folder.
        arguments: Command-line arguments that load the data again; empty for data that are known by name.
        remark: Advice on how to read the metrics, or on which of them are missing.
    """

    metrics: Metrics
    samples: int
    seed: int
    seconds: float
    plots: Mapping[str, bytes] = field(default_factory=dict)
    arguments: str = ""
    remark: str = ""
