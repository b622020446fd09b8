from __future__ import annotations
import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def url():
    return "http://localhost:8733"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield b
        b.close()


@pytest.fixture
def page(browser, url):
    c = browser.new_context(base_url=url, permissions=["clipboard-read", "clipboard-write"])
    pg = c.new_page()
    errs = []
    pg.on("console", lambda m: errs.append(m.text) if m.type in ("error", "warning") else None)
    pg.on("pageerror", lambda e: errs.append(str(e)))
    yield pg
    c.close()
    assert errs == []
