"""The playground's view of classifiers: what is drawn or turned is what is asked, and the answer is what is shown."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from accessibility import assert_accessible
from patience import PATIENCE
from PIL import Image
from playground_requests import asked
from playwright.sync_api import Page, Response, expect

MODEL = "digits-mlp-mc_dropout"


def view(page: Page, name: str = MODEL) -> tuple[Any, Response]:
    """The view of a model, open; the inputs and the response of what it first asks."""
    _, inputs, response = asked(page, lambda: page.goto(f"/#{name}"))
    return inputs, response


def turn(page: Page, angle: int) -> tuple[dict[str, str], Any, Response]:
    return asked(page, lambda: page.get_by_role("slider", name="Rotation").fill(str(angle)))


def numbers(page: Page, selector: str) -> list[float]:
    return [float(text.split()[0]) for text in page.locator(selector).all_inner_texts()]


def test_bars_ticks_and_entropy_are_the_services_answer(page: Page) -> None:
    _, response = view(page)
    answer = response.json()
    assert numbers(page, ".share-number") == [round(share, 3) for share in answer["mean"][0]]
    for i, path in enumerate(page.locator(".spread path").all()):
        ticks = [float(tick) for tick in re.findall(r"M(\S+) 0V1", path.get_attribute("d") or "")]
        assert ticks == [float(f"{draw[0][i]:.4f}") for draw in answer["draws"]]
    names = ("predictive_entropy", "expected_entropy", "mutual_information")
    assert numbers(page, ".entropy-line dd") == [round(answer[name][0], 3) for name in names]


def test_the_first_example_is_a_one_and_turning_it_makes_the_model_doubt(page: Page) -> None:
    inputs, response = view(page)
    assert response.json()["label"] == ["1"]
    query, turned, doubtful = turn(page, 40)
    assert query["model"] == MODEL
    assert not np.allclose(turned, inputs)
    assert doubtful.json()["predictive_entropy"][0] > response.json()["predictive_entropy"][0] + 0.5
    _, back, _ = turn(page, 0)
    assert back == inputs


def test_a_turn_by_90_degrees_is_exact_and_clockwise(page: Page) -> None:
    inputs, _ = view(page)
    _, turned, _ = turn(page, 90)
    assert np.allclose(turned[0][0], np.rot90(np.array(inputs[0][0]), -1), atol=0.02)


def test_the_curve_has_every_angle_and_is_asked_once_for_all_turns(page: Page) -> None:
    rows: list[int] = []
    page.on(
        "request",
        lambda request: (
            rows.append(len(json.loads(request.post_data or "")["inputs"])) if "/predict" in request.url else None
        ),
    )
    _, inputs, response = asked(page, lambda: page.goto(f"/#{MODEL}"), rows=25)
    for angle in (10, 50, -100):
        turn(page, angle)
    assert rows.count(25) == 1
    line = page.locator(".turn-curve .line-total").first.get_attribute("d") or ""
    heights = np.array([float(y) for y in re.findall(r"[ML]\S+ (\S+?)(?=L|$)", line)])
    entropy = np.array(response.json()["predictive_entropy"])
    assert len(heights) == len(entropy) == len(inputs) == 25
    assert np.corrcoef(heights, entropy)[0, 1] == pytest.approx(-1, abs=1e-3)  # pixels count downwards
    assert entropy.max() <= math.log(10)


def test_a_row_shows_half_a_turn_with_the_services_answers_and_turns_the_input(page: Page) -> None:
    _, _, response = asked(page, lambda: page.goto(f"/#{MODEL}"), rows=25)
    answer = response.json()
    row = page.get_by_role("group", name="The input at every angle").get_by_role("button")
    expect(row).to_have_count(12)
    for place, (label, nats) in enumerate(
        zip(answer["label"][12:24], answer["predictive_entropy"][12:24], strict=True)
    ):
        expect(row.nth(place)).to_have_text(f"{15 * place}°{label}{nats:.2f} nats")
    _, turned, _ = asked(page, lambda: row.nth(6).click())
    expect(page.get_by_role("slider", name="Rotation")).to_have_value("90")
    expect(row.nth(6)).to_have_attribute("aria-pressed", "true")
    _, upright, _ = asked(page, lambda: row.nth(0).click())
    assert np.allclose(turned[0][0], np.rot90(np.array(upright[0][0]), -1), atol=0.02)


def test_what_is_drawn_is_what_is_sent(page: Page) -> None:
    view(page)
    _, blank, _ = asked(page, lambda: page.get_by_role("button", name="Clear").click())
    assert np.array(blank).max() == 0
    box = page.locator(".drawing-pad").bounding_box()
    assert box
    x, top, bottom = box["x"] + box["width"] / 2, box["y"] + 0.15 * box["height"], box["y"] + 0.85 * box["height"]

    def draw() -> None:
        page.mouse.move(x, top)
        page.mouse.down()
        page.mouse.move(x, bottom, steps=6)
        page.mouse.up()

    asked(page, draw)
    turn(page, 5)
    _, drawn, response = turn(page, 0)
    ink = np.array(drawn[0][0])
    assert ink[1:7, 3:5].min() > 0
    assert ink[:, [0, 7]].max() == 0
    assert response.status == 200


def test_noise_draws_and_seed_are_sent(page: Page) -> None:
    inputs, _ = view(page)
    _, noisy, _ = asked(page, lambda: page.get_by_role("slider", name="Noise added").fill("0.3"))
    assert not np.allclose(noisy, inputs)
    query, _, response = asked(page, lambda: page.get_by_role("slider", name="Draws").fill("7"))
    assert query["samples"] == "7"
    assert len(response.json()["draws"]) == 7
    query, _, _ = asked(page, lambda: page.get_by_label("Seed", exact=True).fill("5"))
    assert query["seed"] == "5"


def test_the_request_can_be_copied_and_run(page: Page, url: str) -> None:
    _, response = view(page)
    page.get_by_text("The request").click()
    page.get_by_role("button", name="Copy Python").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    said: list[Any] = []
    exec(copied, {"print": said.append})
    assert said[0]["mean"] == response.json()["mean"]
    assert page.get_by_role("region", name="curl").inner_text().startswith(f"curl -X POST '{url}/predict?")
    expect(page.locator(".request-time")).to_contain_text("ms on the server")


def test_every_classifier_of_the_catalogue_has_a_view(page: Page, url: str) -> None:
    models = {
        m["name"]
        for m in httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"]
        if m["task"] == "classification"
    }
    assert len(models) >= 5
    for model in models:
        view(page, model)
        expect(page.locator(".share-number").first).to_have_text(re.compile(r"^[01]\.\d{3}$"))
        assert "".join(page.locator(".problem").all_inner_texts()) == ""


def test_pictures_of_ones_own_are_sent_as_they_are_and_answered_each_by_itself(
    page: Page, url: str, tmp_path: Path
) -> None:
    inputs, _ = view(page)
    files = [tmp_path / "one.png", tmp_path / "blank.png"]
    for file, pixels in zip(files, (np.array(inputs[0][0]), np.zeros((8, 8))), strict=True):
        Image.fromarray(np.rint(pixels * 255 / 16).astype(np.uint8)).save(file)
    own = page.get_by_role("button", name="Your own images")
    previews = page.get_by_role("group", name="Answers to your own images").get_by_role("button")
    with page.expect_request(lambda request: "/predict" in request.url) as caught:
        own.set_input_files(files[0])
    assert caught.value.headers["content-type"] == "image/png"
    expect(previews).to_have_text(["1, over 99 %"])
    with page.expect_request(lambda request: "/predict" in request.url) as caught:
        own.set_input_files(files)
    sent = [("files", file.read_bytes()) for file in files]
    answer = httpx.post(caught.value.url, files=sent, timeout=PATIENCE).json()
    expect(previews).to_have_count(2)
    for preview, label, decision in zip(previews.all(), answer["label"], answer["decision"], strict=True):
        expect(preview).to_contain_text(f"{label}, ")
        assert ("ask a person" in preview.inner_text()) == (decision == "abstain")
    previews.last.click()
    assert numbers(page, ".share-number") == [round(share, 3) for share in answer["mean"][1]]
    expect(page.locator(".turn-curve")).to_be_hidden()
    page.get_by_text("The request").click()
    expect(page.get_by_role("region", name="curl")).to_contain_text("-F 'files=@one.png'")
    asked(page, lambda: page.get_by_role("button", name="Example 1:").click())
    expect(previews).to_have_count(0)
    dropped = page.evaluate_handle(
        """(bytes) => {
            const files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(bytes)], "dropped.png", { type: "image/png" }));
            return files;
        }""",
        list(files[0].read_bytes()),
    )
    page.locator(".upload").dispatch_event("drop", {"dataTransfer": dropped})
    expect(previews).to_have_text(["1, over 99 %"])


def test_legends_have_the_colours_of_their_lines(page: Page) -> None:
    view(page)
    curves = page.get_by_role("region", name="Over the rotation")
    expect(curves.locator(".legend").last.locator("li")).to_have_count(3)
    for name, drawn in (
        ("band-epistemic", "fill"),
        ("band-aleatoric", "fill"),
        ("line-total", "stroke"),
        ("line-class", "stroke"),
    ):
        keys, shapes = (curves.locator(f"{kind}.{name}").all() for kind in (".key", "path"))
        assert len(keys) == len(shapes) > 0
        for key, line in zip(keys, shapes, strict=True):
            shown = [
                node.evaluate("(node, property) => getComputedStyle(node)[property]", at)
                for node, at in ((key, "backgroundColor"), (line, drawn))
            ]
            assert shown[0] == shown[1]


def test_axe_finds_nothing(page: Page) -> None:
    view(page)
    assert_accessible(page)


def test_a_phone_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    view(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
