"""What is noted of an answer for the audit."""

from __future__ import annotations

from collections.abc import Sequence

from service.http.audit.line import Note
from service.http.exchange import Exchange
from service.runtime.registry import Served


def note(
    exchange: Exchange,
    served: Served,
    seed: int | Sequence[int] | None = None,
    samples: int | None = None,
    decisions: Sequence[str | None] | None = None,
    *,
    rows: int | None = None,
) -> None:
    """Note an answer, so that the middleware of the audit writes its line.

    Args:
        exchange: The request.
        served: Model that answers.
        seed: Seed of the draws, or one seed an image.
        samples: Number of draws.
        decisions: Decision on each row.
        rows: Number of rows of a prediction, by which the way of evaluating draws was chosen.
    """
    timing = getattr(served.backend, "timing", None)
    exchange.request.state.note = Note(
        model=served.manifest.name,
        version=served.manifest.version,
        model_sha256=served.sha256,
        backend=served.backend.name,
        device=served.backend.device,
        vectorised=None if timing is None or rows is None else rows < timing.loop_from_rows,
        seed=seed,
        samples=samples,
        decisions=decisions,
    )
