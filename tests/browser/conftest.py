"""A real Chromium that looks at a real server with every bundled model; a test fails if its console has anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import tool
from patience import PATIENCE
from playwright.sync_api import Browser, Page, expect, sync_playwright

MILLISECONDS = 1000
expect.set_options(timeout=PATIENCE * MILLISECONDS)
REFUSED = "Failed to load resource"
"""Start of what Chromium itself writes for every answer that is an error, and for none."""


@pytest.fixture(scope="session")
def chromium() -> str:
    return tool("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def url(bundled_url: str) -> str:
    return bundled_url


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """For one file only: while Playwright is open its event loop counts as running, and no other test could use one."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def watched(browser: Browser, url: str) -> Iterator[tuple[Page, list[str]]]:
    """A page, and the warnings and errors of its console."""
    context = browser.new_context(base_url=url, permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE * MILLISECONDS)
    new, said = context.new_page(), list[str]()
    new.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    new.on("pageerror", lambda error: said.append(str(error)))
    yield new, said
    context.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with watched(browser, url) as (new, said):
        yield new
    assert said == []


@pytest.fixture
def refused_page(browser: Browser, url: str) -> Iterator[Page]:
    """A page some of whose requests are meant to fail."""
    with watched(browser, url) as (new, said):
        yield new
    assert said
    assert [text for text in said if not text.startswith(REFUSED)] == []
