"""The start of tracing, as settings and the standard variables ask for it; nothing of OpenTelemetry's SDK before it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from service.settings import Settings

if TYPE_CHECKING:
    from service.http.tracing.tracer import Tracer  # which needs the extra

_ALLOWED = {
    "OTEL_SDK_DISABLED": ("false", "turn CREDENCE_TRACING off"),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf", "spans are sent over HTTP, which a collector takes at port 4318"),
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": ("http/protobuf", "spans are sent over HTTP, to port 4318 of a collector"),
    "OTEL_TRACES_EXPORTER": ("otlp", "leave it out, or turn CREDENCE_TRACING off"),
}
"""The one value of standard variables that is understood, and the remedy for others."""


class UnusableTracingError(Exception):
    """Traces are asked for, and cannot be made here, or not in the way that is asked for."""


def start_tracer(settings: Settings) -> Tracer | None:
    """Return the place where spans are made; ``None`` if the settings do not ask for it.

    Raises:
        UnusableTracingError: if the extra is not installed, or a variable asks for what is not there.
    """
    if not settings.tracing:
        return None
    for name, (allowed, remedy) in _ALLOWED.items():
        if os.environ.get(name, allowed).lower() not in ("", allowed):
            raise UnusableTracingError(f"{name} is {os.environ[name]!r}; allowed is {allowed}: {remedy}")
    if "tracecontext" not in (propagators := os.environ.get("OTEL_PROPAGATORS") or "tracecontext"):
        raise UnusableTracingError(f"OTEL_PROPAGATORS is {propagators!r}; allowed is tracecontext, which is read alone")
    try:
        from service.http.tracing.tracer import Tracer
    except ModuleNotFoundError as error:
        raise UnusableTracingError("OpenTelemetry is not installed: pip install 'credence[tracing]'") from error
    try:
        return Tracer()
    except ValueError as error:  # of a variable such as OTEL_BSP_MAX_QUEUE_SIZE
        raise UnusableTracingError(f"OpenTelemetry refuses its variables (OTEL_*): {error}") from error
