"""What every route needs of a key. A route that is not listed here opens to no key at all, and a test names it."""

from __future__ import annotations

from collections.abc import Mapping

from service.http.access.keys import SCOPES, Scope

Needed = frozenset[Scope]
"""Scopes any one of which is enough."""

OPEN: Needed = frozenset()
"""Nothing is needed: for probes, which have no key, and for the files of the page that asks for one."""
_ANY: Needed = frozenset(SCOPES)
_USERS: Needed = frozenset(("predict", "generate", "admin"))
_PREDICT: Needed = frozenset(("predict",))
_GENERATE: Needed = frozenset(("generate",))
_ADMIN: Needed = frozenset(("admin",))
_METRICS: Needed = frozenset(("metrics",))

_LISTED: Mapping[Needed, str] = {
    OPEN: """
        GET /
        GET /playground/{path:path}
        GET /livez
        GET /readyz
        GET /healthz
        GET /health/live
        GET /health/ready
        GET /health/predict
        GET /v2/health/live
        GET /v2/health/ready
    """,
    _ANY: """
        GET /docs
        GET /docs/{name}
        GET /redoc
        GET /openapi.json
        GET /v2
    """,
    _USERS: """
        GET /models
        GET /models/{name}
        GET /models/{name}/examples
        GET /models/{name}/pictures/{file}
        GET /outcomes
        GET /outcomes/{name}
        GET /v1/models
        GET /v1/models/{name}
        POST /v2/repository/index
        GET /v2/models/{name}
        GET /v2/models/{name}/ready
        GET /v2/models/{name}/config
        GET /v2/models/{name}/versions/{version}
        GET /v2/models/{name}/versions/{version}/ready
        GET /v2/models/{name}/versions/{version}/config
        GET /generate/{family}
    """,
    _PREDICT: """
        POST /predict
        POST /calibrated/{name}
        POST /acquire
        POST /outcomes
        POST /v1/models/{name}:predict
        POST /v2/models/{name}/infer
        POST /v2/models/{name}/versions/{version}/infer
    """,
    _GENERATE: """
        POST /generate/{family}
        POST /generate/{family}/traverse
        POST /generate/{family}/interpolate
        POST /generate/{family}/mix
        POST /encode/{family}
        POST /reconstruct/{family}
        POST /project/{family}
        GET /jobs/{job_id}
        DELETE /jobs/{job_id}
    """,
    _METRICS: """
        GET /metrics
        GET /v2/models/stats
        GET /v2/models/{name}/stats
        GET /v2/models/{name}/versions/{version}/stats
    """,
    _ADMIN: """
        POST /models/{name}/load
        POST /models/{name}/reload
        POST /models/{name}/unload
        POST /v2/repository/models/{name}/load
        POST /v2/repository/models/{name}/unload
        GET /v2/logging
        POST /v2/logging
        GET /v2/trace/setting
        POST /v2/trace/setting
        GET /v2/models/{name}/trace/setting
        POST /v2/models/{name}/trace/setting
        GET /v2/cudasharedmemory/{path:path}
        POST /v2/cudasharedmemory/{path:path}
        GET /v2/systemsharedmemory/{path:path}
        POST /v2/systemsharedmemory/{path:path}
    """,
}

NEEDED: Mapping[tuple[str, str], Needed] = {
    (method, template): needed
    for needed, lines in _LISTED.items()
    for method, template in (line.split() for line in lines.strip().splitlines())
}
"""What a route needs, by its method and the template of its path; HEAD needs what GET does."""
