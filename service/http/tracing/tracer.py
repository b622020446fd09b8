"""The place where spans are made and wait to be sent; needs the extra ``tracing``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import VERSION
from service.http.tracing.exporter import Reported

Facts = Mapping[str, str | int | float]

_CLOSING_SECONDS = 0.5
"""Seconds in which spans that wait at the end may still be sent."""


@dataclass(frozen=True)
class Begun:
    """The span of a request that is under way.

    Attributes:
        span: The span.
        since: Time of its start in seconds on the monotonic clock, by which the service measures.
        wall: The same time in nanoseconds since 1970, by which spans are dated.
    """

    span: Span
    since: float
    wall: int

    @property
    def trace_id(self) -> str:
        """Id of its trace, in hexadecimal."""
        return f"{self.span.get_span_context().trace_id:032x}"

    @property
    def traceparent(self) -> str:
        """The span as W3C's Trace Context writes it in a header."""
        context = self.span.get_span_context()
        return f"00-{self.trace_id}-{context.span_id:016x}-{context.trace_flags:02x}"

    def date(self, seconds: float) -> int:
        """Return a time of the monotonic clock in nanoseconds since 1970; none is earlier than the span."""
        return self.wall + max(0, round((seconds - self.since) * 1e9))

    def end(self, seconds: float, facts: Facts, *, failed: bool) -> None:
        """End the span at a time of the monotonic clock, with its attributes, and as an error if it failed."""
        self.span.set_attributes(facts)
        if failed:
            self.span.set_status(StatusCode.ERROR)
        self.span.end(self.date(seconds))


class Tracer:
    """Makes spans, and sends them in batches on a thread of its own; those that find no room to wait are dropped.

    Where to, which of them and how many may wait is a matter of the standard variables (``OTEL_*``).

    Raises:
        ValueError: if a variable has a value that cannot be.
    """

    def __init__(self) -> None:
        named = Resource({"service.name": "credence", "service.version": VERSION})
        resource = Resource.create().merge(named.merge(OTELResourceDetector().detect()))  # variables come last
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._exporter = Reported()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("credence")
        self._propagator = TraceContextTextMapPropagator()
        logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)  # which warns of what a client sends

    def begin(self, name: str, headers: Iterable[tuple[bytes, bytes]]) -> Begun:
        """Begin the span of a request: in the trace that its head names, or in a new one if it names none rightly.

        Args:
            name: Name of the span.
            headers: Header lines of the request, their names in small letters.
        """
        lines: dict[str, list[str]] = {}
        for header, value in headers:
            if header in (b"traceparent", b"tracestate"):
                lines.setdefault(header.decode(), []).append(value.decode("latin-1"))
        if len(lines.get("traceparent", ())) > 1:
            lines = {}
        since, wall = time.monotonic(), time.time_ns()
        span = self._tracer.start_span(name, self._propagator.extract(lines), SpanKind.SERVER, start_time=wall)
        return Begun(span, since, wall)

    def add(
        self,
        begun: Begun,
        name: str,
        start: float,
        end: float,
        facts: Facts | None = None,
        *,
        failed: bool = False,
        parent: Span | None = None,
    ) -> Span:
        """Make a span of what has been.

        Args:
            begun: Span of the request that it belongs to.
            name: Name of the span.
            start: Time of its start in seconds on the monotonic clock.
            end: Time of its end.
            facts: Attributes of the span.
            failed: ``True`` if it failed.
            parent: Span that it is a part of; ``None`` for the request's.
        """
        context = set_span_in_context(parent or begun.span)
        span = self._tracer.start_span(name, context, attributes=facts, start_time=begun.date(start))
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(begun.date(max(start, end)))
        return span

    def close(self) -> None:
        """Send what waits, as far as that takes no longer than half a second."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(_CLOSING_SECONDS)
        if closing.is_alive():
            self._exporter.shutdown()
