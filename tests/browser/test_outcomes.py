"""The card of what came true: its figures, curves and tables are the service's, and an alarm stands out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from accessibility import assert_accessible
from calibrated import calibrated
from patience import PATIENCE
from playwright.sync_api import Page, expect
from random_models import digits, save_model
from server_process import Server
from table_models import save_tables


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of small models of its own, whose outcomes no other test sees."""
    store = tmp_path_factory.mktemp("outcomes") / "store"
    save_model(store, "mlp", calibrated([0.0] * 200, np.linspace(0, 1, 200).tolist()))
    save_tables(store)
    server = Server(store, default_model="mlp")
    server.wait_ready()
    yield server.url
    assert server.stop() == 0


def report(url: str, missed: float, rows: int) -> dict[str, Any]:
    """Report outcomes of which a share is not in its set, and return what the service shows of them."""
    random, inputs = np.random.default_rng(rows), digits(rows)
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        answer = client.post("/predict", params={"interval": 0.9}, json={"inputs": inputs}).json()
        outcomes = []
        for members in answer["prediction_set"]:
            among = set(answer["classes"]) - set(members) if random.random() < missed else set(members)
            outcomes.append(str(random.choice(sorted(among))))
        reply = client.post("/outcomes", json={"inputs": inputs, "outcomes": outcomes})
        assert reply.status_code == 200, reply.text
        shown: dict[str, Any] = client.get("/outcomes/mlp").json()["streams"][0]
    return shown


def test_the_card_shows_what_the_service_says_and_follows_it(page: Page, url: str) -> None:
    page.goto("/#mlp")
    card = page.locator(".outcomes")
    card.locator("summary").click()
    expect(card).to_contain_text("No outcome is known yet")
    shown = report(url, 0.1, 200)
    page.reload()
    card.locator("summary").click()
    expect(card.locator(".decision")).to_contain_text(
        f"of {shown['rows']} outcomes were in their set; 90 % was asked for"
    )
    expect(card.locator(".decision")).not_to_have_class(re.compile("abstains"))
    expect(card.locator("dd").first).to_have_text(
        f"{100 * shown['coverage']:.1f} % ({100 * shown['coverage_low']:.1f} % to {100 * shown['coverage_high']:.1f} %)"
    )
    assert card.locator("tbody tr").count() == len(shown["by"]["class"])
    assert card.locator("svg path.band-epistemic").count() == 1
    assert card.locator("svg path.line-limit").count() == 2
    places = re.findall(
        r"[ML](\S+) (\S+?)(?=[LZ]|$)", card.locator("svg path.line-mean").first.get_attribute("d") or ""
    )
    assert len(places) == len(shown["curve"]) == 10
    heights = np.array([float(y) for _, y in places])
    coverage = np.array([point["coverage"] for point in shown["curve"]])
    slope, start = np.polyfit(coverage, heights, 1)
    assert slope < 0  # up the page
    assert np.allclose(slope * coverage + start, heights, atol=0.2)
    report(url, 0.9, 200)  # the card is open, and looks again
    expect(card.locator(".decision.abstains")).to_contain_text("Too few, since outcome 2")


def test_axe_finds_nothing(page: Page, url: str) -> None:
    report(url, 0.5, 60)
    page.goto("/#mlp")
    page.locator(".outcomes summary").click()
    expect(page.locator(".outcomes tbody tr").first).to_be_visible()
    assert_accessible(page)
