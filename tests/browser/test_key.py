"""The playground of a service with keys: it asks for one, keeps it for the tab, and shows it nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from random_models import save_model
from server_process import Server

from service.http.access.key_file import changing_keys
from service.http.access.keys import make_key


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    key, text = make_key("lab", ["predict"], None)
    with changing_keys(file) as keys:
        keys.append(key)
    return text, file


@pytest.fixture(scope="module")
def guarded_url(tmp_path_factory: pytest.TempPathFactory, key: tuple[str, Path]) -> Iterator[str]:
    store = tmp_path_factory.mktemp("store")
    save_model(store, "mlp")
    server = Server(store, default_model="mlp", key_file=str(key[1]))
    server.wait_ready()
    yield server.url
    assert server.stop() == 0


@pytest.fixture
def url(guarded_url: str) -> str:
    return guarded_url


def test_the_page_asks_for_a_key_until_one_opens_the_service(refused_page: Page, key: tuple[str, Path]) -> None:
    page, text = refused_page, key[0]
    page.goto("/")
    dialog = page.get_by_role("dialog", name="A key is needed")
    expect(dialog.get_by_role("alert")).to_contain_text("No key was given")
    page.keyboard.press("Escape")
    dialog.get_by_label("Key of this service").fill(text[:-1])
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("The key is not known")
    dialog.get_by_label("Key of this service").fill(f" {text} ")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("combobox", name="Model")).to_have_value("mlp")
    page.get_by_text("The request").click()
    curl = page.get_by_role("region", name="curl")
    expect(curl).to_contain_text('-H "Authorization: Bearer $CREDENCE_API_KEY"')
    assert text not in page.content()
    page.reload()
    expect(page.get_by_role("combobox", name="Model")).to_have_value("mlp")
    expect(dialog).to_have_count(0)
