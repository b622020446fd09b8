"""Masks as people have them: values, one bit, palettes and colours, and what is said where classes are unclear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import data
from training.data import Dataset, Options
from training.errors import DataError

LABELS = np.arange(48).reshape(6, 8) // 24
"""The upper half of every mask is class 0, the lower half class 1."""
ROAD, SKY = (128, 64, 128), (70, 130, 180)

Write = Callable[[Callable[[np.ndarray], Image.Image]], Path]


def load(path: Path, **options: object) -> Dataset:
    return data.load(str(path), options=Options(**options))  # type: ignore[arg-type]


def grey(*values: int, dtype: type = np.uint8) -> Callable[[np.ndarray], Image.Image]:
    return lambda labels: Image.fromarray(np.array(values, dtype)[labels])


def one_bit(labels: np.ndarray) -> Image.Image:
    return Image.fromarray(labels.astype(bool))


def colours(*shown: tuple[int, ...]) -> Callable[[np.ndarray], Image.Image]:
    return lambda labels: Image.fromarray(np.array(shown, np.uint8)[labels])


def palette(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8)).convert("P")
    image.putpalette([*ROAD, *SKY])
    return image


@pytest.fixture
def streets(tmp_path: Path, picture: Callable[..., Path]) -> Write:
    """Writes twenty-four pictures, and the masks that a function of their labels returns."""

    def write(mask: Callable[[np.ndarray], Image.Image]) -> Path:
        for i in range(24):
            picture(tmp_path / "streets" / "train" / f"{i:02}.png")
            path = tmp_path / "streets" / "trainannot" / f"{i:02}.png"
            path.parent.mkdir(exist_ok=True)
            mask(LABELS).save(path)
        return tmp_path / "streets"

    return write


UNDERSTOOD = {
    "0 and 255": (grey(0, 255), ("0", "255"), "0 (576 pixels) is '0', 255 (576 pixels) is '255'"),
    "0 and 65535": (grey(0, 65535, dtype=np.uint16), ("0", "65535"), "The masks are black and white"),
    "one bit": (one_bit, ("0", "255"), "The masks are black and white, so both values are classes"),
    "black and white in RGB": (colours((0, 0, 0), (255, 255, 255)), ("0", "255"), "The masks are black and white"),
    "0 and 1": (grey(0, 1), ("0", "1"), ""),
    "0 and 1 in RGB": (colours((0, 0, 0), (1, 1, 1)), ("0", "1"), ""),
    "indices of a palette": (palette, ("0", "1"), ""),
    "colours": (
        colours(ROAD, SKY),
        ("#4682b4", "#804080"),
        "Each colour of the masks is a class: #4682b4 (576 pixels), #804080 (576 pixels). To name them: --classes"
        " NAME=#4682b4,NAME=#804080; --ignore leaves one out.",
    ),
    "opaque colours with alpha": (colours((*ROAD, 255), (*SKY, 255)), ("#4682b4", "#804080"), "Each colour"),
}


@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_two_classes_are_found_and_said(kind: str, streets: Write) -> None:
    mask, names, said = UNDERSTOOD[kind]
    dataset = load(streets(mask))
    assert dataset.outputs is not None
    assert (dataset.outputs.task, dataset.outputs.names) == ("segmentation", names)
    expected = 1 - LABELS if names[0] == "#4682b4" else LABELS
    assert (dataset.train.targets.numpy() == expected).all()
    assert said in " ".join(dataset.notes)
    assert bool(said) == bool(dataset.notes)


@pytest.mark.parametrize(
    ("mask", "classes", "order"),
    [
        (grey(0, 255), "road=255,sky=0", (1, 0)),
        (grey(7, 200), "sky=7, road=200", (0, 1)),
        (one_bit, "sky=0,road=255", (0, 1)),
        (colours(SKY, ROAD), "road=#804080,sky=#4682b4", (1, 0)),
        (colours(SKY, ROAD), "sky=70/130/180,road=128/64/128", (0, 1)),
        (palette, "road=#804080,sky=#4682b4", (0, 1)),
        (palette, "road=0,sky=1", (0, 1)),
    ],
)
def test_classes_are_named_by_value_or_colour(
    mask: object, classes: str, order: tuple[int, int], streets: Write
) -> None:
    dataset = load(streets(mask), classes=classes)  # type: ignore[arg-type]
    assert dataset.outputs is not None
    names = [item.split("=")[0].strip() for item in classes.split(",")]
    assert dataset.outputs.names == tuple(names)
    assert (dataset.train.targets.numpy() == np.array(order)[LABELS]).all()
    assert dataset.outputs.ignore in (None, 255)
    assert f"--classes '{classes}'" in dataset.arguments or f"--classes {classes}" in dataset.arguments


def test_void_pixels_belong_to_no_class(streets: Write) -> None:
    three = np.arange(48).reshape(6, 8) // 16

    def with_void(*values: int) -> Callable[[np.ndarray], Image.Image]:
        return lambda _: grey(*values)(three)

    for options in ({}, {"ignore": 255}, {"classes": "a=0,b=1"}):
        dataset = load(streets(with_void(0, 1, 255)), **options)
        assert dataset.outputs is not None
        assert (dataset.outputs.size, dataset.outputs.ignore) == (2, 255)
        assert (dataset.train.targets == 255).float().mean() == pytest.approx(1 / 3)
        assert "Pixels of the masks with the value 255 (384 pixels) are void." in dataset.notes
    black = load(
        streets(lambda _: colours(ROAD, SKY, (0, 0, 0))(three)), ignore="#000000", classes="a=#804080,b=#4682b4"
    )
    assert black.outputs is not None
    assert (black.outputs.names, black.outputs.ignore) == (("a", "b"), 255)
    grey_void = load(streets(with_void(0, 7, 255)), ignore=7)
    unused = "No training mask has a pixel of the value 9, which --ignore names."
    assert (unused in load(streets(with_void(0, 1, 2)), ignore=9).notes, unused in grey_void.notes) == (True, False)
    assert grey_void.outputs is not None
    assert (grey_void.outputs.names, grey_void.outputs.ignore) == (("0", "255"), 255)


def test_two_lines_of_classes_txt_name_black_and_white(streets: Write) -> None:
    folder = streets(grey(0, 255))
    (folder / "classes.txt").write_text("sky\nroad\n")
    dataset = load(folder)
    assert dataset.outputs is not None
    assert dataset.outputs.names == ("sky", "road")
    assert "255 (576 pixels) is 'road'" in dataset.notes[0]
    with pytest.raises(DataError, match=r"has a classes\.txt, and --classes names the classes too"):
        load(folder, classes="a=0,b=255")


REFUSED = {
    "255 alone is void": (
        grey(0, 255),
        {"ignore": 255},
        "streets: its training masks have 1 class besides the void, 255; at least two are needed. The training masks"
        " have 0 (576 pixels), 255 (576 pixels); --classes NAME=VALUE,... names them, --ignore VALUE is the void",
    ),
    "values with gaps": (
        grey(3, 128),
        {},
        "streets: a training mask has the label 128, but none has 0; number the classes from 0, or name them: --classes"
        " NAME=3,NAME=128 (or a line each, from 0, in classes.txt). The training masks have 3 (576 pixels), 128 (576"
        " pixels)",
    ),
    "a value without a name": (
        grey(3, 128),
        {"classes": "a=3,b=9"},
        "streets: --classes does not name 128 (576 pixels): name them too, or give one of them to --ignore. The"
        " training masks have 3 (576 pixels), 128 (576 pixels)",
    ),
    "a name without a pixel": (
        grey(3, 128),
        {"classes": "a=3,b=128,c=5"},
        "streets: no training mask has the class 'c'. The training masks have 3 (576 pixels), 128 (576 pixels)",
    ),
    "a value twice": (grey(0, 1), {"classes": "a=0,b=0"}, "--classes names 0 twice: 'a' and 'b'"),
    "no name": (
        grey(0, 1),
        {"classes": "a=0,=1"},
        "--classes has '1'; allowed is NAME=VALUE,NAME=VALUE with numbers or colours #rrggbb",
    ),
    "numbers beside colours": (
        grey(0, 1),
        {"classes": "a=0,b=#ffffff"},
        "--classes names '0' beside colours: allowed are only numbers, or only colours",
    ),
    "no colour": (
        grey(0, 1),
        {"classes": "a=0/0/300,b=#ffffff"},
        "'0/0/300' is neither a value nor a colour of masks; allowed are whole numbers, #rrggbb and 128/64/128",
    ),
    "transparent": (
        colours((*ROAD, 255), (*SKY, 9)),
        {},
        "streets/trainannot/00.png is transparent in places; save masks without an alpha channel",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_decided_shows_the_values_and_the_option(case: str, streets: Write) -> None:
    mask, options, said = REFUSED[case]
    with pytest.raises(DataError) as caught:
        load(streets(mask), **options)  # type: ignore[arg-type]
    assert str(caught.value) == said


def test_blurred_colours_are_no_classes(streets: Write) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 6, 8, 3), np.uint8)
    shown = iter(noise)
    with pytest.raises(DataError, match=r"^streets: its masks have 1152 colours, which may be blurred edges"):
        load(streets(lambda _: Image.fromarray(next(shown))))


def test_a_jpeg_under_another_name_is_refused_with_the_reason(streets: Write) -> None:
    folder = streets(grey(0, 1))
    Image.fromarray(LABELS.astype(np.uint8)).save(folder / "trainannot" / "03.png", "JPEG")
    with pytest.raises(DataError, match=r"^streets/trainannot/03\.png is saved with losses \(JPEG, WebP\)"):
        load(folder)


LAYOUTS = {
    "images and masks": [("images", "masks", 24)],
    "images/train and masks/train": [("images/train", "masks/train", 24), ("images/val", "masks/val", 6)],
    "train/images and train/masks": [
        ("train/images", "train/masks", 24),
        ("valid/images", "valid/masks", 6),
        ("test/images", "test/masks", 6),
    ],
    "imgs and labels": [("imgs", "labels", 24)],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_and_masks_lie_in_any_usual_layout(layout: str, tmp_path: Path, picture: Callable[..., Path]) -> None:
    for images, masks, count in LAYOUTS[layout]:
        for i in range(count):
            picture(tmp_path / "s" / images / f"{i:02}.jpg")
            path = tmp_path / "s" / masks / f"{i:02}_mask.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            grey(0, 1)(LABELS).save(path)
    dataset = load(tmp_path / "s")
    parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
    assert sum(len(part.inputs) for part in parts) == sum(count for _, _, count in LAYOUTS[layout])
    if len(LAYOUTS[layout]) > 1:
        assert len(dataset.test.inputs) == 6
    next((tmp_path / "s" / LAYOUTS[layout][0][1]).iterdir()).unlink()
    with pytest.raises(DataError, match=r" has no mask s/.*_mask\.png$"):
        load(tmp_path / "s")
