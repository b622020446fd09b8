"""The way of one prediction from bytes to bytes: few functions, few files, and forward."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType

import httpx
import pytest
from random_models import digits

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

ROOT = Path(__file__).parents[2]
MOST_FUNCTIONS, MOST_FILES, MOST_RETURNS = 70, 16, 3


class Recorder:
    """The functions of ours that run on any thread, each once, in the order of their first calls."""

    def __init__(self) -> None:
        self.codes: dict[CodeType, None] = {}
        self.records = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if (
            self.records
            and event == "call"
            and not code.co_name.startswith("<")
            and room(code) in ("service", "models")
        ):
            self.codes.setdefault(code)

    def files(self, *rooms: str) -> list[str]:
        """Files in the order in which their functions were first called; one file in a row counts once."""
        return [file for file, _ in groupby(path(code) for code in self.codes if room(code) in rooms)]

    def __str__(self) -> str:
        return "\n".join(f"{path(code)}: {code.co_qualname}" for code in self.codes)


def path(code: CodeType) -> str:
    return Path(code.co_filename).relative_to(ROOT).as_posix()


def room(code: CodeType) -> str:
    file = Path(code.co_filename)
    return file.relative_to(ROOT).parts[0] if file.is_relative_to(ROOT) else ""


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record functions of this thread, and of those that start from now on."""
    recorder, before = Recorder(), sys.getprofile()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        yield recorder
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


@pytest.fixture
async def way(app: App) -> Recorder:
    """The way of a usual request, after a first one."""
    with recording() as recorder:
        async with app() as client:
            for recorder.records in (False, True):
                response = await client.post("/predict", json={"inputs": digits(1)})
                assert response.status_code == 200
            recorder.records = False
    return recorder


async def test_a_prediction_runs_few_functions_in_few_files(way: Recorder) -> None:
    files = {path(code) for code in way.codes}
    assert len(way.codes) > 40, "the hook sees too little"
    assert len(way.codes) <= MOST_FUNCTIONS, f"{len(way.codes)} functions:\n{way}"
    assert len(files) <= MOST_FILES, f"{len(files)} files:\n{way}"


async def test_a_request_goes_forward_and_back_once(way: Recorder) -> None:
    """Forward to the model, it comes back to a file that it had left at most three times; then back to the client."""
    stays = way.files("service")
    deepest = len(stays) - 1 - stays[::-1].index("service/backends/torch_predictor.py")
    forward, back = stays[: deepest + 1], stays[deepest:]
    assert len(forward) - len(set(forward)) <= MOST_RETURNS, " > ".join(forward)
    assert len(back) == len(set(back)), " > ".join(back)
