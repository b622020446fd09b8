"""No body makes the service fail or cuts a connection: it is refused, and the next request is answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import httpx

from reliability.corpus import Hostile, all_hostile
from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, TABLE, body, digits
from service.errors import INTERNAL, KINDS, InvalidRequestError

_FILLED = {"{family}": "vae", "{name}": DIGITS, "{model}": DIGITS, "{model_name}": DIGITS, "{version}": "1"}
_GOOD = 50
_ALLOWED_ABOVE_499 = (501, 503)
"""The service does not have this part of a protocol; or it is busy."""


def fail_on_invalid_values() -> None:
    """A value that is not allowed is an internal error."""
    KINDS[InvalidRequestError] = INTERNAL


def prove(trial: Trial) -> Result:
    """Send hostile bodies to every route that takes one, and good ones on the same connections."""
    every = all_hostile()
    chosen = every[:: max(1, len(every) // trial.size)]
    wrong, sent = list[str](), 0
    with trial.serve(models=(DIGITS, TABLE, "digits-vae")) as service:
        routes = list(_routes(service.url))
        for route in routes:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            for attack in chosen:
                sent += 1
                if fault := _fault(connection, route, attack):
                    wrong.append(f"{attack.name} to {route}: {fault}")
            good = [_good(connection) for _ in range(_GOOD)]
            if set(good) != {200}:
                wrong.append(f"good requests after those to {route} were answered by {sorted(set(good))}")
            connection.close()
        alive = service.process.poll() is None
    return Result(
        f"{sent} bodies on {len(routes)} routes, then {_GOOD} good requests on each connection",
        f"{len(chosen)} hostile bodies: JSON, CSV, arrays, archives, pictures, packed ones",
        f"{len(wrong)} answered wrongly",
        [*wrong[:3], *([] if alive else ["the process ended"])],
    )


def _routes(url: str) -> Iterator[str]:
    """Yield the addresses that take a body, as the service's own document lists them."""
    for path, methods in httpx.get(f"{url}/openapi.json", timeout=60).json()["paths"].items():
        if "post" in methods:
            for name, value in _FILLED.items():
                path = path.replace(name, value)
            yield path


def _fault(connection: http.client.HTTPConnection, route: str, attack: Hostile) -> str:
    """Return what is wrong with the answer; nothing if all is well."""
    headers = {name: value.encode("utf-8", "replace") for name, value in attack.headers.items()}
    headers["Content-Type"] = attack.content_type.encode("latin-1", "replace")
    try:
        connection.request("POST", route, attack.body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return f"no answer ({type(error).__name__})"
    if answer.status >= 500 and answer.status not in _ALLOWED_ABOVE_499:
        return str(answer.status)
    if answer.status >= 400 and answer.headers.get_content_type() != "application/problem+json":
        return f"{answer.status} as {answer.headers.get_content_type()}"
    is_json = answer.headers.get_content_type().endswith("json")
    return "" if not is_json or _is_strict(content) else "an answer that is no JSON"


def _is_strict(content: bytes) -> bool:
    """Return ``True`` if it is JSON by RFC 8259, which has no NaN."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(content, parse_constant=refuse)
    except ValueError:
        return False
    return True


def _good(connection: http.client.HTTPConnection) -> int:
    connection.request("POST", "/predict", body(digits(1)), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


PROMISE = Promise(
    "bodies",
    "No body is answered by 500, or by a connection that is cut: 4xx, as `application/problem+json`",
    "bodies",
    300,
    40,
    prove,
    (fail_on_invalid_values,),
)
