"""The level holds: in all and in each class or group, after any number of draws, over many resampled calibrations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from models.guarantees.conditional import quantiles_by_group
from models.guarantees.conformal import CLASS_SCORES, class_scores, conformal_set, deviation_scores, score_quantile
from models.likelihoods.heteroscedastic_gaussian import HeteroscedasticGaussian
from models.likelihoods.quantile import Quantile
from models.prediction.regression import Regression
from models.prediction.uncertainty import Conditionals, DrawSums, Uncertainty, summarise_function, summarise_regression

DRAWS = (1, 2, 5, 50, 200)
POOL, CALIBRATION, SPLITS = 10_000, 2000, 400
SHARES = torch.tensor([0.8, 0.15, 0.05])
LEVEL = 0.9
GAUSSIAN, QUANTILE = HeteroscedasticGaussian(1), Quantile(1)


def nested(noise_of_draw: float) -> Iterator[tuple[int, Tensor]]:
    """The noise of so many draws, ``(S, POOL, 1)``: those of fewer are the first."""
    stream = torch.Generator().manual_seed(1)
    noise = noise_of_draw * torch.randn(DRAWS[-1], POOL, 1, generator=stream)
    for draws in DRAWS:
        yield draws, noise[:draws]


def rare_classes() -> Iterator[tuple[int, Tensor, Tensor]]:
    """Probabilities of three classes, of which one is rare, after each number of draws, and the true classes."""
    stream = torch.Generator().manual_seed(0)
    labels = torch.multinomial(SHARES, POOL, replacement=True, generator=stream)
    x = labels[:, None] + torch.randn(POOL, 1, generator=stream)
    for draws, noise in nested(0.5):
        logits = SHARES.log() - (x + noise - torch.arange(3.0)).square() / 2
        yield draws, logits.softmax(-1).mean(0).double(), labels


def regression(likelihood: Regression = GAUSSIAN) -> Iterator[tuple[int, Uncertainty, Tensor, Tensor]]:
    """Answers of a model that is too sure, after each number of draws, with the targets and the group of each row."""
    stream = torch.Generator().manual_seed(0)
    groups = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), POOL, replacement=True, generator=stream)
    skewed = torch.empty(POOL, 1).exponential_(generator=stream) - 0.3
    targets = skewed * (1 + 2 * groups[:, None])  # the groups' noise differs, which the model does not know
    for draws, noise in nested(1.0):
        variance = torch.full_like(noise, 0.3)
        skew = noise.tanh() / 2 if likelihood is QUANTILE else None
        sums = DrawSums.of(Conditionals(noise, variance, noise[..., 0], skew))
        summary = summarise_regression(sums, likelihood.family(None if skew is None else skew.mean(0)).entropy)
        yield draws, summarise_function(summary) if draws < 2 else summary, targets, groups


def splits() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    stream = np.random.default_rng(0)
    for _ in range(SPLITS):
        order = stream.permutation(POOL)
        yield order[:CALIBRATION], order[CALIBRATION:]


@pytest.mark.parametrize("kind", CLASS_SCORES)
def test_sets_hold_in_all_and_in_each_class(kind: str) -> None:
    """A class scores no higher than the bound where it is in the set, which another test checks."""
    for draws, probs, labels in rare_classes():
        scores, classes = class_scores(probs, labels, kind).float().numpy(), labels.numpy()
        in_all, by_class = [], []
        for rows, rest in splits():
            in_all.append((scores[rest] <= score_quantile(scores[rows], LEVEL)).mean())
            covered = scores[rest] <= quantiles_by_group(scores[rows], LEVEL, classes[rows], "abc")[classes[rest]]
            by_class.append([covered[classes[rest] == c].mean() for c in range(3)])
        right = probs.argmax(-1).numpy() == classes  # the likeliest class is in every set
        assert np.mean(in_all) == pytest.approx(max(LEVEL, right.mean()), abs=0.01), draws
        recalls = [right[classes == c].mean() for c in range(3)]
        assert np.mean(by_class, 0) == pytest.approx(np.maximum(recalls, LEVEL), abs=0.01), draws


def test_without_classes_of_their_own_rare_ones_pay_for_the_others() -> None:
    for _, probs, labels in rare_classes():
        one = score_quantile(class_scores(probs, labels).float().numpy(), LEVEL)
        rare = conformal_set(probs, one)[labels == 2, 2]
        assert float(rare.double().mean()) < 0.6


@pytest.mark.parametrize(
    ("likelihood", "asymmetric"),
    [(GAUSSIAN, False), (GAUSSIAN, True), (QUANTILE, False)],
    ids=["gaussian", "asymmetric", "quantile"],
)
def test_intervals_hold_in_all_and_in_each_group(likelihood: Regression, asymmetric: bool) -> None:
    parts = (("below", 0.95), ("above", 0.95)) if asymmetric else (("deviation", LEVEL),)
    for draws, answer, targets, groups in regression(likelihood):
        found = deviation_scores(likelihood, answer, targets)
        scores = {name: values.float().numpy() for name, values in found.items()}
        in_all, by_group, owns = [], [], groups.numpy()
        for rows, rest in splits():
            one = [scores[kind][rest] <= score_quantile(scores[kind][rows], level) for kind, level in parts]
            in_all.append(np.all(one, 0).mean())
            each = [quantiles_by_group(scores[kind][rows], level, owns[rows], "abc") for kind, level in parts]
            pairs = zip(parts, each, strict=True)
            covered = np.all([scores[kind][rest] <= bounds[owns[rest]] for (kind, _), bounds in pairs], 0)
            by_group.append([covered[owns[rest] == g].mean() for g in range(3)])
        assert np.mean(in_all) == pytest.approx(LEVEL, abs=0.01), draws
        assert np.mean(by_group, 0) == pytest.approx([LEVEL] * 3, abs=0.01), draws
        bounds = [torch.from_numpy(bound)[groups, None] for bound in each]
        inside = held(likelihood, answer, targets, bounds)  # as intervals are made of them
        assert np.array_equal(inside[rest], covered)


def test_asymmetric_intervals_of_skewed_noise_are_shorter() -> None:
    *_, (_, answer, targets, _groups) = regression()
    scores = {name: values.float().numpy() for name, values in deviation_scores(GAUSSIAN, answer, targets).items()}
    both = 2 * score_quantile(scores["deviation"], LEVEL)
    assert score_quantile(scores["below"], 0.95) + score_quantile(scores["above"], 0.95) < both


def held(likelihood: Regression, answer: Uncertainty, targets: Tensor, bounds: list[Tensor]) -> np.ndarray:
    low, high = likelihood.family(answer.skew).around(answer.mean, answer.variance, *bounds)
    return ((low <= targets) & (targets <= high))[:, 0].numpy()
