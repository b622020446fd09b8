"""File descriptors: as many as the system lets a process have, and some that no connection takes."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

_OTHERS = 128
"""Descriptors for everything that is no connection: checkpoints, the audit, the database, decoders of pictures."""


def raise_limit() -> None:
    """Let this process open as many files as the system allows; most begin with 1024, for old programs' sake."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_within(most: int) -> int:
    """Return a number of connections, or fewer where there are not enough descriptors for them."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit in (resource.RLIM_INFINITY, -1) or most + _OTHERS <= limit:
        return most
    fewer = max(2, limit - _OTHERS)
    log.warning("there are file descriptors for %d connections only, not for %d; ulimit -n raises that", fewer, most)
    return fewer
