"""Predictions that the playground asks for, as a test in a browser sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, Response, expect


def asked(page: Page, act: Callable[[], object], rows: int = 1) -> tuple[dict[str, str], Any, Response]:
    """Query, inputs and response of the prediction of so many rows that an act asks for."""

    def wanted(response: Response) -> bool:
        return "/predict" in response.url and len(json.loads(response.request.post_data or "")["inputs"]) == rows

    with page.expect_response(wanted) as caught:
        act()
    response = caught.value
    page.wait_for_load_state("networkidle")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)  # the page has shown the answer
    return (
        dict(parse_qsl(urlsplit(response.url).query)),
        json.loads(response.request.post_data or "")["inputs"],
        response,
    )


def predicted(page: Page, act: Callable[[], object]) -> tuple[dict[str, str], Response]:
    """Query and response of the prediction that an act asks for, whatever its body is."""
    with page.expect_response(lambda response: "/predict" in response.url) as caught:
        act()
    response = caught.value
    page.wait_for_load_state("networkidle")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)  # the page has shown the answer
    return dict(parse_qsl(urlsplit(response.url).query)), response


def set_draws(page: Page, number: int) -> tuple[dict[str, str], Response]:
    """Query and response of the prediction with so many draws."""
    return predicted(page, lambda: page.get_by_role("slider", name="Draws").fill(str(number)))


def crosshair(page: Page) -> tuple[int, int]:
    """Row and column under the crosshair, from 0."""
    row, column = re.findall(r"\d+", page.locator(".pixel-place").inner_text())
    return int(row) - 1, int(column) - 1
