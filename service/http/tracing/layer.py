"""The layer of traces: a span of every request, and spans of its stages once it has been answered."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from service.http.layer import Layer, Service
from service.scheduling.terms import BatchResult
from service.settings import Settings

if TYPE_CHECKING:
    from service.http.tracing.tracer import Begun

_FAULT = 500
"""Least status that is a fault of the service: others are not errors of its span, by OpenTelemetry's conventions."""


class Tracing(Layer):
    """Makes a request part of its client's trace, and names its own span in the answer; off unless settings ask.

    The stages are made of the times that a request waited and ran, as ``Server-Timing`` has them.
    """

    @classmethod
    def is_on(cls, settings: Settings) -> bool:
        """Return whether traces are asked for."""
        return settings.tracing

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        assert service.tracer is not None  # else this layer is left out
        self._tracer = service.tracer

    def enter(self, scope: Scope) -> None:
        """Begin the span; its trace's id goes on with the request, as ``trace_id`` of its state."""
        begun = self._tracer.begin(scope["method"], scope["headers"])
        scope["state"] |= {"begun": begun, "trace_id": begun.trace_id}

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        """Name the span in the answer."""
        message["headers"].append((b"traceresponse", scope["state"]["begun"].traceparent.encode()))

    def leave(self, scope: Scope) -> None:
        """Make the stages, and end the span."""
        state, now = scope["state"], time.monotonic()
        begun: Begun = state["begun"]
        if not begun.span.is_recording():
            return
        if "batch" in state:
            self._add_stages(begun, state["batch"], now)
        if state["route"] != "unmatched":
            begun.span.update_name(f"{scope['method']} {state['route']}")
        begun.end(now, _facts(scope), failed=state.get("status", 0) >= _FAULT)

    def _add_stages(self, begun: Begun, batch: BatchResult[Any], now: float) -> None:
        drawing = batch.ended - batch.compute_seconds
        waiting = max(begun.since, drawing - batch.queue_seconds)
        stages = (
            ("parse", begun.since, waiting),
            ("queue", waiting, drawing),
            ("draws", drawing, batch.ended),
            ("answer", batch.ended, now),
        )
        for name, start, end in stages:
            self._tracer.add(begun, name, start, end)


def _facts(scope: Scope) -> dict[str, str | int]:
    """Return the attributes of a request's span. Its path is none of them: it may hold the id of a job."""
    state = scope["state"]
    facts: dict[str, str | int] = {
        "http.request.method": scope["method"],
        "url.scheme": scope["scheme"],
        "credence.request_id": state["request_id"],
    }
    if state["route"] != "unmatched":
        facts["http.route"] = state["route"]
    if "status" in state:
        facts["http.response.status_code"] = state["status"]
    if "facts" in state:
        facts |= {"credence.model": state["facts"]["model"], "credence.version": state["facts"]["version"]}
    if "problem" in state:
        facts["error.type"] = state["problem"]
    return facts
