"""The log: one line an entry, whatever names, addresses and faults it tells of."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from random_models import digits

from service.errors import InvalidRequestError
from service.http.forms import FORM, parse_form
from service.runtime.logs import JsonFormatter, TextFormatter, configure_logs
from service.settings import Settings

FORGED = ["line\nINFO root: FAKE LOG", "a\r\n2026-11-28 00:00:00,000 INFO root: FAKE", "\x1b[2K\x1b[1A", "\u2028",
          "\u202egol", "\x85", "\x0b", "\x00", "\ud800"]  # fmt: skip


def logged(formatter: logging.Formatter, act: Callable[[logging.Logger], None]) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    handler, logger = logging.StreamHandler(stream), logging.Logger("service.test")
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    act(logger)
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("text", FORGED)
def test_nothing_can_begin_another_entry(text: str) -> None:
    def act(logger: logging.Logger) -> None:
        logger.error("refused %s version %s: %s", text, "1", text)

    line = logged(TextFormatter(), act)
    assert line[:-1].isprintable()
    assert line.endswith("\n")
    assert " ERROR service.test: refused " in line
    line = logged(JsonFormatter(), act)
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    assert json.loads(line)["message"] == f"refused {text} version 1: {text}"


@pytest.mark.parametrize("text", FORGED)
def test_a_traceback_looks_like_no_entry(text: str) -> None:
    def act(logger: logging.Logger) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("request %s failed", "abc", extra={"request_id": "abc"})

    first, *others = logged(TextFormatter(), act).splitlines()
    assert first.endswith("ERROR service.test: request abc failed")
    assert others
    assert all(line.startswith("    ") and line.isprintable() for line in others)
    entry = json.loads(logged(JsonFormatter(), act))
    assert (entry["level"], entry["logger"], entry["request_id"]) == ("error", "service.test", "abc")
    assert entry["traceback"].startswith("Traceback")


def test_a_bad_form_of_a_client_is_no_entry(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "captureWarnings", lambda _: None)  # pytest does that itself
    configure_logs(Settings())
    try:
        for kind in (FORM, f"{FORM}; boundary=a"):
            with pytest.raises(InvalidRequestError):
                parse_form(b"{}", kind, 1)
    finally:
        logging.getLogger("python_multipart").setLevel(logging.NOTSET)
    assert not caplog.records


@pytest.mark.anyio
async def test_an_entry_about_a_request_has_its_id(
    app: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with app() as client:
        monkeypatch.setattr(client.runtime.batcher, "submit", lambda *_: 1 / 0)
        answer = await client.post("/predict", json={"inputs": digits(1)}, headers={"x-request-id": "mine"})
        assert answer.status_code == 500
    assert [record.request_id for record in caplog.records if record.levelname == "ERROR"] == ["mine"]
