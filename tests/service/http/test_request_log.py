"""The log of requests: a line for each, with the id that the answer has, and no word of what was asked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from random_models import digits, save_model
from running_service import started

from service.runtime.logs import JsonFormatter

pytestmark = pytest.mark.anyio


async def test_every_request_has_a_line_with_its_id_status_and_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_model(tmp_path, "mlp")
    with caplog.at_level(logging.INFO):
        async with started(store=tmp_path, log_requests=True) as client:
            answer = await client.post("/predict", json={"inputs": digits(1)}, headers={"x-request-id": "mine"})
            await client.get("/jobs/secret", params={"also": "secret"})
            await client.get("/nowhere")
    lines = [JsonFormatter().format(one) for one in caplog.records if one.name == "service.http.request_log"]
    first, second, third = map(json.loads, lines)
    assert first.keys() == {
        "time", "level", "logger", "message", "request_id", "method", "route", "status", "model", "version",
        "milliseconds", "queue_milliseconds", "compute_milliseconds",
    }  # fmt: skip
    assert (first["request_id"], first["method"], first["route"], first["status"]) == ("mine", "POST", "/predict", 200)
    assert (first["model"], first["version"]) == ("mlp", "1")
    assert first["queue_milliseconds"] == float(answer.headers["x-queue-time-ms"])
    assert first["compute_milliseconds"] == float(answer.headers["x-compute-time-ms"])
    assert first["milliseconds"] >= first["queue_milliseconds"] + first["compute_milliseconds"] - 0.02
    assert first["message"].startswith("request mine: POST /predict 200 in ")
    assert (second["route"], second["status"], second["problem"]) == ("/jobs/{job_id}", 422, "invalid-request")
    assert (third["route"], third["status"], third["problem"]) == ("unmatched", 404, "not-found")
    assert "secret" not in "".join(lines)


async def test_without_the_setting_there_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with started(store=tmp_path) as client:
            await client.get("/health/live")
    assert [one for one in caplog.records if one.name == "service.http.request_log"] == []
