"""Predictions that the playground asks for, as a test in a browser sees them."""

from __future__ import annotations

import json
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
