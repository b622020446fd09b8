"""Whom a level holds for: all, each class, or each category of a column; and what holds of rows with many outcomes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
import torch
from calibrated import DRAWS, calibrated
from PIL import Image
from random_models import SPECS, digits, save_model
from table_models import TABLE_SPECS

from models.catalogue import Component
from models.checkpoints.checkpoint import load
from models.guarantees.calibration import CalibrationRows
from models.guarantees.risk import RISKS, RiskCurves
from models.prediction.predictor import Predictor
from models.prediction.split_laplace import SplitLaplace
from service.handlers.tables import read_named
from service.http.named_rows import rows_from_json

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

RECORDS = [{"size": 50.0, "colour": colour, "garage": 1.0} for colour in ("blue", "red", "white", "red")]


def tiled(values: object) -> np.ndarray:
    return np.tile(np.asarray(values, np.float32), (len(DRAWS), 1))


def by_class() -> CalibrationRows:
    """Ten rows of each of nine digits, whose scores rise with the digit; the last digit has five."""
    labels = np.repeat(np.arange(10), 10)[:95]
    scores = {"probability": tiled(0.8 + labels / 100), "cumulative": tiled(labels / 10)}
    names = {"class": tuple("0123456789")}
    return replace(calibrated([1.0] * 95), scores=scores, groups={"class": labels}, group_names=names)


def by_colour() -> CalibrationRows:
    """Twenty rows of each colour but white, which has two; errors of red houses are larger, and all are above."""
    colours = np.repeat(np.arange(3), 20)[:42]
    errors = np.array([1.0, 5.0, 1.0])[colours]
    scores = {"deviation": tiled(errors), "below": tiled(-errors), "above": tiled(errors)}
    groups, names = {"group:colour": colours}, {"group:colour": ("blue", "red", "white")}
    return replace(calibrated([1.0] * 42, task="regression"), scores=scores, groups=groups, group_names=names)


def at_thresholds(*thresholds: float, rows: int = 30) -> CalibrationRows:
    """Rows that miss nothing up to one threshold for each class, and for all together."""
    curves = np.broadcast_to(np.array(thresholds, np.float32)[:, None], (len(DRAWS), len(thresholds), len(RISKS)))
    counts = np.full(len(thresholds), rows)
    return replace(calibrated([1.0] * 30), risk=RiskCurves(np.ascontiguousarray(curves), counts))


async def predict(client: httpx.AsyncClient, inputs: object, **options: object) -> dict:
    response = await client.post("/predict", params=options, json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.json()


async def refusal(client: httpx.AsyncClient, inputs: object, **options: object) -> tuple[str, str]:
    response = await client.post("/predict", params=options, json={"inputs": inputs})
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    return error["pointer"], error["detail"]


async def test_each_class_has_a_bound_of_its_own(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp", by_class())
    async with app(store=tmp_path) as client:
        for samples in (0, 1, 50):
            asked = {"interval": 0.8, "samples": samples}
            default, same, of_all = [
                await predict(client, digits(8), **asked, **more)
                for more in ({}, {"interval_for": "class"}, {"interval_for": "all"})
            ]
            assert default["interval_method"] == same["interval_method"] == "conformal by class"
            assert default["prediction_set"] == same["prediction_set"] != of_all["prediction_set"]
            assert of_all["interval_method"] == "conformal"
            for probs, members in zip(same["mean"], same["prediction_set"], strict=True):
                within = [1 - p <= 0.8 + c / 100 for c, p in enumerate(probs)]
                assert members == [str(c) for c, p in enumerate(probs) if within[c] or p == max(probs)]
        above = await predict(client, digits(2), interval=0.9)
        assert above["interval_method"] == "conformal"  # the last digit has too few rows for it
        pointer, detail = await refusal(client, digits(1), interval=0.9, interval_for="class")
        assert pointer == "/interval"
        assert "5 calibration rows of '9', as it takes 9" in detail
        assert "interval_for=all" in detail
        larger = await predict(client, digits(4), interval=0.8, interval_for="class", interval_score="cumulative")
        assert larger["prediction_set"] != same["prediction_set"][:4]


async def test_each_category_of_a_column_has_a_bound_of_its_own(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPECS, "houses", TABLE_SPECS["houses"])
    save_model(tmp_path, "houses", by_colour())
    async with app(store=tmp_path) as client:
        known = [RECORDS[0], RECORDS[1], {**RECORDS[0], "colour": "green"}, RECORDS[3]]
        asked = {"interval": 0.9, "interval_for": "group:colour", "on_unknown": "abstain"}
        answer = await predict(client, known, **asked)
        assert answer["interval_method"] == "conformal by colour"
        seen = [0, 1, 3]
        deviations = np.sqrt([answer["total_variance"][row] for row in seen])
        widths = np.array([answer["interval"]["upper"][row][0] - answer["mean"][row][0] for row in seen])
        np.testing.assert_allclose(widths / deviations[:, 0], [1, 5, 5], rtol=1e-5)
        assert answer["interval"]["upper"][2] == [None]
        lopsided = await predict(client, RECORDS[:2], interval=0.9, interval_for="all", interval_score="asymmetric")
        assert (np.array(lopsided["interval"]["lower"]) < lopsided["mean"]).sum() == 0  # all errors were above
        pointer, detail = await refusal(client, RECORDS, **asked)
        assert pointer == "/interval"
        assert "2 calibration rows of 'white', as it takes 9" in detail
        _, detail = await refusal(client, RECORDS, **asked, interval_score="asymmetric")
        assert detail.startswith("0.9 is too high for 2 calibration rows of 'white', as it takes 19;")
        assert detail.endswith("; or leave out interval_score=asymmetric")


async def test_intervals_of_a_quantile_regression_are_wider_where_it_predicts_so(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ends are the bounds' multiples of the scales on either side of the median, after any number of draws."""
    spec = msgspec.structs.replace(TABLE_SPECS["houses"], likelihood=Component("quantile"))
    monkeypatch.setitem(SPECS, "houses", spec)
    model = load(save_model(tmp_path, "houses", by_colour())).model
    assert isinstance(model, Predictor)
    features = read_named(spec.inputs, rows_from_json(RECORDS, 10), abstain=False).features
    async with app(store=tmp_path) as client:
        for samples in (0, 1, 50):
            answer = model.predict(model.inputs.rows(torch.from_numpy(features)), samples)
            assert answer.skew is not None
            law = SplitLaplace(answer.skew)
            median, below, above = law.median_and_scales(answer.mean, answer.variance)
            assert float((above / below).log().abs().min()) > 0.01
            asked = {"interval": 0.9, "samples": samples}
            of_all = await predict(client, RECORDS, **asked)
            by = await predict(client, RECORDS[:2], **asked, interval_for="group:colour")
            lopsided = await predict(client, RECORDS, **asked, interval_score="asymmetric")
            assert of_all["interval_method"] == lopsided["interval_method"] == "conformal quantile"
            assert by["interval_method"] == "conformal quantile by colour"
            bounds = torch.tensor([[1.0], [5.0], [1.0], [5.0]])
            for got, low, high in ((of_all, 5.0, 5.0), (by, bounds, bounds), (lopsided, -1.0, 5.0)):
                rows = slice(len(got["mean"]))
                np.testing.assert_allclose(got["interval"]["lower"], (median - low * below)[rows], rtol=1e-4)
                np.testing.assert_allclose(got["interval"]["upper"], (median + high * above)[rows], rtol=1e-4)
            assert "skew" not in of_all
    save_model(tmp_path, "houses")  # the next version is not calibrated: the mixture of its draws has the level
    async with app(store=tmp_path) as client:
        credible = await predict(client, RECORDS, interval=0.9, samples=1)
        assert credible["interval_method"] == "credible"
        np.testing.assert_allclose(credible["interval"]["upper"], model_quantile(model, features, 0.95), rtol=1e-4)


def model_quantile(model: Predictor, features: np.ndarray, level: float) -> torch.Tensor:
    """The quantile above the median of the first draw's density."""
    answer = model.predict(model.inputs.rows(torch.from_numpy(features)), 1)
    assert answer.skew is not None
    median, _, above = SplitLaplace(answer.skew).median_and_scales(answer.mean, answer.variance)
    return median - above * math.log(2 * (1 - level))


@pytest.mark.parametrize(
    ("options", "pointer", "remedy"),
    [
        ({"interval_for": "class"}, "/interval_for", "give the option interval, such as 0.9"),
        ({"interval_for": "colour", "interval": 0.9}, "/interval_for", "all"),
        ({"interval_for": "group:shape", "interval": 0.8}, "/interval_for", "allowed are: all, class"),
        ({"interval_score": "deviation", "interval": 0.8}, "/interval_score", "allowed are: probability, cumulative"),
        ({"interval_score": "cumulative", "interval": 0.8, "model": "plain"}, "/interval_score", "calibrate"),
        ({"interval_for": "class", "interval": 0.8, "model": "plain"}, "/interval_for", "calibrate"),
    ],
)
async def test_a_choice_that_there_is_not_is_refused_with_those_there_are(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict, pointer: str, remedy: str
) -> None:
    monkeypatch.setitem(SPECS, "plain", SPECS["mlp"])
    save_model(tmp_path, "plain")
    save_model(tmp_path, "mlp", by_class())
    async with app(store=tmp_path) as client:
        got, detail = await refusal(client, digits(1), **{"model": "mlp", **options})
    assert got == pointer
    assert remedy in detail


async def test_pixels_and_labels_are_held_by_risk_control(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "segnet", at_thresholds(0.5, 0.7, 0.9, 0.6))
    save_model(tmp_path, "tunes", at_thresholds(0.55, 0.45, 0.6, 0.5, 0.52, rows=9))
    scenes = np.random.default_rng(0).random((2, 9, 12)).tolist()
    async with app(store=tmp_path) as client:
        answer = await predict(client, scenes, model="segnet", interval=0.9)
        assert answer["interval_method"] == "risk control by class"
        probs, masks = np.array(answer["mean"]), np.array(answer["masks"])
        expected = (1 - probs <= np.array([0.5, 0.7, 0.9])) | (probs == probs.max(-1, keepdims=True))
        np.testing.assert_array_equal(masks, np.moveaxis(expected, -1, 1))
        names = answer["classes"]
        assert answer["prediction_set"][1][3][5] == [name for i, name in enumerate(names) if expected[1, 3, 5, i]]
        of_all = await predict(client, scenes, model="segnet", interval=0.9, interval_for="all", outputs="masks")
        assert of_all["interval_method"] == "risk control"
        assert "prediction_set" not in of_all
        response = await client.post(
            "/predict?model=segnet&interval=0.9", json={"inputs": scenes}, headers={"accept": "image/png"}
        )
        with Image.open(io.BytesIO(response.content)) as picture:
            assert picture.size == (5 * 12, 18)  # labels, entropy, and a mask for each class
            assert picture.text["interval_method"] == '"risk control by class"'
            drawn = np.asarray(picture)[:9, 2 * 12 : 3 * 12, 0]
        np.testing.assert_array_equal(drawn, 255 * masks[0, 0])
        tunes = np.random.default_rng(0).integers(0, 2, (2, 6, 4)).tolist()
        labels = await predict(client, tunes, model="tunes", interval=0.9)
        assert labels["interval_method"] == "risk control by class"
        probs = np.array(labels["mean"])
        expected = (1 - probs <= np.array([0.55, 0.45, 0.6, 0.5])) | (probs >= 0.5)
        assert labels["prediction_set"][0][2] == [n for n, one in zip("cdef", expected[0, 2], strict=True) if one]
        assert await refusal(client, tunes, model="tunes", interval=0.95) == (
            "/interval",
            "0.95 is too high for 9 calibration rows, as it takes 19; allowed is up to 0.9",
        )
