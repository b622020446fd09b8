"""An exporter of spans that says once when a collector is away, and once when it is back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)

_LOGGERS = (trace_exporter.__name__, "opentelemetry.sdk._shared_internal")
"""Loggers of the library's exporter, which tells of every attempt, and of its queue, which tells again and again."""


class Reported(SpanExporter):
    """OTLP over HTTP, to where the standard variables say; what cannot be sent is dropped, and that is said once."""

    def __init__(self) -> None:
        self._exporter = trace_exporter.OTLPSpanExporter()
        self._reason: str | None = None
        self._dropped = 0
        self._is_full = False
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, with a few more attempts within ``OTEL_EXPORTER_OTLP_TIMEOUT``."""
        if not self._dropped:
            self._reason = None
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._dropped:
                log.warning("spans are sent again; %d or more were dropped", self._dropped)
            elif self._is_full:
                log.warning("more spans come than can be sent, and some are dropped; OTEL_TRACES_SAMPLER takes fewer")
            self._dropped, self._is_full = 0, False
        else:
            if not self._dropped:
                log.warning("spans cannot be sent, and are dropped until they can: %s", self._reason)
            self._dropped += len(spans)
        return result

    def shutdown(self) -> None:
        """Give up waiting for the next attempt, and take no more."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)

    def _filter(self, record: logging.LogRecord) -> bool:
        """Keep an entry of the library's out of the log, and remember what it said."""
        if record.name == trace_exporter.__name__:
            self._reason = self._reason or record.getMessage()
            return False
        is_full = "Queue full" in record.msg
        self._is_full = self._is_full or is_full
        return not is_full
