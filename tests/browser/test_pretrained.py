"""A digit that is drawn for a model of MNIST is asked about as MNIST's digits are: 20 pixels long, in the middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playground_requests import asked
from playwright.sync_api import Page, expect

MODEL = "mnist-convnet-mc_dropout"


@pytest.fixture
def url(pretrained_url: str) -> str:
    return pretrained_url


def seven(page: Page) -> None:
    """Draw a small seven into the upper left corner."""
    box = page.locator(".drawing-pad").bounding_box()
    assert box
    places = [(0.05, 0.08), (0.35, 0.08), (0.15, 0.5)]
    (x, y), *others = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(x, y)
    page.mouse.down()
    for to in others:
        page.mouse.move(*to, steps=5)
    page.mouse.up()


def extent(image: Any) -> tuple[list[int], list[float]]:
    """Lengths and centre of mass of the ink of an image, down and along, in pixels."""
    ink = np.array(image, float)
    places = np.argwhere(ink > 25.5)
    return [int(one) for one in np.ptp(places, 0) + 1], [
        float(one) for one in np.average(np.indices(ink.shape), (1, 2), np.stack([ink, ink]))
    ]


def test_a_drawing_in_a_corner_is_sent_in_the_size_and_place_of_mnists_digits(page: Page) -> None:
    asked(page, lambda: page.goto(f"/#{MODEL}"))
    asked(page, lambda: page.get_by_role("button", name="Clear").click())
    expect(page.locator(".drawing-sent")).to_be_hidden()
    asked(page, lambda: seven(page))
    expect(page.locator(".drawing-sent")).to_be_visible()
    _, sent, response = asked(page, lambda: page.get_by_role("slider", name="Draws").fill("20"))
    (height, width), centre = extent(sent[0][0])
    assert 19 <= max(height, width) <= 22
    assert centre == pytest.approx([13.5, 13.5], abs=0.3)
    assert response.json()["label"] == ["7"]
    _, blank, _ = asked(page, lambda: page.get_by_role("button", name="Clear").click())
    assert np.array(blank).max() == 0
