"""Metrics of the outcomes of a model."""

from __future__ import annotations

from service.runtime.outcomes.tally import Tally
from service.runtime.outcomes.watch import Watch
from service.telemetry import Telemetry

_MOST_PARTS = 50
"""Most classes and groups of a model with a metric each; beyond, `GET /outcomes/{model}` has them."""


def show(telemetry: Telemetry, watch: Watch) -> None:
    """Set the metrics of a model to what its outcomes show: of the sets that most of its answers had."""
    model, main = watch.model, watch.main
    telemetry.outcome_evidence.labels(model).set(watch.evidence)
    if main is None:
        return
    figures = main.whole.figures()
    telemetry.outcome_rows.labels(model).set(sum(stream.whole.rows for stream in watch.streams.values()))
    for gauge, value in (
        (telemetry.outcome_error, figures["error"]),
        (telemetry.outcome_nll, figures["nll"]),
        (telemetry.outcome_level, main.level),
        (telemetry.outcome_calibration_error, figures["ece"]),
    ):
        if value is not None:
            gauge.labels(model).set(value)
    for kind, part, tally in [("all", "", main.whole), *_parts(watch)]:
        if tally.coverage is not None:
            telemetry.outcome_coverage.labels(model, kind, part).set(tally.coverage)


def _parts(watch: Watch) -> list[tuple[str, str, Tally]]:
    main = watch.main
    assert main is not None  # a caller has looked
    every = [(kind, name, tally) for kind, parts in main.slices.items() for name, tally in parts.items()]
    return every if len(every) <= _MOST_PARTS else []
