"""The playground's view of generators: one for every family, built from what the catalogue says of it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from accessibility import assert_accessible
from patience import PATIENCE, wait_until
from PIL import Image
from playwright.sync_api import Locator, Page, expect

FAMILIES = ("vae", "gan", "dcgan", "wgan", "infogan", "progan", "stylegan")
TABS = {
    "vae": ("Images", "Plane", "Grid", "Between", "Read"),
    "wgan": ("Images", "Plane", "Grid", "Between"),
    "infogan": ("Images", "Plane", "Grid", "Between", "Read"),
    "stylegan": ("Images", "Plane", "Grid", "Between", "Mix", "Read"),
}
MINUS = "\u2212"
SHOWN = re.compile("^data:image/png;base64,.")


def entry(url: str, family: str) -> dict[str, Any]:
    """What the catalogue says of a family's first model."""
    models: list[dict[str, Any]] = httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"]
    return next(model for model in models if model.get("family") == family)


def view(page: Page, url: str, family: str, tab: str = "Images") -> dict[str, Any]:
    """Open a tab of the view of a family's first model; the catalogue's entry of it."""
    model = entry(url, family)
    page.goto(f"{url}/#{model['name']}")
    page.get_by_role("tab", name=tab).click()
    picture = page.locator(".tab-panel img:visible, .tab-panel canvas:visible").first
    if tab != "Read":
        expect(picture).to_have_attribute("src", SHOWN)
    page.wait_for_load_state("networkidle")
    return model


def asked(page: Page, operation: str, act: Callable[[], object]) -> dict[str, Any]:
    """The body of the request that an act makes."""
    with page.expect_response(lambda response: f"/{operation}" in response.url) as caught:
        act()
    body: dict[str, Any] = json.loads(caught.value.request.post_data or "")
    page.wait_for_load_state("networkidle")
    expect(page.locator('[aria-busy="true"]')).to_have_count(0)  # the page has shown the answer
    return body


def png(picture: Locator) -> bytes:
    """What a picture shows."""
    source = picture.get_attribute("src") or ""
    return base64.b64decode(source.partition(",")[2])


def made(url: str, path: str, **body: Any) -> list[bytes]:
    """The PNGs that the service answers to who asks it directly."""
    family = path.partition("/")[0]
    answer = httpx.post(
        f"{url}/generate/{path}", params={"model": entry(url, family)["name"]}, json=body, timeout=PATIENCE
    )
    assert answer.status_code == 200, answer.text
    return [base64.b64decode(image) for image in answer.json()["images"]]


def assert_alike(first: list[bytes], second: list[bytes]) -> None:
    """Two lists of PNGs show the same images, but for a level of 256 where batches of another size were rounded."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        levels, others = (np.asarray(Image.open(io.BytesIO(content)), int) for content in (one, other))
        assert levels.shape == others.shape
        assert np.abs(levels - others).max() <= 1


def move(page: Page, control: str, value: float) -> None:
    page.locator(f"[data-control={control}] input[type=range]").fill(str(value))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_control_of_the_specification_is_shown(page: Page, url: str, family: str) -> None:
    model = view(page, url, family)
    for control in model["controls"]:
        row = page.locator(f"[data-control={control['name']}]")
        expect(row).to_contain_text(control["meaning"])
        if control["kind"] == "continuous":
            slider = row.get_by_role("slider")
            assert float(slider.get_attribute("min") or "") == control["low"]
            assert float(slider.get_attribute("max") or "") == control["high"]
        elif control["kind"] == "vector":
            expect(row).to_contain_text(f"{control['size']} numbers by seed" if control["drawn"] else "not set")
        else:
            values = control["choices"] or [str(value) for value in range(int(control["high"]) + 1)]
            free = ["by seed"] if control["default"] is None else []
            assert row.get_by_role("radio").count() == len(free) + len(values)
            for value in [*free, *values]:
                expect(row.get_by_role("radio", name=value, exact=True)).to_have_count(1)
    assert page.locator("[data-control]").count() == len(model["controls"])


@pytest.mark.parametrize("family", TABS)
def test_the_tabs_are_what_the_family_can_do(page: Page, url: str, family: str) -> None:
    view(page, url, family)
    assert tuple(page.get_by_role("tab").all_inner_texts()) == TABS[family]


@pytest.mark.parametrize(("family", "control", "value"), [("infogan", "c1", 0.5), ("stylegan", "truncation_psi", 0.3)])
def test_a_slider_changes_the_images_and_nothing_else_in_the_request(
    page: Page, url: str, family: str, control: str, value: float
) -> None:
    view(page, url, family)
    tiles = page.locator(".tile img")
    free = [png(tile) for tile in tiles.all()]
    body = asked(page, "generate", lambda: move(page, control, value))
    assert body == {"n": len(free), "seed": 0, "codes": {control: value}}
    expect(tiles.first).not_to_have_attribute("src", "data:image/png;base64," + base64.b64encode(free[0]).decode())
    assert [png(tile) for tile in tiles.all()] == made(url, family, **body)
    release = page.get_by_role("button", name=f"Release {control}")
    assert asked(page, "generate", release.click) == {"n": len(free), "seed": 0, "codes": {}}
    assert [png(tile) for tile in tiles.all()] == free


def test_a_code_is_chosen_by_name_and_given_back_to_the_seed(page: Page, url: str) -> None:
    view(page, url, "infogan")
    codes = page.locator("[data-control=digit]")
    body = asked(page, "generate", lambda: codes.get_by_role("radio", name="7", exact=True).check())
    assert body["codes"] == {"digit": 7}
    body = asked(page, "generate", lambda: codes.get_by_role("radio", name="by seed").check())
    assert body["codes"] == {}


def test_a_choice_is_sent_by_name_and_not_at_its_default(page: Page, url: str) -> None:
    view(page, url, "stylegan")
    noise = page.locator("[data-control=noise]")
    assert asked(page, "generate", noise.get_by_label("random").check)["codes"] == {"noise": "random"}
    assert asked(page, "generate", noise.get_by_label("const").check)["codes"] == {}


def test_a_pinned_seed_is_the_same_picture_alone(page: Page, url: str) -> None:
    view(page, url, "infogan")
    tile = page.locator("[data-seed='3']")
    small = png(tile.locator("img"))
    assert asked(page, "generate", tile.locator(".tile").click) == {"seeds": [3], "codes": {}}
    large = page.get_by_role("img", name="Image of seed 3")
    expect(large).to_be_visible()
    assert_alike([png(large)], [small])
    drawn = httpx.post(f"{url}/generate/infogan", json={"seeds": [3]}, timeout=PATIENCE).json()["codes"]
    slider = page.locator("[data-control=c2] input")
    assert float(slider.input_value()) == pytest.approx(drawn["c2"][0], abs=0.006)
    page.keyboard.press("Escape")
    expect(tile).to_be_visible()
    expect(tile.locator(".tile")).to_be_focused()


def test_a_seed_is_copied(page: Page, url: str) -> None:
    view(page, url, "gan")
    page.get_by_role("button", name="Copy seed 5").click()
    expect(page.locator("[data-seed='5'] .seed")).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == "5"


def test_the_number_of_images_and_new_seeds(page: Page, url: str) -> None:
    view(page, url, "dcgan")
    assert (
        asked(page, "generate", lambda: page.get_by_role("spinbutton", name="Images", exact=True).fill("5"))["n"] == 5
    )
    expect(page.locator(".tile")).to_have_count(5)
    body = asked(page, "generate", page.get_by_role("button", name="new seeds").click)
    assert body["seed"] > 0
    expect(page.locator(".tile").first).to_have_accessible_name(f"Seed {body['seed']}, alone and large")


def test_the_pad_moves_by_keyboard_and_pointer(page: Page, url: str) -> None:
    view(page, url, "vae", "Plane")
    pad = page.get_by_role("application")
    pad.focus()
    picture = page.locator(".plane figure img")
    before = png(picture)
    body = asked(page, "traverse", lambda: page.keyboard.press("Shift+ArrowRight"))
    assert body["columns"]["values"][0] == pytest.approx(0.157, abs=0.001)  # where 9 of 16 standard normals are below
    assert body["rows"]["values"] == [0]
    body = asked(page, "traverse", lambda: page.keyboard.press("Shift+ArrowDown"))
    assert body["rows"]["values"][0] == pytest.approx(-0.157, abs=0.001)
    assert png(picture) == made(url, "vae/traverse", **body)[0] != before
    box = pad.bounding_box()
    assert box
    body = asked(
        page, "traverse", lambda: page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    )
    assert body["columns"]["values"][0] == pytest.approx(1.28, abs=0.03)
    assert page.locator(".pad-point").evaluate("point => point.style.left").startswith("9")


def test_the_plane_behind_the_pad_has_equal_probabilities(page: Page, url: str) -> None:
    view(page, url, "vae", "Plane")
    sweep = {"control": "z", "steps": 8, "spacing": "normal"}
    body = {"rows": sweep | {"index": 1, "from": 1.5341, "to": -1.5341}}
    body["columns"] = sweep | {"index": 0, "from": -1.5341, "to": 1.5341}
    assert [png(tile) for tile in page.locator(".manifold img").all()] == made(url, "vae/traverse", seed=0, **body)


def test_a_grid_is_labelled_with_what_the_service_swept(page: Page, url: str) -> None:
    view(page, url, "infogan", "Grid")
    rows, columns = page.locator(".axis").nth(0), page.locator(".axis").nth(1)
    asked(page, "traverse", lambda: rows.get_by_label("control").select_option("c2"))
    body = asked(page, "traverse", lambda: rows.get_by_label("steps").fill("3"))
    assert body == {"seed": 0, "codes": {}, "rows": {"control": "c2", "steps": 3}, "columns": {"control": "digit"}}
    table = page.get_by_role("table")
    assert table.get_by_role("rowheader").all_inner_texts() == ["-1", "0", "1"]
    assert table.get_by_role("columnheader").all_inner_texts() == list("0123456789")
    assert [png(cell) for cell in table.locator("img").all()] == made(url, "infogan/traverse", **body)
    body = asked(page, "traverse", lambda: columns.get_by_label("control").select_option(""))
    assert "columns" not in body
    expect(table.locator("img")).to_have_count(3)


def test_the_way_between_two_seeds(page: Page, url: str) -> None:
    view(page, url, "infogan", "Between")
    expect(page.locator("[data-control=digit]").get_by_label("0", exact=True)).to_be_checked()
    body = asked(page, "interpolate", lambda: page.get_by_label("To seed", exact=True).fill("8"))
    assert body == {"from": {"seed": 0}, "to": {"seed": 8}, "steps": 16, "method": "slerp", "codes": {"digit": 0}}
    frames = made(url, "infogan/interpolate", **body)
    page.get_by_label("Position between the seeds").press("End")
    large = page.get_by_role("img", name="100 % of the way from 0 to 8")
    expect(large).to_be_visible()
    assert png(large) == frames[-1]
    assert_alike([frames[-1]], made(url, "infogan", seed=8, codes={"digit": 0}))


def test_mixing_takes_each_level_from_its_seed(page: Page, url: str) -> None:
    view(page, url, "stylegan", "Mix")
    asked(page, "mix", lambda: page.get_by_label("Middle", exact=True).fill("2"))
    body = asked(page, "mix", lambda: page.get_by_label("Fine", exact=True).fill("7"))
    assert body == {"coarse": 0, "middle": 2, "fine": 7, "codes": {}}
    mixed = page.get_by_role("img", name="Mixed image: coarse 0 · middle 2 · fine 7")
    assert_alike([png(mixed)], made(url, "stylegan/mix", coarse=0, middle=2, fine=7))
    sources = page.locator(".source img").all()
    assert_alike([png(source) for source in sources], made(url, "stylegan", seeds=[0, 2, 7]))


def test_what_an_image_tells_of_its_code(page: Page, url: str) -> None:
    view(page, url, "infogan", "Read")
    asked(page, "encode", lambda: page.get_by_label("Image of seed", exact=True).fill("4"))
    pixels = httpx.post(f"{url}/generate/infogan", json={"seed": 4, "format": "json"}, timeout=PATIENCE).json()[
        "images"
    ]
    raw = (16 * np.array(pixels)).tolist()
    codes = httpx.post(f"{url}/encode/infogan", json={"inputs": raw}, timeout=PATIENCE).json()["codes"]
    shares = [float(share) for share in page.locator(".shares .share-number").all_inner_texts()]
    assert shares == pytest.approx(codes["digit"]["probabilities"][0], abs=0.6e-3)
    found = re.search(r"(\S+) ± (\S+)", page.locator(".moments").first.inner_text().replace(MINUS, "-"))
    assert found
    mean, deviation = codes["c1"]["mean"][0], codes["c1"]["variance"][0] ** 0.5
    assert [float(number) for number in found.groups()] == pytest.approx([mean, deviation], abs=0.6e-2)


def test_a_reconstruction_comes_with_both_of_its_variances(page: Page, url: str) -> None:
    model = view(page, url, "vae", "Read")
    scale = page.locator(".reading-scale")
    expect(scale).to_contain_text("of 16")  # the first image is read, so that the next answer is the new one's
    body = asked(page, "reconstruct", page.get_by_role("button", name="new").click)
    assert (body["samples"], len(body["inputs"])) == (50, 1)
    assert page.locator(".reading-pictures figcaption").all_inner_texts() == [
        "The image",
        "Reconstruction",
        "Noise (aleatoric)",
        "Doubt (epistemic)",
    ]
    answer = httpx.post(f"{url}/reconstruct/vae", params={"model": model["name"]}, json=body, timeout=PATIENCE).json()
    largest = max(np.max(answer[name]) for name in ("aleatoric_variance", "epistemic_variance")) ** 0.5

    def is_told() -> bool:
        number = re.search(r"([\d.]+) of 16", scale.inner_text())
        return number is not None and float(number[1]) == pytest.approx(largest, rel=0.01)

    wait_until(is_told)


def test_a_style_is_found_and_used(page: Page, url: str) -> None:
    view(page, url, "stylegan", "Read")
    page.get_by_role("button", name="Find its style").click()
    page.get_by_role("button", name="Use this style").click()
    expect(page.locator("[data-control=w]")).to_contain_text(re.compile(r"\d+ numbers set"))
    body = asked(page, "generate", lambda: page.get_by_role("spinbutton", name="Images", exact=True).fill("2"))
    assert list(body["codes"]) == ["w"]


@pytest.mark.parametrize(("tab", "shape"), [("Images", (16,)), ("Grid", (6, 10)), ("Between", (16,))])
def test_downloads(page: Page, url: str, tab: str, shape: tuple[int, ...]) -> None:
    model = view(page, url, "infogan", tab)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download PNG").click()
    assert caught.value.suggested_filename.endswith(".png")
    sheet = Image.open(caught.value.path())
    assert sheet.format == "PNG"
    assert json.loads(sheet.text["model"]) == model["name"]  # type: ignore[attr-defined]
    with page.expect_download() as caught:
        page.get_by_role("button", name="Download npy").click()
    assert np.load(io.BytesIO(caught.value.path().read_bytes())).shape == (*shape, *model["shape"])


def test_too_large_a_grid_is_not_asked_for_but_told(page: Page, url: str) -> None:
    view(page, url, "infogan", "Grid")
    steps = page.get_by_label("steps").first
    steps.fill("16")
    expect(page.get_by_role("alert")).to_have_text("160 images are too many; allowed are 64 in a request")
    steps.fill("2")
    expect(page.locator(".problem")).to_be_empty()


@pytest.mark.parametrize("family", ["vae", "stylegan"])
def test_axe_finds_nothing(page: Page, url: str, family: str) -> None:
    for tab in TABS[family]:
        view(page, url, family, tab)
        assert_accessible(page)


def test_a_phone_needs_no_sideways_scrolling(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for tab in TABS["stylegan"]:
        view(page, url, "stylegan", tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab


def test_the_tabs_work_by_keyboard(page: Page, url: str) -> None:
    view(page, url, "gan")
    page.get_by_role("tab", name="Images").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Plane")).to_be_focused()
    expect(page.get_by_role("application")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Between")).to_have_attribute("aria-selected", "true")
