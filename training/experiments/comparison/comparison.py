"""The outcome of a comparison: all figures with their errors, and which differences are more than noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from training.evaluation.metrics.standard_errors import Estimate, difference, estimate
from training.experiments.comparison.judging import FIGURES, Figure, Judged


@dataclass(frozen=True)
class Standing:
    """The models as one figure ranks them.

    Attributes:
        figure: The figure.
        best: Label of the model with the best estimate.
        tied: Labels of those that are not clearly worse, the best of them first.
        worse: By how much the others are clearly worse, by label.
    """

    figure: Figure
    best: str
    tied: Sequence[str]
    worse: Mapping[str, Estimate]

    @property
    def level(self) -> tuple[str, ...]:
        """Labels of the best and of all that cannot be told from it."""
        return (self.best, *self.tied)


@dataclass(frozen=True)
class Comparison:
    """Models of one network on one data set, each fitted with several seeds.

    Attributes:
        data: Name of the data.
        task: Task of the models.
        judged: Measurements of each model by label, one for each seed.
        refused: Reason why others are missing, by label.
        seeds: Seeds of the runs.
        epochs: Number of epochs that each run was given.
        tested: Description of the test rows.
        rows: Number of test rows.
        ood: Description of the rows out of distribution; empty without any.
    """

    data: str
    task: str
    judged: Mapping[str, Sequence[Judged]]
    refused: Mapping[str, str]
    seeds: Sequence[int]
    epochs: int
    tested: str
    rows: int
    ood: str

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Figures that all models have."""
        runs = [one.figures for of_label in self.judged.values() for one in of_label]
        return tuple(figure for figure in FIGURES[self.task] if all(figure.name in found for found in runs))

    @property
    def standings(self) -> tuple[Standing, ...]:
        """The standing of the models by every figure."""
        return tuple(self._standing(figure) for figure in self.figures)

    def estimate(self, label: str, figure: Figure) -> Estimate:
        """Return a figure of a model, the mean over its seeds."""
        return estimate([one.figures[figure.name] for one in self.judged[label]])

    def milliseconds(self, label: str) -> float:
        """Return the time of an answer of a model, the median over its seeds."""
        return median(one.milliseconds for one in self.judged[label])

    def training_seconds(self, label: str) -> float:
        """Return the mean duration of a model's training runs."""
        return fmean(one.training_seconds for one in self.judged[label])

    def has_draws(self, label: str) -> bool:
        """Return whether a model's answers have an epistemic part."""
        return self.judged[label][0].draws > 1

    def _standing(self, figure: Figure) -> Standing:
        def goodness(label: str) -> float:
            return figure.sign * self.estimate(label, figure).value

        ranked = sorted(self.judged, key=goodness, reverse=True)
        best, *others = ranked
        behind = {label: self._behind(best, label, figure) for label in others}
        worse = {label: by for label, by in behind.items() if by.is_clear}
        return Standing(figure, best, [label for label in others if label not in worse], worse)

    def _behind(self, best: str, label: str, figure: Figure) -> Estimate:
        """Return by how much a model is worse than the best."""
        pair = (best, label) if figure.better == "higher" else (label, best)
        one, other = ([run.figures[figure.name] for run in self.judged[name]] for name in pair)
        return difference(one, other)
