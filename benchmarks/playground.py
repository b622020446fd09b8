"""From a slider's move to the new answer on the screen, in a real Chromium, view by view.

    python benchmarks/playground.py http://localhost:8000 [/usr/bin/chromium]

Each line has the median and the slowest of 30 moves in milliseconds, and what the service took of it by itself: the
same request, sent again by a client without a page.
"""

from __future__ import annotations

import statistics
import sys
import time

import httpx
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

MOVES = 30
SLIDERS = {
    "digits-mlp-mc_dropout": ("Rotation", range(-150, 150, 10), ".share-number"),
    "curve-mlp-mc_dropout": ("Draws", range(20, 50), ".plot .line-mean"),
    "scenes-segnet-mc_dropout": ("Noise added", [i / 100 for i in range(1, 31)], ".share-number, .entropy-line dd"),
    "digits-infogan": ("c1", [i / 15 - 1 for i in range(30)], ".tile img"),
    "digits-vae-2d": ("Across", [i / 15 - 1 for i in range(30)], ".plane figure img"),
}
WAIT = """([slider, value, selector]) => new Promise((done) => {
  const shown = (node) => node.textContent + node.getAttribute("src") + node.getAttribute("d");
  const state = () => [...document.querySelectorAll(selector)].map(shown).join();
  const before = state();
  const start = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  const look = () => state() !== before || performance.now() - start > 2000
    ? requestAnimationFrame(() => done(performance.now() - start)) : requestAnimationFrame(look);
  look();
})"""


def moves(page: Page, label: str, values: object, selector: str) -> tuple[list[float], list[float]]:
    """Milliseconds until the page has changed, and those that the same requests take without a page."""
    requests: list[tuple[str, str]] = []
    page.on("request", lambda r: requests.append((r.url, r.post_data or "")) if r.method == "POST" else None)
    slider = page.get_by_role("slider", name=label).first
    slider.wait_for()
    page.wait_for_load_state("networkidle")
    seen = []
    for value in values:  # type: ignore[attr-defined]
        seen.append(page.evaluate(WAIT, [slider.element_handle(), value, selector]))
        page.wait_for_load_state("networkidle")
    alone = []
    with httpx.Client() as client:
        for url, body in requests[-MOVES:]:
            start = time.perf_counter()
            client.post(url, content=body, headers={"Content-Type": "application/json"})
            alone.append(1000 * (time.perf_counter() - start))
    return seen, alone


def main(url: str, chromium: str = "/usr/bin/chromium") -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (label, values, selector) in SLIDERS.items():
            page = browser.new_page()
            page.goto(f"{url}/#{name}")
            if name == "digits-infogan":
                page.get_by_role("tab", name="Images").click()
            seen, alone = moves(page, label, values, selector)
            Console().print(
                f"{name:28} on the screen: median {statistics.median(seen):5.1f}, slowest {max(seen):5.1f} ms;"
                f" without a page {statistics.median(alone):5.1f} ms"
            )
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
