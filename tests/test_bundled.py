"""From an empty store to honest answers: trains the starter models, serves them in a process of its own, and asks.

The lines are those that the product promises for its bundled models; the data are real, the client is a stranger's.
"""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from patience import PATIENCE
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from training.data.bundled import curve_deviation, curve_mean
from training.recipes import RECIPES

CLASSIFIERS = {"digits-mlp-mc_dropout": (0.96, 0.90), "digits-convnet-bayes_by_backprop": (0.955, 0.93)}
"""Smallest accuracy, and smallest AUROC of entropy for noise against digits.

Another processor rounds otherwise, and its training ends in other weights, as another seed's does. Over five seeds and
two kernels the first model had 351 to 355 of 360 images right (0.975 to 0.986); 0.96 is five standard deviations below
their mean.
"""
AGREEMENT = 0.8
"""Smallest share of images that show the digit of their code.

Over two seeds and two kernels it was 0.846 to 0.883. A digit that no value of the code makes costs a tenth, and two
whose values are exchanged cost a fifth.
"""


@pytest.fixture
def url(bundled_url: str) -> str:
    return bundled_url


def split() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    _, test, _, test_labels = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    return test, test_labels


def predict(url: str, model: str, rows: np.ndarray, samples: int = 50) -> dict[str, np.ndarray]:
    parts: list[dict[str, Any]] = []
    for start in range(0, len(rows), 200):
        body = {"inputs": rows[start : start + 200].tolist()}
        response = httpx.post(f"{url}/predict", params={"model": model, "samples": samples}, json=body, timeout=60)
        assert response.status_code == 200, response.text
        parts.append(response.json())
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in ("mean", "label", *STATISTICS)
        if name in parts[0]
    }


STATISTICS = ("aleatoric_variance", "epistemic_variance", "predictive_entropy", "mutual_information")


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_classifiers_are_right_and_know_when_they_are_not(url: str, model: str) -> None:
    accuracy, auroc = CLASSIFIERS[model]
    images, labels = split()
    answer = predict(url, model, images)
    assert (answer["label"].astype(int) == labels).mean() >= accuracy
    noise = np.random.default_rng(0).uniform(0, 16, (400, 64))
    entropies = np.concatenate([answer["predictive_entropy"], predict(url, model, noise)["predictive_entropy"]])
    assert roc_auc_score([0] * len(images) + [1] * len(noise), entropies) >= auroc
    assert predict(url, model, np.zeros((1, 64)))["predictive_entropy"][0] >= 1.0


def test_the_curve_knows_where_it_has_seen_data_and_how_noisy_they_are(url: str) -> None:
    inside = np.linspace(0, 0.5, 101)[:, None]
    answer = predict(url, "curve-mlp-mc_dropout", inside)
    beyond = predict(url, "curve-mlp-mc_dropout", np.array([[-0.25], [0.75]]))
    assert (beyond["epistemic_variance"] >= 5 * np.median(answer["epistemic_variance"])).all()
    deviation, truth = (
        np.sqrt(answer["aleatoric_variance"])[:, 0],
        curve_deviation(torch.from_numpy(inside)).numpy()[:, 0],
    )
    assert np.corrcoef(deviation, truth)[0, 1] >= 0.9
    assert np.abs(np.log(deviation / truth)).max() <= np.log(1.5)
    assert np.sqrt(np.mean((answer["mean"] - curve_mean(torch.from_numpy(inside)).numpy()) ** 2)) <= 0.05


def test_the_diabetes_regression_beats_the_mean(url: str) -> None:
    x, y = load_diabetes(return_X_y=True, scaled=False)
    answer = predict(url, "diabetes-mlp-bayes_by_backprop", x)
    assert np.sqrt(np.mean((answer["mean"][:, 0] - y) ** 2)) < 0.8 * y.std()
    deviation = np.sqrt(answer["aleatoric_variance"] + answer["epistemic_variance"])[:, 0]
    assert 0.85 <= np.mean(np.abs(answer["mean"][:, 0] - y) <= 1.645 * deviation) <= 0.97


def test_infogans_code_is_the_digit(url: str) -> None:
    images, labels = load_digits(return_X_y=True)
    train, _, train_labels, _ = train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)
    judge = LogisticRegression(C=0.01, max_iter=2000).fit(train, train_labels)
    table = np.zeros((10, 10))
    for digit in range(10):
        for seed in (0, 64, 128):
            body = {"n": 64, "seed": seed, "codes": {"digit": digit}}
            headers = {"accept": "application/x-npy"}
            response = httpx.post(f"{url}/generate/infogan", json=body, headers=headers, timeout=60)
            drawn = np.load(io.BytesIO(response.content)).reshape(64, 64) * 16
            np.add.at(table, (digit, judge.predict(drawn)), 1)
    rows, columns = linear_sum_assignment(-table)
    assert table[rows, columns].sum() / table.sum() >= AGREEMENT
    assert np.trace(table) / table.sum() >= AGREEMENT
    figures = httpx.get(f"{url}/models/digits-infogan", timeout=PATIENCE).json()["figures"]
    assert figures["test_one_to_one_agreement"] >= AGREEMENT
    assert figures["information_bound_share"] >= 0.9


def test_every_card_tells_its_figures_and_how_to_get_them_again(url: str) -> None:
    trained = [entry for entry in httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"] if entry["figures"]]
    assert {entry["name"] for entry in trained} == {recipe.name for recipe in RECIPES.values() if recipe.starter}
    for entry in trained:
        card = httpx.get(f"{url}/models/{entry['name']}", timeout=PATIENCE).json()["card"]
        assert "python -m training evaluate" in card
        assert all(name in card for name in entry["figures"] if name != "training_seconds")


def test_digits_turned_by_90_degrees_are_reported_honestly(url: str) -> None:
    for model in CLASSIFIERS:
        figures = httpx.get(f"{url}/models/{model}", timeout=PATIENCE).json()["figures"]
        assert any("rotated" in name for name in figures)
