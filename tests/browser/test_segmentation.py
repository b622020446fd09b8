"""The playground's view of segmentations: three pictures under one crosshair, and what is said of the pixel there."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import httpx
import numpy as np
import pytest
from accessibility import assert_accessible
from canvas_colours import assert_on_scale, colours
from patience import PATIENCE
from PIL import Image
from playground_requests import crosshair, predicted, set_draws
from playwright.sync_api import Page, expect

PARTS = {"entropy": "predictive_entropy", "aleatoric": "expected_entropy", "epistemic": "mutual_information"}


@pytest.fixture
def model(page: Page, url: str) -> dict[str, Any]:
    """The view of the first segmentation model, open; the catalogue's entry of it."""
    models: list[dict[str, Any]] = httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"]
    found = next(model for model in models if model["task"] == "segmentation")
    page.goto(f"{url}/#{found['name']}")
    expect(page.get_by_role("application")).to_have_accessible_name(re.compile("^Row "))
    return found


def pixels(page: Page, picture: int) -> np.ndarray:
    """The colours of one of the three pictures, ``(height, width, 3)``."""
    return colours(page.locator(".crosshairs canvas").nth(picture))


@pytest.mark.usefixtures("model")
def test_the_read_out_is_what_the_service_says_of_the_pixel(page: Page) -> None:
    _, response = set_draws(page, 12)
    answer = response.json()
    pictures = page.get_by_role("application")
    pictures.focus()
    for key in ("ArrowDown", "ArrowRight", "Shift+ArrowUp"):
        pictures.press(key)
        row, column = crosshair(page)
        shares = [f"{share:.3f}" for share in answer["mean"][0][row][column]]
        assert page.locator(".pixel-readout .share-number").all_inner_texts() == shares
        numbers = [f"{answer[name][0][row][column]:.3f} nats" for name in PARTS.values()]
        assert page.locator(".entropy-line dd").all_inner_texts() == numbers


@pytest.mark.usefixtures("model")
def test_the_crosshair_is_at_the_same_pixel_in_all_pictures(page: Page) -> None:
    pictures = page.get_by_role("application")
    pictures.focus()
    before = crosshair(page)
    pictures.press("ArrowLeft")
    assert crosshair(page) == (before[0], before[1] - 1)
    frame = page.locator(".crosshair-frame").nth(2)
    box = frame.bounding_box()
    assert box
    height, width = pixels(page, 0).shape[:2]
    frame.hover(position={"x": box["width"] * 2.5 / width, "y": box["height"] * 1.5 / height})
    assert crosshair(page) == (1, 2)
    marks = page.locator(".crosshair").evaluate_all("marks => marks.map(mark => [mark.style.left, mark.style.top])")
    assert len(marks) == 3
    assert len({tuple(mark) for mark in marks}) == 1
    for _ in range(4):
        pictures.press("ArrowUp")
    assert crosshair(page) == (0, 2)


@pytest.mark.usefixtures("model")
def test_labels_and_legend_are_the_likeliest_classes(page: Page) -> None:
    _, response = set_draws(page, 8)
    answer = response.json()
    winners = np.argmax(answer["mean"][0], -1)
    shown = page.locator(".legend li:visible").all_inner_texts()
    present = [answer["classes"][i] for i in sorted(set(winners.ravel()))]
    assert [text.rsplit(maxsplit=2)[0] for text in shown] == present
    labels = pixels(page, 1)
    for winner in set(winners.ravel()):
        assert len(np.unique(labels[winners == winner], axis=0)) == 1
    assert len(np.unique(labels.reshape(-1, 3), axis=0)) == len(present)


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("part", PARTS)
def test_the_map_shows_the_chosen_part_on_one_scale(page: Page, part: str) -> None:
    _, response = set_draws(page, 8)
    answer = response.json()
    page.get_by_role("combobox", name="Map of how unsure the model is").select_option(PARTS[part])
    values = np.array(answer[PARTS[part]][0])
    most = np.max(answer["predictive_entropy"][0])
    assert float(page.locator(".scale-bar").inner_text().split()[1]) == pytest.approx(most, rel=0.005)
    assert np.ptp(values) > 0
    assert_on_scale(page.locator(".crosshair-frame canvas").nth(2), page.locator(".scale-bar canvas"), values, 0, most)


def test_the_draws_change_the_answer_and_nothing_else_in_the_request(page: Page, model: dict[str, Any]) -> None:
    first, response = set_draws(page, 6)
    assert first["model"] == model["name"]
    assert response.json()["samples"] == 6
    second, other = set_draws(page, 7)
    assert second == first | {"samples": "7"}
    assert other.request.post_data == response.request.post_data
    assert "draws" not in first
    seeded, _ = predicted(page, lambda: page.get_by_label("Seed", exact=True).fill("5"))
    assert seeded == second | {"seed": "5"}


def test_noise_is_added_to_what_is_sent_and_is_seen(page: Page, model: dict[str, Any]) -> None:
    _, plain = set_draws(page, 10)
    noise = page.get_by_role("slider", name="Noise added")
    _, response = predicted(page, lambda: noise.fill("0.3"))
    before, after = (np.array(json.loads(r.request.post_data or "")["inputs"]) for r in (plain, response))
    low, high = model["inputs"]["low"], model["inputs"]["high"]
    assert low <= after.min() <= after.max() <= high
    inside = (after > low) & (after < high)
    assert 0.15 < (after - before)[inside].std() / (high - low) < 0.35
    grey = np.rint((after[0, 0] - low) / (high - low) * 255)
    assert np.abs(pixels(page, 0)[..., 0] - grey).max() <= 1


def test_examples_are_sent_raw_and_ones_own_image_as_png(page: Page, model: dict[str, Any]) -> None:
    _, response = set_draws(page, 6)
    raw = json.loads(response.request.post_data or "")["inputs"]
    assert np.array(raw).shape == (1, *model["inputs"]["shape"])
    low, high = model["inputs"]["low"], model["inputs"]["high"]
    grey = np.rint((np.array(raw[0][0]) - low) / (high - low) * 255)
    assert np.abs(pixels(page, 0)[..., 0] - grey).max() <= 1
    file = io.BytesIO()
    photograph = np.tile(np.linspace(0, 255, 900).astype(np.uint8), (600, 1))
    Image.fromarray(photograph).save(file, "PNG")
    own = {"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()}
    _, response = predicted(page, lambda: page.get_by_label("Your own image").set_input_files(own))  # type: ignore[arg-type]
    assert response.request.headers["content-type"] == "image/png"
    assert response.status == 200
    row = pixels(page, 0)[0, :, 0].astype(int)
    assert row[0] < 20
    assert row[-1] > 235
    assert (np.diff(row) > 0).all()


@pytest.mark.usefixtures("model")
def test_a_file_that_is_no_image_is_told(page: Page) -> None:
    own = {"name": "own.png", "mimeType": "image/png", "buffer": b"no image"}
    page.get_by_label("Your own image").set_input_files(own)  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text("no image")


@pytest.mark.usefixtures("model")
def test_axe_finds_nothing(page: Page) -> None:
    assert_accessible(page)


@pytest.mark.usefixtures("model")
def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
