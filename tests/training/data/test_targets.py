"""Targets: classes where they are classes, numbers where they are numbers, and every doubtful choice said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import data
from training.data import Dataset, Options
from training.errors import DataError

N = 80


@pytest.fixture
def load(csv_file):
    """Loads a table with targets of the test's."""

    def load(targets: dict[str, list[object]], **options: object) -> Dataset:
        lines = [",".join(["x", *targets])]
        lines += [
            ",".join([f"{i * i % 71}.5", *map(str, row)]) for i, row in enumerate(zip(*targets.values(), strict=True))
        ]
        return data.load(str(csv_file(*lines)), options=Options(**({"target": tuple(targets)} | options)))

    return load


CLASSES: dict[str, tuple[list[object], tuple[str, ...]]] = {
    "0 and 1": ([i % 2 for i in range(N)], ("0", "1")),
    "0.0 and 1.0": ([float(i % 2) for i in range(N)], ("0", "1")),
    "1 and 2": ([1 + i % 2 for i in range(N)], ("1", "2")),
    "yes and no": ([("yes", "no")[i % 2] for i in range(N)], ("no", "yes")),
    "true and false": ([bool(i % 2) for i in range(N)], ("False", "True")),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_two_values_are_classes(kind: str, load) -> None:
    values, names = CLASSES[kind]
    dataset = load({"y": values})
    assert (dataset.outputs.task, dataset.outputs.names) == ("classification", names)
    assert any("taken for classes; --task regression" in note for note in dataset.notes) == names[0].isdecimal()
    if names[0].isdecimal():
        assert load({"y": values}, task="regression").outputs.task == "regression"


def test_ratings_are_numbers_and_said(load) -> None:
    ratings = [1 + i % 5 for i in range(N)]
    dataset = load({"y": ratings})
    assert dataset.outputs.task == "regression"
    assert dataset.notes[0].startswith(
        "target 'y' has 5 different whole numbers, which are predicted as numbers; --task"
    )
    assert load({"y": ratings}, task="classification").outputs.names == ("1", "2", "3", "4", "5")
    assert load({"y": [i / 8 for i in range(N)]}).notes == ()


def test_several_targets_are_one_regression(load) -> None:
    several = {"price": [i / 2 for i in range(N)], "rent": [i / 8 for i in range(N)]}
    for target in (("price", "rent"), ("price,rent",), "price, rent"):
        dataset = load(several, target=target)
        assert (dataset.outputs.names, dataset.inputs.names) == (("price", "rent"), ("x",))
        assert torch.allclose(dataset.train.targets[:, 0], 4 * dataset.train.targets[:, 1])
    assert dataset.inputs.table.targets == ("price", "rent")


def test_a_column_with_a_comma_in_its_name_is_one(csv_file) -> None:
    path = csv_file('x,"price, EUR"', *(f"{i * i % 71},{i}" for i in range(N)))
    assert data.load(str(path), options=Options(target=("price, EUR",))).outputs.names == ("price, EUR",)


REFUSED: dict[str, tuple[dict[str, list[object]], dict[str, object], str]] = {
    "kinds that differ": (
        {"a": list(range(N)), "b": ["u", "v"] * 40},
        {},
        "fit a model for each target of classes, such as 'b'",
    ),
    "classes that are several": ({"a": [0, 1] * 40, "b": [1, 0] * 40}, {}, "two different numbers each, as classes do"),
    "several as classes": (
        {"a": list(range(N)), "b": list(range(N))},
        {"task": "classification"},
        "several targets are numbers",
    ),
    "one class": ({"y": ["u"] * N}, {}, "has one class only, 'u'"),
    "one number": ({"y": [5] * N}, {}, "is 5 in every training row: there is nothing to predict"),
    "no value": ({"y": [""] * N}, {}, "no training row has a value"),
    "a typo": ({"price": list(range(N))}, {"target": "prise"}, "did you mean 'price'"),
    "beyond float32": ({"y": [2**53 + i for i in range(N)]}, {}, "float32 cannot tell its values apart"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_targets_that_cannot_be_are_refused(kind: str, load) -> None:
    targets, options, said = REFUSED[kind]
    with pytest.raises(DataError, match=said):
        load(targets, **options)


def test_classes_of_few_rows_are_said(load) -> None:
    dataset = load({"y": ["rare" if i in (3, 9) else "ab"[i % 2] for i in range(N)]})
    assert "classes with fewer than 5 rows, on which no figure means much: rare (2)" in dataset.notes


def test_arrays_of_0_and_1_and_one_hots_are_classes(tmp_path: Path) -> None:
    x, labels = np.random.default_rng(0).normal(size=(N, 3)), np.arange(N) % 3
    path = tmp_path / "a.npz"

    def load_npz(y: np.ndarray, **options: object) -> Dataset:
        np.savez(path, x=x, y=y)
        return data.load(str(path), options=Options(**options))

    one_hot = load_npz(np.eye(3)[labels])
    assert (one_hot.outputs.task, one_hot.outputs.names) == ("classification", ("0", "1", "2"))
    assert one_hot.notes == (
        "targets are one 1 among 0 (one-hot), taken for 3 classes; --task regression takes them as numbers",
    )
    assert load_npz(np.eye(3)[labels], task="regression").outputs.size == 3
    assert load_npz((labels > 1).astype(np.float32)[:, None]).outputs.names == ("0", "1")
    assert load_npz(labels).notes == (
        "targets are whole numbers, taken for 3 classes; --task regression takes them as numbers",
    )
    assert load_npz(labels / 3).notes == ()
    names = load_npz(np.random.default_rng(0).normal(size=(N, 2)), target=("up", "down")).outputs.names
    assert names == ("up", "down")


NO_CLASSES: dict[str, tuple[list[object], str]] = {
    "dates": ([f"2024-01-{1 + i % 28:02}" for i in range(N)], "80 cells are a date: .*; write a number, such as days"),
    "texts of their own": ([f"{i} kg" for i in range(N)], "has 80 different texts in 80 rows; if they hold numbers"),
}


@pytest.mark.parametrize("kind", NO_CLASSES)
def test_texts_that_nobody_means_for_classes_are_refused(kind: str, load) -> None:
    values, said = NO_CLASSES[kind]
    with pytest.raises(DataError, match=f"{said}.*; if they are classes all the same, say --task classification"):
        load({"y": values})


def test_classes_that_one_hand_wrote_in_two_ways_are_said(load) -> None:
    said = "classes that differ only in case, spaces or the form of accents: 'Yes', 'yes'"
    assert said in load({"y": [("yes", "Yes", "no")[i % 3] for i in range(N)]}).notes
    assert load({"y": [("yes", "no")[i % 2] for i in range(N)]}).notes == ()
