"""The log: an entry a line, as text or as JSON, in which nothing that came from outside can begin another entry."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from service.settings import Settings

ABOUT_REQUESTS = (
    "request_id",
    "trace_id",
    "key_id",
    "method",
    "route",
    "status",
    "problem",
    "model",
    "version",
    "milliseconds",
    "queue_milliseconds",
    "compute_milliseconds",
)
"""Entries that a line of JSON about a request may have besides the usual ones."""


class TextFormatter(logging.Formatter):
    """Entries as lines of text; the lines of a traceback are indented, so that none of them looks like an entry."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line of an entry."""
        return escape_controls(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Return the indented lines of a traceback."""
        return "\n".join(f"    {escape_controls(line)}" for line in super().formatException(ei).splitlines())


class JsonFormatter(logging.Formatter):
    """Entries as lines of JSON in ASCII: time, level, logger, message, and what there is about a request or a fault."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an entry."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in ABOUT_REQUESTS if hasattr(record, name)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def escape_controls(text: str) -> str:
    """Return a text on one line, in which whatever cannot be printed is spelt out.

    >>> escape_controls("digits\\nINFO root: forged \\x1b[31m\\u2028é")
    'digits\\\\nINFO root: forged \\\\x1b[31m\\\\u2028é'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def configure_logs(settings: Settings) -> None:
    """Send the entries of all loggers, and Python's warnings, to the standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # a client's bad form is no fault: it is refused
