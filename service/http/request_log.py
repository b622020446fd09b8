"""The layer that writes an entry in the log for every request, once it has been answered."""

from __future__ import annotations

import logging
import time

from starlette.types import Scope

from service.http.layer import Layer
from service.settings import Settings

log = logging.getLogger(__name__)


class RequestLog(Layer):
    """Logs every request under its id, with its route, status and times; off unless settings ask for it.

    Neither the path nor the query is logged: a path may hold the id of a job, and whoever knows that may cancel it.
    """

    @classmethod
    def is_on(cls, settings: Settings) -> bool:
        """Return whether requests are to be logged."""
        return settings.log_requests

    def leave(self, scope: Scope) -> None:
        """Write the entry."""
        state = scope["state"]
        facts = {
            name: state[name] for name in ("request_id", "trace_id", "key_id", "route", "problem") if name in state
        }
        facts |= {"method": scope["method"], "status": state.get("status", 0)}
        facts["milliseconds"] = round(1000 * (time.perf_counter() - state["began"]), 2)
        if "batch" in state:
            batch, model = state["batch"], state["facts"]
            facts |= {"model": model["model"], "version": model["version"]}
            facts["queue_milliseconds"] = round(1000 * batch.queue_seconds, 2)
            facts["compute_milliseconds"] = round(1000 * batch.compute_seconds, 2)
        told = facts["request_id"], facts["method"], facts["route"], facts["status"], facts["milliseconds"]
        log.info("request %s: %s %s %d in %g ms", *told, extra=facts)
