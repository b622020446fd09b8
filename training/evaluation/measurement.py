"""A measurement: the metrics of a model with everything that is needed to measure them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training.evaluation.breakdown import Breakdown

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
        evidence: Rows or images behind each metric, in words, by the metric's name.
        cautions: Sentences on metrics that are bad, that rest on few rows, or that miss a line of the recipe.
        breakdown: Figures of every class, or of every target of several.
    """

    metrics: Metrics
    samples: int
    seed: int
    seconds: float = 0.0
    plots: Mapping[str, bytes] = field(default_factory=dict)
    arguments: str = ""
    remark: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    cautions: Sequence[str] = ()
    breakdown: Breakdown = ()
