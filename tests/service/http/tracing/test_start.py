"""Tracing starts as the standard variables say, or says why not; and a service without it loads nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otlp_receiver import receiving
from patience import wait_until
from random_models import digits, save_model
from server_process import Server

from service.client import Client
from service.http.tracing.start import UnusableTracingError, start_tracer
from service.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf: .* port 4318"),
        ("EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "http/protobuf"),
        ("TRACES_EXPORTER", "console", "otlp"),
        ("SDK_DISABLED", "TRUE", "turn CREDENCE_TRACING off"),
        ("PROPAGATORS", "b3", "tracecontext"),
        ("BSP_MAX_QUEUE_SIZE", "-1", "max_queue_size"),
    ],
)
def test_what_is_not_understood_is_refused(name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"OTEL_{name}", value)
    with pytest.raises(UnusableTracingError, match=remedy):
        start_tracer(Settings(tracing=True))
    assert start_tracer(Settings()) is None


def test_without_the_extra_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "service.http.tracing.tracer", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(UnusableTracingError, match=r"pip install 'credence\[tracing\]'"):
        start_tracer(Settings(tracing=True))


def test_a_service_without_traces_loads_nothing_of_the_extra() -> None:
    code = """import sys, service.http.layers
from service.http.tracing.start import start_tracer
from service.settings import Settings
assert start_tracer(Settings()) is None
sys.exit(any(name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")) for name in sys.modules))"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_python_client_hands_its_trace_to_a_real_server_which_sends_its_spans_before_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path, "mlp")
    with receiving() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        server = Server(tmp_path, tracing="true", default_model="mlp", log_format="json", log_requests="true")
        server.wait_ready()
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
        with tracer.start_as_current_span("mine") as mine, Client(server.url) as client:
            client.predict(digits(1))
        sent = mine.get_span_context()
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert server.stop() == 0
        wait_until(lambda: collector.named("POST /predict"))
    (span,) = collector.named("POST /predict")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (f"{sent.trace_id:032x}", f"{sent.span_id:016x}")
    assert any(f'"trace_id": "{sent.trace_id:032x}"' in line and '"route": "/predict"' in line for line in server.lines)


def test_a_server_that_cannot_trace_does_not_start(tmp_path: Path) -> None:
    told = {"CREDENCE_STORE": str(tmp_path), "CREDENCE_TRACING": "true", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    command = [sys.executable, "-m", "service"]
    done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CREDENCE_TRACING: OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; allowed is http/protobuf" in done.stderr
