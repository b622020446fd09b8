"""The playground's view of numbers at every pixel, and what it says of models that no view draws."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from accessibility import assert_accessible
from calibrated import calibrated
from canvas_colours import assert_on_scale
from patience import PATIENCE
from PIL import Image
from playground_requests import crosshair, predicted, set_draws
from playwright.sync_api import Page, expect
from random_models import CLASSES, DIGITS, DROPOUT, LSTM, MLP, PIXELS, SCENES, SEGNET, TARGET, TUNES
from sent_outputs import class_outputs, target_outputs
from sent_outputs import written as saved
from server_process import Server

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, PredictorSpec, save
from models.checkpoints.selftest import canary_examples
from models.columns import Column
from models.parts import join_parts
from models.specs import InputSpec, OutputSpec
from models.tables import TableSchema
from training.run.outputs.calibrate_outputs import calibrate_outputs
from training.run.outputs.read import Named, read_outputs

NORMAL, CATEGORICAL = Component("heteroscedastic_gaussian"), Component("categorical")
ONE = Component("deterministic")
RELIEF = InputSpec("image", (3, 30, 40), (127.5,), (60.0,), 0.0, 255.0)
SCAN = InputSpec("volume", (1, 4, 6, 8), (0.0,), (1.0,))
PATIENT = TableSchema(
    (Column("age [%]", "number", low=20.0, high=90.0), Column("sex", "category", categories=("f", "m")))
)
PARTS = {
    "scan": InputSpec("image", (1, 9, 12), (0.5,), (0.25,), 0.5, 1.0),
    "it's": InputSpec("table", (3,), (50.0, 0.0, 0.0), (10.0, 1.0, 1.0), names=PATIENT.features, table=PATIENT),
    "words": InputSpec("tokens", (4,), low=0.0, high=19.0),
}
DRAWN = {
    "depth": PredictorSpec(SEGNET, DROPOUT, NORMAL, SCENES, OutputSpec("regression", ("depth [m]",), (2.0,), (0.5,))),
    "relief": PredictorSpec(
        SEGNET, ONE, NORMAL, RELIEF, OutputSpec("regression", ("height [km]", "heat"), (2.0, 300.0), (1.0, 20.0))
    ),
}
TOLD = {
    "voxels": PredictorSpec(MLP, DROPOUT, CATEGORICAL, SCAN, CLASSES),
    "thorax": PredictorSpec(MLP, ONE, NORMAL, InputSpec("volume", (1, 16, 40, 40), (0.0,), (1.0,)), TARGET),
    "several": PredictorSpec(MLP, DROPOUT, CATEGORICAL, join_parts(PARTS), CLASSES),
    "age": PredictorSpec(MLP, DROPOUT, NORMAL, DIGITS, TARGET),
    "steps": PredictorSpec(LSTM, DROPOUT, CATEGORICAL, TUNES, CLASSES),
    "tunes": PredictorSpec(LSTM, DROPOUT, Component("bernoulli"), TUNES, OutputSpec("multilabel", ("c", "d"))),
}
SENT = {"logits": class_outputs(90, 0, draws=6), "means": target_outputs(90, 0)}
LARGE = {
    "scenes": PredictorSpec(SEGNET, DROPOUT, CATEGORICAL, RELIEF, PIXELS),
    "signal": PredictorSpec(
        Component("recurrent", {"hidden": 8}), DROPOUT, NORMAL, InputSpec("sequence", (300, 10)), TARGET
    ),
    "portrait": PredictorSpec(MLP, DROPOUT, CATEGORICAL, RELIEF, CLASSES),
}
PLAIN = {  # one mean and scale for all features, as an import has them where none are said
    "votes": PredictorSpec(MLP, DROPOUT, CATEGORICAL, InputSpec("table", (3,), low=0.0, high=1.0), CLASSES),
    "height": PredictorSpec(MLP, DROPOUT, NORMAL, InputSpec("table", (3,), low=0.0, high=1.0), TARGET),
    "ids": PredictorSpec(MLP, DROPOUT, CATEGORICAL, InputSpec("tokens", (4,), low=0.0, high=19.0), CLASSES),
}
DEVIATIONS = {2: "aleatoric_variance", 3: "epistemic_variance"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds") / "store"


@pytest.fixture(scope="module")
def url(store: Path) -> Iterator[str]:
    """A service of models that are not of the bundled kinds; JSON is too short for larger pictures and answers."""
    for name, spec in (DRAWN | LARGE | PLAIN | TOLD).items():
        save_kind(store, name, spec)
    for name, arrays in SENT.items():
        file = read_outputs(saved(store.parent, f"{name}.npz", **arrays), Named())
        calibrate_outputs(name, file, f"{name}.npz", "python -m training calibrate", store)
    server = Server(store, default_model="depth", max_json_bytes="40000", max_values="3000")
    server.wait_ready()
    yield server.url
    assert server.stop() == 0


def save_kind(store: Path, name: str, spec: PredictorSpec) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = spec.build()
        rows = torch.rand(3, *spec.inputs.shape)
    if spec.inputs.kind in ("parts", "tokens"):
        rows = spec.inputs.example(3)
    calibration = calibrated([1e12] * 60, np.linspace(0.1, 2, 60).tolist(), "regression") if name == "depth" else None
    manifest = Manifest(name, 0, spec, "random", 0, {})
    save(store, manifest, model, canary_examples(model, rows), f"# {name}", calibration=calibration)


def written(value: float, unit: str) -> str:
    """A number as the page writes it: four digits, with commas."""
    return f"{float(f'{value:.4g}'):,} {unit}".replace(".0 ", " ").replace("-", "\u2212").strip()


def assert_painted(page: Page, answer: dict[str, Any], target: int, unit: str) -> None:
    """The three maps show the mean and both deviations of a target, each on its own scale in its unit."""
    bars = page.locator(".crosshairs .scale-bar:visible")
    mean = np.array(answer["mean"][0])[..., target]
    low, high = mean.min(), mean.max()
    for picture, name in {1: "mean", **DEVIATIONS}.items():
        if answer[name] is None:
            continue
        values = mean if name == "mean" else np.sqrt(np.array(answer[name][0])[..., target])
        ends = (low, high) if name == "mean" else (0.0, values.max())
        bar = bars.nth(picture - 1)
        assert bar.inner_text().splitlines() == [written(ends[0], ""), written(ends[1], unit)]
        assert_on_scale(page.locator(".crosshair-frame canvas").nth(picture), bar.locator("canvas"), values, *ends)


def test_the_maps_and_the_read_out_are_what_the_service_says(page: Page) -> None:
    predicted(page, lambda: page.goto("/#depth"))
    query, response = set_draws(page, 12)
    answer = response.json()
    assert query["model"] == "depth"
    assert_painted(page, answer, 0, "m")
    region = page.get_by_role("region", name="Answer")
    expect(region).to_contain_text("Draws: 12, seed: 0")
    expect(region).to_contain_text("The model has seen enough like this to answer.")
    pictures = page.get_by_role("application")
    pictures.focus()
    for key in ("ArrowDown", "ArrowRight", "Shift+ArrowUp"):
        pictures.press(key)
        row, column = crosshair(page)
        mean, aleatoric, epistemic = (
            answer[name][0][row][column][0] for name in ("mean", "aleatoric_variance", "epistemic_variance")
        )
        said = f"{written(mean, '')} \u00b1 {written((aleatoric + epistemic) ** 0.5, 'm')}"
        expect(page.locator(".number-value")).to_have_text(said)
        deviations = [f"\u00b1 {written(variance**0.5, 'm')}" for variance in (aleatoric, epistemic)]
        assert page.locator(".entropy-line dd").all_inner_texts() == deviations
        expect(pictures).to_have_accessible_name(f"Row {row + 1}, column {column + 1}: depth {said}")
    seeded, _ = predicted(page, lambda: page.get_by_label("Seed", exact=True).fill("5"))
    assert seeded == query | {"seed": "5"}
    expect(region).to_contain_text("Draws: 12, seed: 5")
    file = io.BytesIO()
    Image.fromarray(np.tile(np.arange(120, dtype=np.uint8), (90, 1))).save(file, "PNG")
    own: Any = {"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()}
    _, response = predicted(page, lambda: page.get_by_label("Your own image").set_input_files(own))
    assert response.request.headers["content-type"] == "image/png"
    assert_painted(page, response.json(), 0, "m")


def test_a_picture_too_large_for_json_is_sent_as_an_array_and_each_target_has_its_maps(page: Page, url: str) -> None:
    _, response = predicted(page, lambda: page.goto("/#relief"))
    assert response.request.headers["content-type"] == "application/x-npy"
    examples = httpx.get(f"{url}/models/relief/examples", timeout=PATIENCE).json()["inputs"]
    file = io.BytesIO()
    np.save(file, np.array(examples[:1], np.float32))
    asked: Any = {"headers": {"Content-Type": "application/x-npy"}, "content": file.getvalue(), "timeout": PATIENCE}
    answer = response.json()
    assert answer["mean"] == httpx.post(f"{url}/predict?model=relief", **asked).json()["mean"]
    assert_painted(page, answer, 0, "km")
    page.get_by_label("Target").select_option("heat")
    assert_painted(page, answer, 1, "")
    expect(page.locator("figure").nth(3)).to_contain_text("unknown with one draw")
    expect(page.locator(".entropy-line.epistemic dd").first).to_have_text("unknown with one draw")
    expect(page.get_by_role("region", name="Answer")).to_contain_text("One function: there is nothing to draw.")


def test_larger_pictures_are_sent_as_arrays_and_only_the_labels_of_many_classes_are_asked_for(page: Page) -> None:
    query, response = predicted(page, lambda: page.goto("/#scenes"))
    assert response.request.headers["content-type"] == "application/x-npy"
    assert query["outputs"].split(",")[0] == "label"
    label = np.array(response.json()["label"][0])
    assert [text.rsplit(maxsplit=2)[0] for text in page.locator(".legend li").all_inner_texts()] == [
        name for name in PIXELS.names if name in label
    ]
    row, column = crosshair(page)
    expect(page.locator(".pixel-place")).to_have_text(f"Row {row + 1}, column {column + 1}: {label[row, column]}")
    expect(page.locator(".pixel-readout .shares")).to_be_hidden()
    _, response = predicted(page, lambda: page.goto("/#signal"))
    assert response.request.headers["content-type"] == "application/x-npy"
    expect(page.locator(".readout dd").last).not_to_be_empty()
    _, response = predicted(page, lambda: page.goto("/#portrait"))
    assert response.request.headers["content-type"] == "application/x-npy"
    shares = [f"{share:.3f}" for share in response.json()["mean"][0]]
    assert page.locator(".share-number").all_inner_texts() == shares
    curve = page.get_by_role("region", name="Over the rotation")
    expect(curve.locator("svg path").first).to_be_attached()
    expect(page.locator(".problem:visible")).to_have_count(0)


@pytest.mark.parametrize("name", PLAIN)
def test_rows_without_a_mean_and_scale_of_their_own_are_asked_and_answered(page: Page, name: str) -> None:
    _, response = predicted(page, lambda: page.goto(f"/#{name}"))
    assert response.status == 200
    assert np.shape(response.json()["mean"])[-1] == len(PLAIN[name].outputs.names)
    expect(page.locator(".table-inputs input")).to_have_count(0 if name == "ids" else 3)
    for column in page.locator(".table-inputs input").all():
        _, response = predicted(page, lambda column=column: column.press("End"))  # type: ignore[misc]
        assert response.status == 200
    expect(page.locator(".problem:visible")).to_have_count(0)


def test_every_model_is_listed_and_the_line_shown_asks_what_no_view_draws(page: Page, url: str, store: Path) -> None:
    models = {one["name"] for one in httpx.get(f"{url}/models", timeout=PATIENCE).json()["models"]}
    assert models == {*DRAWN, *LARGE, *PLAIN, *TOLD, *SENT}
    page.goto("/")
    choice = page.get_by_role("combobox", name="Model")
    expect(choice.locator("option").first).to_be_attached()
    assert set(choice.locator("option:enabled").all_inner_texts()) == models
    for name in sorted({*TOLD, *SENT}):
        choice.select_option(name)
        expect(page).to_have_title(f"{name} \u00b7 Credence")
        card = page.get_by_role("region", name="How to ask it")
        expect(card).to_be_visible()
        expect(page.locator(".model-card, .outcomes")).to_have_count(2)
        card.get_by_role("button", name="Copy curl").click()
        line = card.locator("code").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == line
        assert ("application/x-npy" in line) == (name == "thorax")
        said = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=PATIENCE).stdout
        assert json.loads(said).get("model") == name, said
    save_kind(store, "later", TOLD["age"])
    assert httpx.post(f"{url}/models/later/load", timeout=PATIENCE).status_code == 200
    choice.blur()
    choice.focus()
    expect(choice.locator("option", has_text="later")).to_be_attached()
    expect(choice).to_have_value(name)


@pytest.mark.parametrize("model", ["depth", "several"])
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(page: Page, model: str) -> None:
    page.goto(f"/#{model}")
    expect(page.get_by_role("region", name=re.compile("Answer|How to ask it"))).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
