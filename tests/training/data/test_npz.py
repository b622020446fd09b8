"""NPZ files: every layout, and refusals that name what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import data
from training.data import Dataset, Options
from training.errors import DataError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
IMAGES = RANDOM.integers(0, 256, (60, 4, 6), np.uint8)
LABELS = np.arange(60) % 3


@pytest.fixture
def npz(tmp_path: Path):
    def load(options: Options | None = None, **arrays: object) -> Dataset:
        np.savez(tmp_path / "a.npz", **arrays)
        return data.load(str(tmp_path / "a.npz"), options=options or Options())

    return load


def test_tables_images_and_sequences_are_told_by_their_shape(npz) -> None:
    table = npz(x=X, y=X[:, 0])
    assert (table.inputs.kind, table.inputs.names, table.outputs.names) == ("table", ("x0", "x1", "x2"), ("y",))
    assert npz(x=X, y=X, names=["a", "b", "c"]).inputs.names == ("a", "b", "c")
    grey = npz(inputs=IMAGES, targets=LABELS)
    assert (grey.inputs.kind, grey.inputs.shape, grey.inputs.high) == ("image", (1, 4, 6), 255)
    assert (grey.outputs.task, grey.outputs.names) == ("classification", ("0", "1", "2"))
    coloured = npz(x=RANDOM.random((60, 4, 6, 3)), y=np.array(["cat", "dog"])[LABELS % 2])
    assert (coloured.inputs.shape, coloured.inputs.high, coloured.outputs.names) == ((3, 4, 6), 1, ("cat", "dog"))
    sequence = npz(x=RANDOM.normal(size=(60, 7, 2)), y=RANDOM.normal(size=(60, 7, 1)))
    assert (sequence.inputs.kind, sequence.inputs.shape, len(sequence.inputs.mean)) == ("sequence", (7, 2), 2)


def test_labels_of_every_pixel_are_a_segmentation(npz) -> None:
    masks = np.where(IMAGES < 20, 255, IMAGES // 128)
    dataset = npz(x=IMAGES, y=masks)
    assert (dataset.outputs.task, dataset.outputs.names, dataset.outputs.ignore) == ("segmentation", ("0", "1"), 255)
    assert dataset.train.targets.unique().tolist() == [0, 1, 255]
    shifted = npz(Options(ignore=0), x=IMAGES, y=1 + IMAGES // 128 - (IMAGES < 20))
    assert (shifted.outputs.names, shifted.outputs.ignore) == (("1", "2"), 255)
    assert "no target is 9, which --ignore names" in npz(Options(ignore=9), x=IMAGES, y=IMAGES // 128).notes
    assert shifted.train.targets.unique().tolist() == [0, 1, 255]


def test_parts_by_name_and_by_row_numbers(npz) -> None:
    named = npz(x_train=X[:50], y_train=X[:50, 0], x_test=X[50:], y_test=X[50:, 0])
    assert torch.equal(named.test.inputs, torch.from_numpy(X[50:]).float())
    numbered = npz(x=X, y=X[:, 0], train=np.arange(50), test=np.arange(50, 60))
    assert torch.equal(numbered.test.inputs, named.test.inputs)
    assert torch.equal(numbered.train.inputs, named.train.inputs)
    validated = npz(x_train=X[:50], y_train=X[:50, 0], x_valid=X[50:], y_valid=X[50:, 0])
    assert torch.equal(validated.test.inputs, named.test.inputs)
    names = [found.test_name for found in (named, numbered, validated, npz(x=X, y=X[:, 0]))]
    assert names == ["test split", "test split", "validation split (there is no test split)", "held-out fifth"]


def test_binary_steps_end_to_end_predict_the_next_step(npz) -> None:
    notes = {part: RANDOM.integers(0, 2, (rows, 4)).astype(np.uint8) for part, rows in (("train", 150), ("test", 10))}
    dataset = npz(train_notes=notes["train"], train_lengths=[3, 7] * 15, test_notes=notes["test"], test_lengths=[4, 6])
    assert (dataset.inputs.kind, dataset.inputs.shape) == ("sequence", (6, 4))
    assert (dataset.inputs.low, dataset.inputs.high, dataset.inputs.scale) == (0, 1, (1,))
    assert (dataset.outputs.task, dataset.outputs.size) == ("multilabel", 4)
    first = torch.from_numpy(notes["test"][:4]).float()
    assert torch.equal(dataset.test.inputs[0, :3], first[:-1])
    assert torch.equal(dataset.test.targets[0, :3], first[1:])
    assert bool(dataset.test.targets[0, 3:].isnan().all())
    assert bool(dataset.test.inputs[0, 3:].isnan().all())


def test_real_steps_are_standardised(npz) -> None:
    dataset = npz(train_values=RANDOM.normal(5, 2, (300, 1)), train_lengths=[10] * 30)
    assert dataset.outputs.task == "regression"
    assert dataset.inputs.mean == pytest.approx((5,), abs=0.5)


REFUSED = {
    "other arrays": ({"a": X}, "a.npz has the arrays a; allowed are x and y"),
    "rows that differ": ({"x": X, "y": LABELS[:9]}, "inputs (60, 3) and targets (9,) do not have the same number"),
    "no row": ({"x": X[:0], "y": LABELS[:0]}, "do not have the same number of rows, or none"),
    "flat inputs": ({"x": X[:, 0], "y": LABELS}, "a.npz: inputs are float64 of shape (60,); allowed are"),
    "the end of shorter sequences": (
        {"x": np.where(np.arange(3) > 1, np.nan, X)[..., None], "y": LABELS},
        "; sequences of different lengths are read from a table whose rows are steps, with --id and --time",
    ),
    "NaN": ({"x": np.where(np.eye(60, 3), np.nan, X), "y": LABELS}, "a.npz: the inputs of row 0 hold NaN or no"),
    "infinite target": ({"x": X, "y": X[:, 0] + np.inf}, "a.npz: the targets of row 0 hold NaN or no"),
    "one class": ({"x": X, "y": LABELS * 0}, "a.npz: its targets have 1 class; at least two are needed"),
    "class of the test only": (
        {"x_train": X, "y_train": LABELS, "x_test": X[:1], "y_test": [7]},
        "a.npz: test has the class 7, which is in no training row; classes are: 0, 1, 2",
    ),
    "row numbers beyond": ({"x": X, "y": LABELS, "train": [0], "test": [60]}, "must be row numbers from 0 to 59"),
    "row numbers twice": ({"x": X, "y": LABELS, "train": [0], "test": [0]}, "none of them twice"),
    "objects": ({"x": np.array([{}]), "y": LABELS}, "a.npz cannot be read as NPZ (arrays of numbers or text)"),
    "lengths that do not add up": ({"train_a": X, "train_lengths": [3]}, "that add up to the steps of train_a"),
    "lengths of nothing": ({"train_lengths": [3]}, "train_lengths goes with one array train_NAME; there are 0"),
    "names that do not fit": (
        {"x": X, "y": LABELS, "names": ["a"]},
        "a.npz: 1 names, 1 of them different, for 3 features",
    ),
    "names twice": ({"x": X, "y": LABELS, "names": list("aba")}, "a.npz: 3 names, 2 of them different, for 3 features"),
    "no feature": ({"x": X[:, :0], "y": LABELS}, "a.npz: inputs of shape (60, 0) hold no numbers"),
    "beyond float32": (
        {"x": X + 1e300, "y": LABELS},
        "a.npz: the inputs of row 0 hold NaN or no finite float32 number",
    ),
    "masks of another size": ({"x": IMAGES, "y": IMAGES[:, :2] % 2}, "labels (2, 6) of a row do not go with image"),
    "targets of another shape": ({"x": X, "y": X[:, None]}, "targets (1, 3) of a row do not go with table rows"),
    "parts of another shape": (
        {"x_train": X, "y_train": LABELS, "x_test": X[:, :2], "y_test": LABELS},
        "a.npz: the rows of train, test differ in shape",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused_in_one_line(mistake: str, npz) -> None:
    arrays, said = REFUSED[mistake]
    with pytest.raises(DataError) as caught:
        npz(**arrays)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_classes_that_are_no_number_are_refused(npz) -> None:
    with pytest.raises(DataError, match=r"^a\.npz: classes of the training rows hold NaN or infinity$"):
        npz(Options(task="classification"), x=X, y=np.where(LABELS == 1, np.nan, LABELS))


def test_bytes_are_names_of_classes(npz) -> None:
    assert npz(x=X, y=np.array([b"a", b"b"] * 30)).outputs.names == ("a", "b")


def test_what_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, x=X, y=LABELS)
    np.save(tmp_path / "alone.npy", X)
    contents = {
        "is no NPZ file": [b"", b"PK nonsense", whole.read_bytes()[:-200], (tmp_path / "alone.npy").read_bytes()],
        "cannot be read as NPZ": [whole.read_bytes().replace(X.tobytes()[:64], X.tobytes()[64:128])],
    }
    for said, damaged in contents.items():
        for content in damaged:
            (tmp_path / "a.npz").write_bytes(content)
            with pytest.raises(DataError, match=rf"^a\.npz {said}"):
                data.load(str(tmp_path / "a.npz"))


def test_real_chorales_keep_their_parts(shared: Path) -> None:
    dataset = data.load(str(shared / "jsb" / "jsb_chorales.npz"))
    assert dataset.inputs.shape == (159, 88)
    assert [len(s.inputs) for s in (dataset.train, dataset.validation, dataset.calibration, dataset.test)] == [
        229,
        38,
        38,
        77,
    ]
    assert int((~dataset.test.targets[..., 0].isnan()).sum()) == 4725 - 77
    assert dataset.test_name == "test split"
