"""The record of what a model has done since the service started."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Usage:
    """Counts and times of one version of a model; checks of its health are among them.

    Attributes:
        answers: Number of jobs that were done.
        queue_seconds: Time that these waited, in seconds, all together.
        compute_seconds: Time that the batches of each of these ran.
        failures: Number of jobs that were refused, failed or given up.
        failure_seconds: Time until then, in seconds, all together.
        rows: Number of rows or images computed.
        batches: Number of batches by their number of rows or images.
        batch_seconds: Time of these batches on the device, in seconds.
        last_milliseconds: Time of the last answer, in milliseconds since 1970; 0 if there was none.
    """

    answers: int = 0
    queue_seconds: float = 0.0
    compute_seconds: float = 0.0
    failures: int = 0
    failure_seconds: float = 0.0
    rows: int = 0
    batches: Counter[int] = field(default_factory=Counter)
    batch_seconds: defaultdict[int, float] = field(default_factory=functools.partial(defaultdict, float))
    last_milliseconds: int = 0
