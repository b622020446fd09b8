"""Folders of images: classes, masks, sizes, and refusals that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.pictures import PictureSpec
from training import data
from training.data import Dataset, Options
from training.errors import DataError


def load(path: Path, **options: object) -> Dataset:
    return data.load(str(path), options=Options(**options))


@pytest.fixture
def pets(tmp_path: Path, picture) -> Path:
    for i in range(24):
        picture(tmp_path / "pets" / ("cat", "dog")[i % 2] / f"{i:02}.png")
    return tmp_path / "pets"


@pytest.fixture
def streets(tmp_path: Path, picture) -> Path:
    """Twenty-four pictures to train with and four to validate, whose masks have classes 0 to 2, and void 255."""
    for part, count in (("train", 24), ("val", 4)):
        for i in range(count):
            picture(tmp_path / "streets" / part / f"{i:02}.jpg")
            labels = (np.arange(48, dtype=np.uint8).reshape(6, 8) + i) % 3
            labels[0, 0] = 255
            picture(tmp_path / "streets" / f"{part}annot" / f"{i:02}.png", pixels=labels)
    return tmp_path / "streets"


def test_folders_are_classes_and_pictures_keep_their_raw_values(pets: Path) -> None:
    (pets / ".hidden").mkdir()
    (pets / "cat" / ".DS_Store").write_text("")
    dataset = load(pets)
    assert (dataset.name, dataset.outputs.names) == ("pets", ("cat", "dog"))
    assert (dataset.inputs.shape, dataset.inputs.low, dataset.inputs.high) == ((3, 6, 8), 0, 255)
    pixels = torch.from_numpy(np.array(Image.open(pets / "cat" / "00.png"))).permute(2, 0, 1).float()
    everything = torch.cat(
        [split.inputs for split in (dataset.train, dataset.validation, dataset.calibration, dataset.test)]
    )
    assert int((everything == pixels).flatten(1).all(1).sum()) == 1
    assert len(everything) == 24


def test_grey_pictures_have_one_channel_and_numbers_are_ordered_as_such(tmp_path: Path, picture) -> None:
    for i in range(36):
        picture(tmp_path / "n" / str((9, 10, 8)[i % 3]) / f"{i:02}.png", mode="L")
    dataset = load(tmp_path / "n")
    assert (dataset.inputs.shape, dataset.outputs.names) == ((1, 6, 8), ("8", "9", "10"))


def test_a_size_makes_pictures_alike(pets: Path, picture) -> None:
    picture(pets / "cat" / "99.png", (12, 10))
    assert load(pets, size=(3, 4)).inputs.shape == (3, 3, 4)
    with pytest.raises(DataError) as caught:
        load(pets)
    assert str(caught.value) == (
        "pets/cat/99.png is 12x10 pixels, pets/cat/00.png is 6x8 (height x width): all must be of one size, or give"
        " --size HxW to resize them"
    )


def test_parts_in_folders_stay_apart(tmp_path: Path, picture) -> None:
    for part, count in (("train", 24), ("test", 4)):
        for i in range(count):
            picture(tmp_path / "p" / part / ("cat", "dog")[i % 2] / f"{part}{i}.png")
    assert [len(s.inputs) for s in (load(tmp_path / "p").train, load(tmp_path / "p").test)] == [20, 4]
    assert [load(folder).test_name for folder in (tmp_path / "p", tmp_path / "p" / "train")] == [
        "test split",
        "held-out fifth",
    ]
    picture(tmp_path / "p" / "test" / "emu" / "0.png")
    with pytest.raises(
        DataError, match=r"^p/test/emu: the class 'emu' is in test only; classes of train are: cat, dog$"
    ):
        load(tmp_path / "p")


def spoil(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


PETS_REFUSED = {
    "text": (
        "cat/a.txt",
        b"",
        "pets/cat/a.txt is not a picture; in pets/cat only .png, .jpg, .jpeg, .webp, .bmp, .gif, .tif,"
        " .tiff are allowed",
    ),
    "unreadable": ("cat/a.png", b"no", "pets/cat/a.png is not a whole PNG, JPEG, WebP, BMP, GIF or TIFF picture"),
}


@pytest.mark.parametrize("mistake", PETS_REFUSED)
def test_what_is_no_picture_is_refused(mistake: str, pets: Path) -> None:
    name, content, said = PETS_REFUSED[mistake]
    spoil(pets / name, content)
    with pytest.raises(DataError) as caught:
        load(pets)
    assert str(caught.value) == said


def test_a_picture_of_too_many_pixels_is_refused(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (40, 20):  # of 48 pixels: Pillow only warns of less than twice as many
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(DataError, match=rf"^pets/cat/00\.png has more than {most} pixels; make it smaller$"):
            load(pets)


def test_a_damaged_a_deep_and_no_picture_are_refused(pets: Path, tmp_path: Path) -> None:
    whole = (pets / "cat" / "00.png").read_bytes()
    (pets / "cat" / "00.png").write_bytes(whole[:-60])
    with pytest.raises(DataError, match=r"^pets/cat/00\.png is damaged: "):
        load(pets)
    Image.fromarray(np.zeros((6, 8), np.float32)).save(pets / "cat" / "00.png", "TIFF")
    with pytest.raises(
        DataError, match=r"^pets/cat/00\.png has pixels of a kind that is not read \(F, F;32F\); allowed"
    ):
        load(pets)
    (pets / "emu").mkdir()
    with pytest.raises(DataError, match=r"^pets/emu has no picture; \.png, \.jpg, "):
        load(pets)
    (tmp_path / "one" / "class").mkdir(parents=True)
    (tmp_path / "one" / "class" / "a.png").write_bytes(whole)
    with pytest.raises(DataError, match="one has 1 folders of pictures; at least two classes are needed"):
        load(tmp_path / "one")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none is a folder of no known layout; known are: a table; an NPZ file; "):
        load(tmp_path / "none")


def test_masks_give_every_pixel_its_class(streets: Path) -> None:
    dataset = load(streets)
    assert (dataset.outputs.task, dataset.outputs.names, dataset.outputs.ignore) == (
        "segmentation",
        ("0", "1", "2"),
        255,
    )
    assert dataset.train.targets[0].unique().tolist() == [0, 1, 2, 255]
    assert [len(s.inputs) for s in (dataset.train, dataset.validation, dataset.calibration, dataset.test)] == [
        22,
        1,
        1,
        4,
    ]
    (streets / "classes.txt").write_text("road\nsky\ntree\n")
    assert load(streets).outputs.names == ("road", "sky", "tree")
    small = load(streets, size=(3, 4))
    assert small.inputs.shape == (3, 3, 4)
    assert set(small.train.targets.unique().tolist()) <= {0, 1, 2, 255}


def test_a_void_among_the_classes_makes_room(streets: Path) -> None:
    for mask in streets.glob("*annot/*.png"):
        labels = np.array(Image.open(mask))
        Image.fromarray(np.where(labels == 255, 1, labels)).save(mask)
    dataset = load(streets, ignore=1)
    assert (dataset.outputs.names, dataset.outputs.ignore) == (("0", "2"), 255)
    assert dataset.train.targets.unique().tolist() == [0, 1, 255]


def test_eleven_is_void_where_it_is_the_largest_as_in_camvid(streets: Path) -> None:
    mask = streets / "trainannot" / "00.png"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) % 12).save(mask)
    dataset = load(streets)
    assert (dataset.outputs.size, dataset.outputs.ignore) == (11, 11)
    assert load(streets, ignore=255).outputs.size == 12


def save(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def rename(path: Path) -> None:
    path.rename(path.with_name("zz.png"))


STREETS_REFUSED = {
    "label beyond": (
        lambda p: save(p / "valannot/00.png", np.full((6, 8), 7, np.uint8)),
        "streets/valannot/00.png has the label 7; labels are 0 to 2, 255, the void included: those of the training"
        " masks, of classes.txt or --classes, and --ignore",
    ),
    "mask of another size": (
        lambda p: save(p / "valannot/00.png", np.zeros((3, 8), np.uint8)),
        "streets/valannot/00.png is 3x8 pixels, its picture streets/val/00.jpg 6x8 (height x width)",
    ),
    "coloured mask": (
        lambda p: save(p / "valannot/00.png", np.full((6, 8, 3), (9, 0, 0), np.uint8)),
        "streets/valannot/00.png has the label #090000; labels are #000000, #010101, #020202, #ffffff, the void"
        " included: those of the training masks, of classes.txt or --classes, and --ignore",
    ),
    "picture without mask": (
        lambda p: (p / "valannot/00.png").unlink(),
        "streets/val/00.jpg has no mask streets/valannot/00.png",
    ),
    "mask without picture": (
        lambda p: (p / "val/00.jpg").unlink(),
        "streets/valannot/00.png is a mask without a picture in streets/val",
    ),
    "masks without pictures": (
        lambda p: (p / "val").rename(p / "other"),
        "streets/valannot is there without streets/val; pictures and masks go together",
    ),
    "pictures without masks": (
        lambda p: (p / "valannot").rename(p / "other"),
        "streets/val is there without streets/valannot; pictures and masks go together",
    ),
    "mask with losses": (
        lambda p: save(p / "valannot/00.jpg", np.zeros((6, 8), np.uint8)),
        "streets/valannot/00.jpg is saved with losses (JPEG, WebP), which change the values that tell classes"
        " apart: save masks as PNG",
    ),
    "names twice": (
        lambda p: (p / "classes.txt").write_text("a\na\n"),
        "streets/classes.txt names 2 classes, 1 of them different",
    ),
    "a class that is tested only": (
        lambda p: [
            save(mask, np.full((6, 8), i % 2 * 2, np.uint8)) for i, mask in enumerate((p / "trainannot").iterdir())
        ],
        "streets: a training mask has the label 2, but none has 1; number the classes from 0, or name them:"
        " --classes NAME=0,NAME=2 (or a line each, from 0, in classes.txt). The training masks have 0 (576 pixels), 2"
        " (576 pixels)",
    ),
    "one value": (
        lambda p: [save(mask, np.zeros((6, 8), np.uint8)) for mask in p.glob("*annot/*")],
        "streets: its training masks have 1 class; at least two are needed. The training masks have 0 (1152 pixels);"
        " --classes NAME=VALUE,... names them, --ignore VALUE is the void",
    ),
    "names that are no text": (
        lambda p: (p / "classes.txt").write_bytes(b"a\nb\xff\n"),
        "streets/classes.txt is not text in UTF-8: byte 3 is not valid",
    ),
    "no training part": (
        lambda p: [(p / name).rename(p / f"old{name}") for name in ("train", "trainannot")],
        "streets has no folder train with its masks in trainannot",
    ),
}


@pytest.mark.parametrize("mistake", STREETS_REFUSED)
def test_masks_that_cannot_be_are_refused_to_the_letter(mistake: str, streets: Path) -> None:
    spoiling, said = STREETS_REFUSED[mistake]
    spoiling(streets)
    with pytest.raises(DataError) as caught:
        load(streets)
    assert str(caught.value) == said


def test_camvid_is_read_as_it_is_published(shared: Path) -> None:
    dataset = load(shared / "camvid", size=(45, 60))
    assert (dataset.outputs.size, dataset.outputs.ignore, dataset.inputs.shape) == (11, 11, (3, 45, 60))
    assert [len(s.inputs) for s in (dataset.train, dataset.validation, dataset.calibration, dataset.test)] == [
        331,
        18,
        18,
        101,
    ]
    assert dataset.test_name == "validation split (there is no test split)"


def transparent(folder: Path, ink: int, count: int = 24) -> Path:
    """Strokes of a colour on nothing, in two classes."""
    for i in range(count):
        path = folder / ("bar", "beam")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        stroke = np.zeros((6, 8), np.uint8)
        stroke[i % 6] = 255
        Image.fromarray(np.dstack([np.full((6, 8, 3), ink, np.uint8), stroke])).save(path)
    return folder


def test_transparent_pictures_show_a_background_that_is_said_and_recorded(tmp_path: Path) -> None:
    black_ink = transparent(tmp_path / "black", 0)
    dataset = load(black_ink)
    assert (dataset.train.inputs[0].min(), dataset.train.inputs[0].max()) == (0, 255)
    assert dataset.inputs.picture == PictureSpec("#ffffff")
    assert dataset.notes == ("24 of 24 pictures have an alpha channel or a transparent colour: composited on #ffffff.",)
    with pytest.raises(DataError, match=r"^black/bar/00\.png is transparent in places; allowed are opaque ones$"):
        load(black_ink, alpha="refuse")
    with pytest.raises(DataError, match="--background and --alpha refuse exclude each other"):
        load(black_ink, alpha="refuse", background="#000000")


def test_pictures_that_show_nothing_on_their_background_are_noticed(tmp_path: Path) -> None:
    white_ink = transparent(tmp_path / "white", 255)
    with pytest.raises(DataError) as caught:
        load(white_ink)
    assert str(caught.value) == (
        "24 of 24 transparent pictures, such as white/bar/00.png, are of one colour on the background #ffffff: what"
        " they show has that colour; give another --background, such as black"
    )
    assert load(white_ink, background="#000000").inputs.picture == PictureSpec("#000000")
    Image.open(transparent(tmp_path / "grey", 9, 2) / "bar" / "00.png").save(white_ink / "bar" / "00.png")
    assert load(white_ink).notes[-1] == (
        "23 of 24 transparent pictures, such as white/bar/02.png, are of one colour on the background #ffffff."
    )


def test_pictures_side_by_side_are_for_generators(tmp_path: Path, picture) -> None:
    for i in range(24):
        picture(tmp_path / "flat" / f"{i:02}.png")
    dataset = load(tmp_path / "flat")
    assert (dataset.outputs, dataset.inputs.shape) == (None, (3, 6, 8))
    parts = (dataset.train, dataset.validation, dataset.calibration, dataset.test)
    assert sum(len(part.inputs) for part in parts) == 24
