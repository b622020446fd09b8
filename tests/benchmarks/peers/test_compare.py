import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peers.answers import Answers
from peers.cases import BY_LOOP, PARSED
from peers.compare import WrongAnswerError, check
from peers.workload import Workload
from recording_server import recording

ROW = np.full(10, 0.1)
MADE_UP = json.dumps([[ROW.tolist(), (ROW / 100).tolist()]]).encode()


def workload(mean: float) -> Workload:
    """Sixty-four rows whose answers are around ``mean``."""
    shape = (64, 10)
    errors = np.random.default_rng(0).normal(size=shape) * np.sqrt(0.001 / 50)
    return Workload(Path(), torch.rand(64, 784), {"mlp": Answers(mean + errors, np.full(shape, 0.001), 4000)})


def test_a_server_that_answers_as_the_network_does_is_measured() -> None:
    with recording(MADE_UP) as server:
        check(BY_LOOP, server.url, workload(0.1))
    assert len({body for _, body in server.asked}) == 64


def test_a_server_that_answers_otherwise_is_not_measured() -> None:
    with recording(MADE_UP) as server, pytest.raises(WrongAnswerError, match="a loop of 50 passes: means"):
        check(BY_LOOP, server.url, workload(0.2))


def test_a_check_that_takes_answers_of_no_network_is_found_out() -> None:
    with recording(MADE_UP) as server, pytest.raises(WrongAnswerError, match="nothing computed"):
        check(PARSED, server.url, workload(0.1))
