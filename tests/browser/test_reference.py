"""Swagger and ReDoc in a real Chromium that can reach nothing but the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect


@pytest.fixture
def alone(page: Page, url: str) -> Iterator[Page]:
    """A page whose requests to other hosts fail, and fail the test."""
    elsewhere: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.url.startswith((url, "data:", "blob:")):
            route.fallback()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    page.route("**/*", refuse)
    yield page
    assert elsewhere == []


def test_swagger_shows_the_routes_and_tries_a_prediction_out(alone: Page) -> None:
    alone.goto("/docs")
    operations = alone.locator(".opblock")
    expect(operations.filter(has_text="/predict").first).to_be_visible()
    assert operations.count() > 30
    predict = alone.locator(".opblock-post").filter(has=alone.locator('[data-path="/predict"]'))
    predict.locator(".opblock-summary-control").click()
    predict.get_by_role("button", name="Try it out").click()
    predict.get_by_role("button", name="Execute").click()
    answer = predict.locator(".live-responses-table .response").first
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text("mutual_information")


def test_redoc_shows_the_routes(alone: Page) -> None:
    alone.goto("/redoc")
    expect(alone.get_by_role("heading", name="Credence")).to_be_visible()
    expect(alone.get_by_text("/v1/models/{name}:predict").first).to_be_attached()
    alone.get_by_placeholder("Search").fill("mutual")
    expect(alone.locator('[role="menuitem"]').first).to_be_visible()
