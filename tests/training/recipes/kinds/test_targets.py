"""Targets as a likelihood takes them, and what a family that fits the noise gains in a real fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints.checkpoint import PredictorSpec, load
from models.guarantees.conformal import score_quantile
from models.specs import InputSpec
from training import data, recipes
from training.data import Dataset, Options, Split
from training.data.dataset import target_spec
from training.errors import RecipeError
from training.run.fit import fit

Make = Callable[[np.random.Generator, np.ndarray], np.ndarray]
ROWS = {"train": 600, "validation": 150, "calibration": 150, "test": 1000}


def made(targets: Make, names: tuple[str, ...] = ("y",), rows: Mapping[str, int] = ROWS) -> Dataset:
    random = np.random.default_rng(0)
    parts = []
    for count in rows.values():
        x = random.uniform(-2, 2, (count, 2))
        y = targets(random, x).reshape(count, -1)
        parts.append(Split(torch.from_numpy(x).float(), torch.from_numpy(y).float()))
    inputs = InputSpec("table", (2,), (0.0, 0.0), (1.15, 1.15), names=("a", "b"))
    return Dataset("made", inputs, target_spec(parts[0].targets, names), *parts)


def counts(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Poisson counts whose rate is gamma distributed about the exponential of the first feature."""
    return random.poisson(np.exp(1 + x[:, 0]) * random.gamma(2, 0.5, len(x)))


def heavy(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    return x[:, 0] - x[:, 1] + 0.2 * random.standard_t(2.5, len(x))


def prices(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    price = np.exp(x[:, 0] + 0.5 * random.normal(size=len(x)))
    return np.stack([price, 100 * price**0.5], 1)


@pytest.mark.parametrize(
    ("make", "likelihood", "names"),
    [(counts, "negative_binomial", ("y",)), (heavy, "student_t", ("y",)), (prices, "log_normal", ("price", "rent"))],
)
def test_the_family_of_the_noise_predicts_better_than_a_gaussian(
    make: Make, likelihood: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    dataset, figures = made(make, names), {}
    for name in (likelihood, "heteroscedastic_gaussian"):
        recipe = recipes.suited("mlp-mc_dropout", dataset).with_epochs(15).with_likelihood(name).with_name(name)
        fitted = fit(recipe, dataset, tmp_path, 0, resume=False, report=lambda epoch: None)
        figures[name] = fitted.figures
    better, gaussian = figures.values()
    assert better["test_log_likelihood_nats"] > gaussian["test_log_likelihood_nats"] + 0.05
    assert better["test_picp_90"] == pytest.approx(0.9, abs=0.07)
    assert better["test_conformal_picp_90"] == pytest.approx(0.9, abs=0.06)
    model = load(tmp_path / likelihood / "1").model
    answer = model.predict(dataset.test.inputs, 20)
    assert answer.mean.shape == (ROWS["test"], len(names))
    if likelihood != "student_t":
        low, _ = model.likelihood.around(answer.mean, answer.total_variance, 30.0)
        assert float(low.min()) >= 0


def delays(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Skewed noise that grows with the first feature, to twenty times as much."""
    return (2.2 + x[:, 0]) * (1 + random.exponential(size=len(x)))


def test_quantiles_miss_skewed_outcomes_on_either_side_alike(tmp_path: Path) -> None:
    """Intervals of a Gaussian miss above alone: they are as far off below, where nothing is."""
    dataset = made(delays, rows={"train": 1500, "validation": 300, "calibration": 1500, "test": 4000})
    missed, widths = {}, {}
    for name in ("quantile", "heteroscedastic_gaussian"):
        recipe = recipes.suited("mlp-deterministic", dataset).with_epochs(25).with_likelihood(name).with_name(name)
        fit(recipe, dataset, tmp_path, 0, resume=False, report=lambda epoch: None)
        checkpoint = load(tmp_path / name / "1")
        likelihood, rows, y = checkpoint.model.likelihood, checkpoint.calibration, dataset.test.targets
        assert rows is not None
        answer = checkpoint.model.predict(dataset.test.inputs)
        family = likelihood.family(answer.skew)
        for level in (0.5, 0.8, 0.9, 0.95):
            bound = score_quantile(rows.scores_after(0, "deviation"), level)
            low, high = family.around(answer.mean, answer.variance, bound)
            assert float(((low <= y) & (y <= high)).double().mean()) == pytest.approx(level, abs=0.035)
            missed[name, level] = [float(out.double().mean()) for out in (y < low, y > high)]
            widths[name, level] = float((high - low).mean())
            each = [score_quantile(rows.scores_after(0, side), (1 + level) / 2) for side in ("below", "above")]
            low, high = family.around(answer.mean, answer.variance, *each)
            alike = [float(out.double().mean()) for out in (y < low, y > high)]
            assert alike == pytest.approx([(1 - level) / 2] * 2, abs=0.025), "each end is calibrated on its own"
    assert missed["quantile", 0.9] == pytest.approx([0.05, 0.05], abs=0.025)
    assert missed["heteroscedastic_gaussian", 0.9] == pytest.approx([0.0, 0.1], abs=0.025)
    assert widths["quantile", 0.95] < widths["heteroscedastic_gaussian", 0.95]


def test_logarithms_are_standardised_and_counts_are_not() -> None:
    positive = recipes.suited("mlp-swag-log_normal", made(prices, ("price", "rent")))
    spec = positive.spec(made(prices, ("price", "rent")))
    assert isinstance(spec, PredictorSpec)
    assert spec.outputs.support == "positive"
    standardised = spec.outputs.standardise(made(prices, ("price", "rent")).train.targets)
    torch.testing.assert_close(standardised.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(standardised.std(0), torch.ones(2), rtol=0, atol=1e-4)
    whole = made(counts)
    spec = recipes.suited("mlp-swag-negative_binomial", whole).spec(whole)
    assert torch.equal(spec.outputs.standardise(whole.train.targets), whole.train.targets)
    assert spec.likelihood.config["rate"] == [pytest.approx(float(whole.train.targets.mean()))]


@pytest.mark.parametrize(
    ("likelihood", "value", "said"),
    [
        ("log_normal", 0.0, "targets of log_normal are above 0; 'y' of 'made' has 0 (test row 3): leave"),
        ("log_normal", -2.5, "has -2.5 (test row 3)"),
        ("negative_binomial", 0.5, "targets of negative_binomial are whole numbers from 0; 'y' of 'made' has 0.5"),
        ("negative_binomial", -1.0, "has -1 (test row 3)"),
    ],
)
def test_a_target_that_cannot_be_is_named(likelihood: str, value: float, said: str) -> None:
    dataset = made(lambda random, x: 1 + counts(random, x))
    dataset.test.targets[3] = value
    with pytest.raises(RecipeError) as refused:
        recipes.suited(f"mlp-swag-{likelihood}", dataset)
    assert said in str(refused.value)


def test_a_row_of_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{i * i % 59}.5,{i % 9 + 1}" for i in range(60))]
    lines[41] = "7.5,-3"
    (tmp_path / "a.csv").write_text("\n".join(lines))
    dataset = data.load(str(tmp_path / "a.csv"), options=Options(target="y"))
    with pytest.raises(RecipeError, match=r"'y' of 'a' has -3 \(a.csv: row 41 \(line 42\)\): leave these rows out"):
        recipes.suited("mlp-swag-log_normal", dataset)
