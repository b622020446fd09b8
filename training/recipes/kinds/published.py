"""Figures that papers published, and the lines that this project set itself, to compare its own figures with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published figure, and the figure of ours to compare with it.

    Attributes:
        paper: Authors and year.
        place: Table, section or experiment in the paper.
        what: Name of the quantity, with its unit.
        figure: Name of our figure in a checkpoint's manifest.
        value: Value in the paper; ``None`` where no paper has it and the line is all there is.
        standard_error: Standard error of the paper's value.
        our_error: Name of the standard error of our figure, where it is a mean over several splits.
        scale: Factor that brings our figure to the paper's unit.
        at_most: Line that our figure reaches when it is no higher, in the paper's unit.
        at_least: Line that our figure reaches when it is no lower, in the paper's unit.
        kept: Share of the weights that pruning left in the model.
        of_seeds: Choice among several runs, if it is not the newest: the best or the median.
    """

    paper: str
    place: str
    what: str
    figure: str
    value: float | None = None
    standard_error: float | None = None
    our_error: str = ""
    scale: float = 1.0
    at_most: float | None = None
    at_least: float | None = None
    kept: float = 1.0
    of_seeds: Literal["", "best", "median"] = ""

    def reached(self, ours: float) -> bool | None:
        """Return whether a value in the paper's unit reaches the line; ``None`` without a line."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or ours <= self.at_most) and (self.at_least is None or ours >= self.at_least)

    @property
    def line(self) -> str:
        """The line in words, such as ``at most 4``; empty without one."""
        bounds = {"at most": self.at_most, "at least": self.at_least}
        return ", ".join(f"{direction} {bound:g}" for direction, bound in bounds.items() if bound is not None)


def find_missed_lines(published: Iterable[Published], figures: Mapping[str, float]) -> list[str]:
    """Return a sentence for every line of a recipe that one run of it did not reach.

    Lines of pruned models and of the best of several seeds are no promise of one run.

    Args:
        published: Published figures of the recipe.
        figures: Figures of the run by name.
    """
    ours = [
        (one, figures[one.figure] * one.scale)
        for one in published
        if one.figure in figures and one.kept == 1 and one.of_seeds != "best"
    ]
    return [
        f"This run missed what its recipe is to reach: {one.what}, is {value:.4g}; the line is {one.line}. If the"
        " hyper-parameters are the recipe's own, the run went wrong: train it again with another --seed."
        for one, value in ours
        if one.reached(value) is False
    ]


@dataclass(frozen=True)
class Benchmark:
    """A model whose published figures no recipe of its own lists.

    Attributes:
        published: Published figures to compare the model's with.
        command: Command that trains the model, if there is one.
    """

    published: tuple[Published, ...]
    command: str = ""


OURS = "this project"
"""Name in place of a paper's where there is only a line."""


def _uci(folder: str, rmse: float, rmse_error: float, log_likelihood: float, log_likelihood_error: float) -> Benchmark:
    paper, place = "Gal & Ghahramani (2016)", "UCI, grid search, 20 published splits"
    rows = (
        ("RMSE, target units", "uci_rmse", "target_units", rmse, rmse_error),
        ("log-likelihood, nats", "uci_log_likelihood", "nats", log_likelihood, log_likelihood_error),
    )
    return Benchmark(
        tuple(
            Published(
                paper=paper,
                place=place,
                what=what,
                figure=f"{name}_{unit}",
                value=value,
                standard_error=error,
                our_error=f"{name}_standard_error",
                at_most=value + error if name == "uci_rmse" else None,
                at_least=value - error if name != "uci_rmse" else None,
            )
            for what, name, unit, value, error in rows
        ),
        f"python -m training benchmark {folder}",
    )


def _baseline(place: str, command: str = "", **values: float) -> Benchmark:
    names = {
        "accuracy": ("accuracy, %", "test_accuracy", 100),
        "nll": ("NLL, nats", "test_nll_nats", 1),
        "ece": ("ECE", "test_ece", 1),
        "uci_nll": ("NLL, nats", "uci_log_likelihood_nats", -1),
    }
    paper = "Uncertainty Baselines (Nado et al., 2021)"
    return Benchmark(
        tuple(
            Published(paper=paper, place=place, what=what, figure=figure, value=values[name], scale=scale)
            for name, (what, figure, scale) in names.items()
            if name in values
        ),
        command,
    )


def blundell(place: str, what: str, value: float, kept: float = 1.0, at_most: float | None = None) -> Published:
    """Return a test error on MNIST of Blundell et al., in percent."""
    return Published(
        paper="Blundell et al. (2015)",
        place=place,
        what=f"test error, %: {what}",
        figure="test_error",
        scale=100,
        value=value,
        kept=kept,
        at_most=at_most,
    )


def made_images(place: str, frechet_at_most: float | None = None) -> tuple[Published, ...]:
    """Return the lines of any generator of images of ten kinds; the Fréchet distance's where its family has one."""
    lines = (
        ("Fréchet distance, over that of real images to real ones", "frechet_lenet_ratio", frechet_at_most, None),
        ("classes among its images, of 10", "classes_present", None, 10),
        ("unevenness of the classes, nats", "class_kl_to_uniform_nats", 0.05, None),
        ("distance to the nearest training image, over that of real images", "nearest_training_ratio", None, 1),
    )
    return tuple(
        Published(paper=OURS, place=place, what=what, figure=figure, at_most=at_most, at_least=at_least)
        for what, figure, at_most, at_least in lines
    )


def _active(method: str, name: str) -> tuple[Published, ...]:
    """Return what a method of acquisition is compared by."""
    figures = (
        ("labels to 90 % accuracy", "labels_to_90_percent", 1.0),
        ("test error with 100 labels, %", "error_at_100_labels", 100.0),
    )
    place = "MNIST, active learning"
    return tuple(
        Published(paper=OURS, place=place, what=f"{what}: {name}", figure=f"{method}_{figure}", scale=scale)
        for what, figure, scale in figures
    )


_SPLITS = "UCI, 20 published splits"

BENCHMARKS = {
    "mnist-convnet-bayes_by_backprop": _baseline(
        "MNIST, LeNet-5, variational",
        "python -m training fit digits-convnet-bayes_by_backprop --data mnist",
        accuracy=98.5,
        nll=0.048,
        ece=0.010,
    ),
    "mnist-convnet-deterministic": _baseline("MNIST, LeNet-5, deterministic", accuracy=99.1, nll=0.037),
    "mnist-convnet-ensemble": _baseline("MNIST, LeNet-5, ensemble of 10", accuracy=99.4, nll=0.016, ece=0.005),
    "mnist-convnet-mc_dropout-active_learning": Benchmark(
        (
            Published(
                paper="Kirsch et al. (2019)",
                place="MNIST, a larger network, candidates from all rows",
                what="labels to 95 % accuracy: BatchBALD, 10 at a time",
                figure="batchbald_10_labels_to_95_percent",
                value=90,
            ),
            *_active("batchbald_10", "BatchBALD, 10 at a time"),
            *_active("batchbald_5", "BatchBALD, 5 at a time"),
            *_active("bald_10", "BALD, 10 at a time"),
            *_active("epig_10", "EPIG, 10 at a time"),
            *_active("random_10", "random rows"),
        ),
        "python -m training active-learning mnist --labels 200",
    ),
    "bostonhousing-mlp-mc_dropout": _uci("bostonHousing", 2.904, 0.177, -2.402, 0.042),
    "energy-mlp-mc_dropout": _uci("energy", 0.539, 0.014, -1.212, 0.005),
    "wine_quality_red-mlp-mc_dropout": _uci("wine-quality-red", 0.622, 0.008, -0.928, 0.013),
    "yacht-mlp-mc_dropout": _uci("yacht", 0.666, 0.049, -1.250, 0.015),
    "bostonhousing-mlp-bayes_by_backprop": _baseline(_SPLITS, uci_nll=3.12),
    "energy-mlp-bayes_by_backprop": _baseline(_SPLITS, uci_nll=0.93),
    "wine_quality_red-mlp-bayes_by_backprop": _baseline(_SPLITS, uci_nll=1.00),
    "yacht-mlp-bayes_by_backprop": _baseline(_SPLITS, uci_nll=2.01),
    "bostonhousing-mlp-ensemble": _baseline(f"{_SPLITS}, ensemble of 10", uci_nll=6.11),
    "energy-mlp-ensemble": _baseline(f"{_SPLITS}, ensemble of 10", uci_nll=0.61),
    "wine_quality_red-mlp-ensemble": _baseline(f"{_SPLITS}, ensemble of 10", uci_nll=0.97),
    "yacht-mlp-ensemble": _baseline(f"{_SPLITS}, ensemble of 10", uci_nll=0.73),
}
"""Published figures by the name of the model. A recipe of that name that lists figures itself takes their place."""
