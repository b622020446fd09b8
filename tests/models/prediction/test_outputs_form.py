"""The form of outputs from elsewhere: what is sent comes back, and what is not understood is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.errors import CredenceError
from models.prediction.outputs_form import OutputsForm
from models.specs import OutputSpec

CLASSES = OutputSpec("classification", ("a", "b", "c"))
TARGETS = OutputSpec("regression", ("y", "z"), (1e6, 0.0), (10.0, 0.01))
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
MEAN, VARIANCE = np.array([[1e6 + 3, 0.02], [1e6 - 4, 0.01]]), np.array([[4.0, 1e-6], [9.0, 1e-4]])


@pytest.mark.parametrize(
    ("form", "outputs", "arrays"),
    [
        (OutputsForm("logits"), CLASSES, {"logits": [[1.0, -2.0, 3.0]]}),
        (OutputsForm("logits", 2, 1), CLASSES, {"logits": np.arange(12.0).reshape(2, 2, 3), "features": [[1], [2]]}),
        (OutputsForm("probabilities"), CLASSES, {"probabilities": PROBABILITIES}),
        (OutputsForm("mean_and_variance"), TARGETS, {"mean": MEAN, "variance": VARIANCE}),
        (OutputsForm("mean", 3), TARGETS, {"mean": np.stack([MEAN, MEAN + 1, MEAN - 1])}),
    ],
)
def test_what_was_packed_is_unpacked(form: OutputsForm, outputs: OutputSpec, arrays: dict[str, Any]) -> None:
    given = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    rows, draws = form.pack(given, outputs)
    assert rows.shape[1:] == (form.size(outputs),)
    assert draws == form.draws
    back = form.unpack(rows, outputs)
    assert list(back) == list(given)
    for name, array in given.items():
        np.testing.assert_allclose(back[name], array, rtol=1e-6, atol=1e-8)


def test_fewer_draws_than_there_is_room_for_are_counted() -> None:
    logits = np.arange(12.0).reshape(2, 2, 3)
    rows, draws = OutputsForm("logits", 5).pack({"logits": logits}, CLASSES)
    assert draws == 2
    assert rows[:, :6].tolist() == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]


LOGITS = np.zeros((4, 3))


@pytest.mark.parametrize(
    ("form", "outputs", "arrays", "words"),
    [
        (OutputsForm("logits"), CLASSES, {"mean": LOGITS}, r"given is mean; .* takes logits \(rows, 3\)"),
        (OutputsForm("logits"), CLASSES, {"logits": LOGITS[:, :2]}, r"\(4, 2\); allowed is \(rows, 3\)"),
        (OutputsForm("logits"), CLASSES, {"logits": LOGITS[None]}, r"\(1, 4, 3\); allowed is \(rows, 3\)"),
        (OutputsForm("logits", 4), CLASSES, {"logits": LOGITS}, r"allowed is \(draws, rows, 3\) with 2 to 4 draws"),
        (OutputsForm("logits", 4), CLASSES, {"logits": np.zeros((5, 1, 3))}, "2 to 4 draws"),
        (OutputsForm("logits"), CLASSES, {"logits": LOGITS[:0]}, "at least one row"),
        (
            OutputsForm("logits"),
            CLASSES,
            {"logits": LOGITS - np.inf},
            "12 values .* first at /logits/0/0; .*finite",
        ),
        (OutputsForm("logits", 2), CLASSES, {"logits": np.full((2, 1, 3), np.nan)}, "first at /logits/0/0/0"),
        (OutputsForm("logits"), CLASSES, {"logits": LOGITS + 1e30}, "finite numbers from -1e"),
        (OutputsForm("logits", 0, 2), CLASSES, {"logits": LOGITS}, r"logits \(rows, 3\) and features \(rows, 2\)"),
        (OutputsForm("logits", 0, 2), CLASSES, {"logits": LOGITS, "features": LOGITS}, r"allowed is \(4, 2\)"),
        (OutputsForm("probabilities"), CLASSES, {"probabilities": PROBABILITIES * 2}, "numbers from 0 to 1"),
        (OutputsForm("probabilities"), CLASSES, {"probabilities": PROBABILITIES / 2}, "probabilities/0 add up to 0.5;"),
        (OutputsForm("mean_and_variance"), TARGETS, {"mean": MEAN}, "given is mean; .* takes mean .* and variance"),
        (OutputsForm("mean_and_variance"), TARGETS, {"mean": MEAN, "variance": VARIANCE[:1]}, "give both alike"),
        (OutputsForm("mean_and_variance"), TARGETS, {"mean": MEAN, "variance": 0 * MEAN}, "variance/0/0; .*above 0"),
    ],
)
def test_other_outputs_are_refused(form: OutputsForm, outputs: OutputSpec, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(CredenceError, match=words) as caught:
        form.pack(arrays, outputs)
    assert "\n" not in str(caught.value)
