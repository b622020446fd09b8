"""Files of outputs: what is in them is said, and what is not understood is refused with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sent_outputs import class_outputs, target_outputs, written

from models.errors import CredenceError
from training.run.outputs.read import Named, read_outputs

LOGITS = class_outputs(90, 0)
DRAWS = class_outputs(90, 0, draws=3)
MEANS = target_outputs(90, 0)
NAMES = np.array(["ash", "elm", "oak", "yew"])


def test_classes_may_be_names_and_what_was_decided_is_said(tmp_path: Path) -> None:
    named = {**DRAWS, "outcomes": NAMES[DRAWS["outcomes"]]}
    file = read_outputs(written(tmp_path, **named), Named(classes=tuple(NAMES.tolist())))
    assert file.outputs.names == ("ash", "elm", "oak", "yew")
    assert file.targets.tolist() == DRAWS["outcomes"].tolist()
    assert (file.form.draws, file.form.features) == (3, 2)
    plain = read_outputs(written(tmp_path, logits=LOGITS["logits"], outcomes=LOGITS["outcomes"]), Named())
    assert "classes are numbered, 0 to 3" in plain.notes
    assert any(note.startswith("one function") for note in plain.notes)
    assert any(note.startswith("no features") for note in plain.notes)


def test_one_draw_is_one_function(tmp_path: Path) -> None:
    file = read_outputs(written(tmp_path, logits=LOGITS["logits"][None], outcomes=LOGITS["outcomes"]), Named())
    assert file.form.draws == 0
    assert file.notes[0].startswith("logits holds one draw, which is one function")


PROBABILITIES = np.full((90, 4), 0.25)


@pytest.mark.parametrize(
    ("changed", "named", "words"),
    [
        ({"logits": None}, Named(), "the file holds no outputs; give logits, or probabilities, or mean"),
        ({"mean": LOGITS["logits"]}, Named(), "the file holds logits and mean; give logits, or"),
        ({"logitz": LOGITS["logits"]}, Named(), "holds 'logitz'; allowed are .*did you mean 'logits'"),
        ({"outcomes": None}, Named(), "no outcomes; add"),
        ({"outcomes": np.array(3)}, Named(), "outcomes is a single value"),
        ({"outcomes": LOGITS["outcomes"] + 1}, Named(), "allowed are whole numbers from 0 to 3.*counted from 0"),
        ({"outcomes": LOGITS["outcomes"] - 1}, Named(), "is -1; allowed are whole numbers from 0 to 3"),
        ({"outcomes": LOGITS["outcomes"] + 0.5}, Named(), "allowed are whole numbers"),
        ({"outcomes": np.full(90, np.nan)}, Named(), "outcome 0 is nan; allowed are whole numbers"),
        ({"outcomes": np.eye(4)[LOGITS["outcomes"]]}, Named(), r"\(90, 4\); allowed is one class for each row"),
        ({"outcomes": np.zeros(90)}, Named(), "all of one class; give rows of two"),
        ({"outcomes": NAMES[LOGITS["outcomes"]]}, Named(), "outcomes are names; add .* --labels"),
        ({"outcomes": NAMES[LOGITS["outcomes"]]}, Named(("ash", "elm", "oak", "fir")), "the classes are ash, elm"),
        ({"classes": np.array(["", "b", "c", "d"])}, Named(), "an empty name is given; give each of the 4 columns a"),
        ({"classes": NAMES[:3]}, Named(), "3 different names are given for 4 columns"),
        ({"classes": NAMES}, Named(("a", "b", "c", "d")), "--labels and the array classes name other things"),
        ({"classes": np.arange(4)}, Named(), "classes is of type int64; allowed are texts"),
        ({}, Named(("a", "a", "b", "c")), "3 different names are given for 4 columns; give one for each"),
        ({}, Named(targets=("y",)), "--target names the targets of a regression"),
        ({}, Named(task="regression"), "--task regression does not go with logits"),
        ({"logits": LOGITS["logits"][:, :1]}, Named(), r"logits has one column; .*numpy.stack"),
        ({"logits": LOGITS["logits"][:50]}, Named(), r"\(50, 4\); allowed with 90 outcomes is \(90, C\)"),
        ({"logits": DRAWS["logits"].transpose(1, 0, 2)}, Named(), r"draws come first: use transpose\(1, 0, 2\)"),
        ({"logits": LOGITS["logits"][0]}, Named(), r"\(4,\); allowed"),
        ({"logits": np.where(LOGITS["logits"] > 9, np.inf, 0.0)}, Named(), "not allowed, the first at /logits"),
        ({"logits": PROBABILITIES}, Named(), "logits holds probabilities .*: call the array probabilities"),
        ({"logits": LOGITS["logits"].astype("U9")}, Named(), "logits is of type <U9; allowed are integers and floats"),
        ({"logits": np.stack([LOGITS["logits"]] * 3)}, Named(), "all draws are alike, so they are no draws"),
        ({"logits": np.zeros((1001, 90, 4))}, Named(), "1001 draws and 2 features; allowed are at most 1000"),
        ({"features": LOGITS["features"][:80]}, Named(), r"features has shape \(80, 2\); .* is \(90, F\)"),
        ({"features": LOGITS["features"] * np.nan}, Named(), "180 values are not allowed, the first at /features/0/0"),
        ({"variance": LOGITS["logits"]}, Named(), "holds logits and variance"),
    ],
)  # fmt: skip
def test_files_of_classes_that_are_not_understood_are_refused(
    tmp_path: Path, changed: dict[str, Any], named: Named, words: str
) -> None:
    assert_refused(tmp_path, LOGITS | changed, named, words)


@pytest.mark.parametrize(
    ("changed", "named", "words"),
    [
        ({"variance": 0 * MEANS["variance"]}, Named(), "first at /variance/0/0; allowed are variances .above 0"),
        ({"variance": MEANS["variance"][:, 0]}, Named(), None),
        ({"variance": np.ones((90, 2))}, Named(), "give both alike"),
        ({"mean": MEANS["mean"] * np.nan}, Named(), "values are not allowed, the first at /mean/0/0"),
        ({"mean": np.ones((90, 2)), "variance": np.ones((90, 2))}, Named(), r"mean has 2 targets, so \(90, 2\)"),
        ({"outcomes": MEANS["outcomes"] * np.nan}, Named(), "values are not allowed, the first at /outcomes/0/0"),
        ({"outcomes": np.ones(90)}, Named(), "all outcomes of target 0 are 1.0; give rows that differ"),
        ({"outcomes": NAMES[LOGITS["outcomes"]]}, Named(), "outcomes are texts; those of a regression are numbers"),
        ({"classes": NAMES}, Named(), "classes goes with logits; name .* --target"),
        ({}, Named(classes=("a",)), "name targets with --target"),
        ({}, Named(targets=("a", "b")), "2 different names are given for 1 columns"),
        ({"mean": None}, Named(), "the file holds variance; give"),
    ],
)
def test_files_of_a_regression_that_are_not_understood_are_refused(
    tmp_path: Path, changed: dict[str, Any], named: Named, words: str | None
) -> None:
    if words is None:
        kept = {name: array for name, array in (MEANS | changed).items() if array is not None}
        assert read_outputs(written(tmp_path, **kept), named).rows.shape == (90, 2)
    else:
        assert_refused(tmp_path, MEANS | changed, named, words)


def test_too_few_rows_and_other_files_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, class_outputs(59, 0), Named(), "the file has 59 rows; give 60 or more")
    other = tmp_path / "outputs.npz"
    for content in (b"no archive", b"PK\x03\x04 cut off"):
        other.write_bytes(content)
        with pytest.raises(CredenceError, match=r"is no NPZ file of plain arrays: write it with numpy.savez"):
            read_outputs(other, Named())
    objects = {**LOGITS, "outcomes": np.array(LOGITS["outcomes"].tolist(), object)}
    assert_refused(tmp_path, objects, Named(), "is no NPZ file of plain arrays")


def assert_refused(folder: Path, arrays: dict[str, Any], named: Named, words: str) -> None:
    """Assert that a file is refused in one line with these words."""
    kept = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(CredenceError, match=words) as caught:
        read_outputs(written(folder, **kept), named)
    assert "\n" not in str(caught.value)
