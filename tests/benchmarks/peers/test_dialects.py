import io
import json

import numpy as np
import pytest
from peers.dialects import ROWS, Credence, CredenceNpy, Dialect, OpenInference

ROW = np.array([0.1, 0.25, 0.3333], np.float32)
MEAN, VARIANCE = [0.25, 0.75], [0.01, 0.02]
ANSWERS: list[tuple[Dialect, object]] = [
    (ROWS, [[MEAN, VARIANCE]]),
    (Credence(), {"mean": [MEAN], "epistemic_variance": [VARIANCE], "label": ["1"]}),
    (CredenceNpy(), {"mean": [MEAN], "epistemic_variance": [VARIANCE]}),
    (OpenInference(), {"outputs": [{"shape": [1, 2, 2], "data": MEAN + VARIANCE}]}),
]


@pytest.mark.parametrize(("dialect", "answer"), ANSWERS, ids=lambda value: type(value).__name__)
def test_mean_and_variance_are_found_in_an_answer(dialect: Dialect, answer: object) -> None:
    assert dialect.read(json.dumps(answer).encode()) == (MEAN, VARIANCE)


@pytest.mark.parametrize("dialect", [ROWS, Credence(), OpenInference()])
def test_every_dialect_sends_the_same_short_digits(dialect: Dialect) -> None:
    assert dialect.content_type == "application/json"
    assert b"[0.1, 0.25, 0.3333]" in dialect.body(ROW)


def test_an_array_is_sent_as_numpy_saves_it() -> None:
    assert CredenceNpy().content_type == "application/x-npy"
    assert np.load(io.BytesIO(CredenceNpy().body(ROW))).tolist() == [ROW.tolist()]
