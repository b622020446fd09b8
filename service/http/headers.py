"""What the header of every computed answer says: where its time went, and whether it will repeat."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from service.scheduling.batching import BatchResult


def with_headers(response: Response, outcome: BatchResult[Any], *, fresh: bool) -> Response:
    """The response with its times in milliseconds; a fresh seed's answer is not to be kept."""
    queue, compute = f"{outcome.queue_seconds * 1000:.2f}", f"{outcome.compute_seconds * 1000:.2f}"
    response.headers.update(
        {
            "X-Queue-Time-Ms": queue,
            "X-Compute-Time-Ms": compute,
            "Server-Timing": f"queue;dur={queue}, compute;dur={compute}",
        }
    )
    if fresh:
        response.headers["Cache-Control"] = "no-store"
    return response
