"""The playground's view of regressions: a curve with two bands, the data, and a pointer that reads them off."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import numpy as np
import pytest
from accessibility import assert_accessible
from patience import PATIENCE
from playwright.sync_api import Page, Response, expect

CURVE = "curve-mlp-mc_dropout"
TABLE = "diabetes-mlp-bayes_by_backprop"


def asked(page: Page, act: Callable[[], object]) -> tuple[dict[str, str], Any, dict[str, Any]]:
    """Query, inputs and answer of the prediction that an act asks for."""
    with page.expect_response(lambda response: "/predict" in response.url) as caught:
        act()
    response: Response = caught.value
    page.wait_for_load_state("networkidle")
    inputs = json.loads(response.request.post_data or "")["inputs"]
    return dict(parse_qsl(urlsplit(response.url).query)), inputs, response.json()


def view(page: Page, name: str) -> tuple[Any, dict[str, Any]]:
    _, inputs, answer = asked(page, lambda: page.goto(f"/#{name}"))
    return inputs, answer


def read_off(page: Page) -> list[float]:
    return [float(text) for text in page.locator(".readout dd").all_inner_texts()]


def at(answer: dict[str, Any], place: int) -> list[float]:
    mean, aleatoric, epistemic = (
        answer[name][place][0] for name in ("mean", "aleatoric_variance", "epistemic_variance")
    )
    return [mean, math.sqrt(aleatoric), math.sqrt(epistemic), math.sqrt(aleatoric + epistemic)]


def heights(page: Page, name: str) -> np.ndarray:
    way = page.locator(f".plot .{name}").first.get_attribute("d") or ""
    return np.array([float(y) for y in re.findall(r"[ML]\S+ (\S+?)(?=[LZ]|$)", way)])


def test_the_curve_and_its_bands_are_the_services_answer(page: Page) -> None:
    _, answer = view(page, CURVE)
    mean = np.array(answer["mean"])[:, 0]
    line = heights(page, "line-mean")
    slope, start = np.polyfit(mean, line, 1)  # value to pixel
    assert np.allclose(slope * mean + start, line, atol=0.2)
    epistemic = np.array(answer["epistemic_variance"])[:, 0]
    total = epistemic + np.array(answer["aleatoric_variance"])[:, 0]
    for name, variance in (("band-epistemic", epistemic), ("band-aleatoric", total)):
        upper, lower = np.split(heights(page, name), 2)
        assert np.allclose(upper, slope * (mean + 2 * np.sqrt(variance)) + start, atol=0.3)
        assert np.allclose(lower[::-1], slope * (mean - 2 * np.sqrt(variance)) + start, atol=0.3)


def test_the_data_are_shown_and_the_curve_goes_beyond_them(page: Page, url: str) -> None:
    inputs, _ = view(page, CURVE)
    data = httpx.get(f"{url}/models/{CURVE}/examples", timeout=PATIENCE).json()
    assert page.locator(".point-data").count() >= len(data["inputs"]) > 20
    xs = [row[0] for row in data["inputs"]]
    assert inputs[0][0] < min(xs)
    assert inputs[-1][0] > max(xs)


def test_the_slider_and_the_pointer_read_the_curve_off(page: Page) -> None:
    inputs, answer = view(page, CURVE)
    page.get_by_role("slider", name="Read at").fill("7")
    assert read_off(page) == pytest.approx(at(answer, 7), rel=1e-3)
    box = page.locator(".plot svg").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 13, box["y"] + 50)
    assert read_off(page) == pytest.approx(at(answer, len(inputs) - 1), rel=1e-3)
    expect(page.get_by_role("slider", name="Read at")).to_have_value(str(len(inputs) - 1))


def test_draws_and_seed_are_sent_and_each_draw_can_be_seen(page: Page) -> None:
    view(page, CURVE)
    query, _, first = asked(page, lambda: page.get_by_role("slider", name="Draws").fill("9"))
    assert query["samples"] == "9"
    query, _, second = asked(page, lambda: page.get_by_label("Seed", exact=True).fill("5"))
    assert query["seed"] == "5"
    assert first["mean"] != second["mean"]
    _, _, drawn = asked(page, lambda: page.get_by_label("Show every draw").check())
    line = page.locator(".plot .line-draw").get_attribute("d") or ""
    assert line.count("M") == len(drawn["draws"]) == 9


def test_one_column_is_swept_and_the_others_are_held(page: Page, url: str) -> None:
    inputs, _ = view(page, TABLE)
    rows = np.array(inputs)
    assert (np.ptp(rows, axis=0) > 0).tolist() == [True, *[False] * 9]
    _, inputs, _ = asked(page, lambda: page.get_by_label("Over").select_option("bmi"))
    assert (np.ptp(np.array(inputs), axis=0) > 0).tolist() == [False, False, True, *[False] * 7]
    _, inputs, _ = asked(page, lambda: page.get_by_label("Row of the data").select_option("held-out row 3"))
    row = httpx.get(f"{url}/models/{TABLE}/examples", timeout=PATIENCE).json()["inputs"][2]
    held = [i for i in range(10) if i != 2]
    assert np.allclose(np.array(inputs)[0][held], np.array(row)[held], rtol=0.01, atol=0.05)


def test_every_regression_of_the_catalogue_has_a_view(page: Page, url: str) -> None:
    models = {
        m["name"] for m in httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"] if m["task"] == "regression"
    }
    assert len(models) >= 3
    for model in models:
        view(page, model)
        expect(page.locator(".readout dd").last).not_to_be_empty()
        assert all(map(math.isfinite, read_off(page)))
        assert "".join(page.locator(".problem").all_inner_texts()) == ""


@pytest.mark.parametrize("name", [CURVE, TABLE])
def test_axe_finds_nothing(page: Page, name: str) -> None:
    view(page, name)
    assert_accessible(page)


@pytest.mark.parametrize("name", [CURVE, TABLE])
def test_a_phone_needs_no_sideways_scrolling(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    view(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
