"""Pictures of other people's, from `fit` to an answer: cases 01, 19, 31 and 33."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from PIL import Image

from models.pictures import PictureSpec
from service.app import create_app
from service.backends.torch_loader import TorchLoader
from service.http.images import form_of
from service.http.picture_rows import Limits, row_from_picture
from service.runtime.registry import Registry
from service.settings import Settings
from training import data, recipes
from training.data import Options
from training.data.whole import read_whole
from training.errors import DataError
from training.run.fit import fit

pytestmark = pytest.mark.anyio

CASES = Path(__file__).parents[4] / "shared" / "cases"
MEDIA = {"content-type": "image/png"}


def fitted(store: Path, model: str, folder: Path, **options: object) -> tuple[str, data.Dataset]:
    dataset = data.load(str(folder), options=Options(**options))  # type: ignore[arg-type]
    recipe = recipes.suited(model, dataset).with_epochs(1)
    fit(recipe, dataset, store, 0, resume=False, report=lambda _: None)
    return recipe.name, dataset


def drawn(kind: str, tilted: bool, place: int) -> Image.Image:
    """A bar, upright or tilted: black on transparent, or of 16 bits where Pillow can write them."""
    ink = np.zeros((24, 24), bool)
    ink[np.arange(24), (np.arange(24) + place) % 24 if tilted else place % 24] = True
    if kind == "alpha":
        return Image.fromarray(np.dstack([np.zeros((24, 24), np.uint8), ink.astype(np.uint8) * 255]))
    if kind == "deep":
        return Image.fromarray(np.where(ink, 300, 65_000 + place).astype(np.uint16))
    return Image.fromarray((ink * 255).astype(np.uint8))


def own(folder: Path, kind: str) -> Path:
    """A folder like those of the cases, where these are not."""
    for place in range(40):
        name = ("bar", "beam")[place % 2]
        path = folder / kind / name / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(kind, name == "beam", place // 2).save(path)
    return folder / kind


async def test_what_was_trained_on_is_answered_and_as_training_saw_it(tmp_path: Path) -> None:
    folders = {kind: own(tmp_path / "own", kind) for kind in ("alpha", "deep")}
    if CASES.is_dir():
        places = (CASES / "01" / "logos", CASES / "01" / "greyalpha", CASES / "33" / "rgb16")
        folders |= {place.name: place for place in places}
    store = tmp_path / "store"
    models = {kind: fitted(store, "mlp-mc_dropout", folder) for kind, folder in folders.items()}
    settings = Settings(store=store, default_model=models["alpha"][0], drain_seconds=0.0)
    app = create_app(settings, Registry(store, TorchLoader("cpu", settings.draw_cache_bytes, settings.seed)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        while app.state.runtime.phase == "loading":
            await app.state.runtime.batcher.run_on_device(lambda: None)
        for kind, (name, dataset) in models.items():
            files = sorted(folders[kind].rglob("*.png"))[:6]
            form = [("data", (path.name, path.read_bytes())) for path in files]  # as curl -F data=@a.png -F data=@b.png
            together = await client.post(f"/predict?model={name}", files=form)
            assert together.status_code == 200, together.text
            assert len(together.json()["label"]) == len(files)
            rows = data.load(str(folders[kind])).train.inputs.flatten(1)
            assert float(rows.std(0).max()) > 0, "training saw pictures that are all alike"
            assert dataset.inputs.high == (65_535 if kind in ("deep", "rgb16") else 255)
            as_numbers = await client.post(f"/predict?model={name}", json={"inputs": rows[:1].tolist()})
            sent = await send_row(client, name, folders[kind], rows[0].numpy(), dataset)
            assert sent["mean"] == as_numbers.json()["mean"]
        if CASES.is_dir():
            pair = [("data", (path.name, path.read_bytes())) for path in sorted((CASES / "19").glob("*.png"))]
            answer = await client.post(f"/predict?model={models['greyalpha'][0]}", files=pair)
            assert (answer.status_code, len(answer.json()["label"])) == (200, 2)


async def send_row(
    client: httpx.AsyncClient, name: str, folder: Path, row: np.ndarray, dataset: data.Dataset
) -> dict[str, object]:
    """Send the file that a training row was read from, and return the answer."""
    for path in sorted(folder.rglob("*.png")):
        sent, _ = row_from_picture(path.read_bytes(), form_of(dataset.inputs), Limits(10_000, 10_000))
        if np.array_equal(sent.ravel(), row):
            answer: dict[str, object] = (
                await client.post(f"/predict?model={name}", content=path.read_bytes(), headers=MEDIA)
            ).json()
            return answer
    raise AssertionError("no file gives the row that training saw")


def test_black_and_white_masks_are_two_classes(tmp_path: Path) -> None:
    folder = CASES / "31" / "seg_0255"
    if not folder.is_dir():
        folder = tmp_path / "seg"
        for place in range(24):
            for part, kind in (("train", "plain"), ("trainannot", "plain")):
                path = folder / part / f"{place}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                drawn(kind, False, place).save(path)
    for options in ({}, {"ignore": 7}):
        dataset = data.load(str(folder), options=Options(**options))  # type: ignore[arg-type]
        assert dataset.outputs is not None
        assert (dataset.outputs.task, dataset.outputs.names) == ("segmentation", ("0", "255"))
        assert "both values are classes" in dataset.notes[0]
    named = data.load(str(folder), options=Options(classes="road=255,sky=0")).outputs
    assert named is not None
    assert named.names == ("road", "sky")


def test_a_folder_of_another_depth_and_no_stated_background_is_measured_as_the_model_sees_it(tmp_path: Path) -> None:
    eight, sixteen = (own(tmp_path, kind) for kind in ("alpha", "deep"))
    black = data.load(str(eight), options=Options(background="#ffffff", size=(8, 8)))
    deep = data.load(str(sixteen), options=Options(size=(8, 8)))
    assert black.outputs is not None
    seen = read_whole(sixteen, Options(), black.inputs, black.outputs)
    assert seen.inputs.high == 255
    assert float(seen.test.inputs.max()) == pytest.approx(float(deep.test.inputs.max()) / 257, abs=1)
    assert "scaled to the model's 0 to 255" in seen.notes[-1]
    assert read_whole(eight, Options(), deep.inputs, black.outputs).inputs.high == 65_535
    refusing = msgspec.structs.replace(black.inputs, picture=PictureSpec(None))
    with pytest.raises(DataError, match="is transparent in places"):
        read_whole(eight, Options(), refusing, black.outputs)
    on_red = msgspec.structs.replace(black.inputs, picture=PictureSpec("#ff0000"))
    assert read_whole(eight, Options(), on_red, black.outputs).test.inputs.max() < 100
