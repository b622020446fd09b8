"""The README's picture of the playground: taken here, and still what the page looks like."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

PICTURE = Path(__file__).parents[2] / "docs" / "playground.png"
"""Remove it, and the next run of this test takes it again."""
ALIKE = 0.9


@pytest.fixture
def url(pretrained_url: str) -> str:
    return pretrained_url


def test_the_readmes_picture_is_what_the_page_shows(page: Page) -> None:
    page.set_viewport_size({"width": 1080, "height": 800})
    with page.expect_response(lambda response: len(response.request.post_data or "") > 5000):  # the curve
        page.goto("/#mnist-convnet-mc_dropout")
    with page.expect_response(lambda response: "/predict" in response.url):
        page.get_by_role("slider", name="Rotation").fill("40")
    page.wait_for_load_state("networkidle")
    seen = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    if not PICTURE.exists():
        seen.quantize(128).save(PICTURE, optimize=True)
    with Image.open(PICTURE) as kept:
        assert abs(kept.height - seen.height) < 40
        small = [np.asarray(one.convert("L").resize((270, 250)), float).ravel() for one in (kept, seen)]
    assert np.corrcoef(small)[0, 1] > ALIKE
