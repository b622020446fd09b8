"""Outcomes of a prediction, beside the requests that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from service.client.answers import Prediction
from service.client.errors import ClientError
from service.client.exchange import Exchange
from service.client.requests import Request
from service.client.retries import deliver

_AT_ONCE = 1000


def report_in_parts(answer: Prediction, outcomes: Any, on_unknown: str, seconds: float) -> Exchange[dict[str, int]]:
    """Report the outcomes of a prediction's rows, in as few requests as is sensible, and return the sums of the counts.

    Args:
        answer: The prediction, which was made with ``record=True``.
        outcomes: Outcome of each row; ``None`` or NaN where it is not known yet.
        on_unknown: Treatment of rows that are no longer remembered.
        seconds: Time of each request.

    Raises:
        ClientError: if there are more or fewer outcomes than rows.
    """
    given = outcomes.tolist() if hasattr(outcomes, "tolist") else list(outcomes)
    places = [(request, row) for request, rows in answer.requests for row in range(rows)]
    if len(given) != len(places):
        raise ClientError(f"there are {len(given)} outcomes for {len(places)} rows; give one for each, or None")
    items = [
        {"request": request, "row": row, "outcome": outcome}
        for (request, row), outcome in zip(places, given, strict=True)
        if outcome is not None and outcome == outcome  # NaN is not
    ]
    counts = {"recorded": 0, "repeated": 0, "skipped": 0}
    for part in _parts(items):
        body = json.dumps({"outcomes": part, "on_unknown": on_unknown}, default=_plain).encode()
        response = yield from deliver(Request("POST", "/outcomes", content=body), seconds)
        counts = {name: count + response.json()[name] for name, count in counts.items()}
    return counts


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    yield from (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _plain(value: Any) -> Any:
    """Return an array or a number of NumPy's as Python's."""
    return value.tolist()
