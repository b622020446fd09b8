"""With a file of keys every route and method needs one, but for those that say that they are open."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta

import httpx

from reliability.promise import Promise, Result, Trial
from reliability.rows import DIGITS, body, digits
from reliability.service_process import Service
from service.http.access.key_file import changing_keys
from service.http.access.keys import SCOPES, Scope, make_key
from service.http.access.layer import Access

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_OPEN = ("/health/", "/livez", "/readyz", "/healthz", "/v2/health/", "/playground")
_FILLED = {"{family}": "vae", "{name}": DIGITS, "{model}": DIGITS, "{version}": "1", "{job_id}": "x", "{file}": "a.png"}
_DISGUISES = ("{}/", "/{}", "{}?x=1", "{};x", "{}%2e", "/x/..{}")
_UNKNOWN = "crd_00000000_" + "x" * 43
_KNOWN_REFUSALS = (400, 401, 403, 404, 405)


def ask_for_no_key() -> None:
    """Keys are not asked for."""
    Access.enter = lambda *_: None  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Ask every route by every method and in every disguise, without a key and with keys of other scopes."""
    file, now = trial.folder / "keys.json", datetime.now(UTC)
    texts: dict[str, str] = {}
    with changing_keys(file) as keys:
        for name, scopes, ends in (
            *((scope, (scope,), now + timedelta(days=1)) for scope in SCOPES),
            ("expired", SCOPES, now - timedelta(days=1)),
        ):
            key, texts[name] = make_key(name, scopes, ends)
            keys.append(key)
    with trial.serve(models=(DIGITS, "digits-vae"), key_file=str(file)) as service:
        headers = {"Authorization": f"Bearer {texts['admin']}"}
        document = httpx.get(f"{service.url}/openapi.json", headers=headers, timeout=60).json()
        paths = [_filled(path) for path in document["paths"]]
        opened, asked = list[str](), 0
        for path in [*paths, "/metrics", "/docs", "/openapi.json", "/nowhere"]:
            if path.startswith(_OPEN):
                continue
            for address in (path, *(disguise.format(path) for disguise in _DISGUISES)):
                for method in _METHODS:
                    for text in ("", texts["expired"], _UNKNOWN) if address == path else ("",):
                        asked += 1
                        status = _status(service, method, address, text)
                        if status not in _KNOWN_REFUSALS and not (method == "OPTIONS" and status == 405):
                            opened.append(f"{method} {address} without a valid key: {status}")
        opened += [line for scope in SCOPES for line in _beyond_scope(service, scope, texts[scope])]
        allowed = _status(service, "POST", "/predict", texts["predict"])
        if allowed != 200:
            opened.append(f"a key for predictions is answered by {allowed}")
    return Result(
        f"{asked} requests: {len(paths)} paths of the document, {len(_METHODS)} methods, {len(_DISGUISES)} disguises",
        "no key, an expired one, an unknown one, one of another scope",
        f"{len(opened)} answered",
        opened[:3],
    )


def _beyond_scope(service: Service, scope: Scope, text: str) -> list[str]:
    """Return what a key of one scope could do that takes another."""
    needs: dict[tuple[str, str], set[str]] = {
        ("POST", "/predict"): {"predict"},
        ("POST", "/generate/vae"): {"generate"},
        ("POST", f"/models/{DIGITS}/reload"): {"admin"},
        ("POST", f"/models/{DIGITS}/load"): {"admin"},
        ("GET", "/metrics"): {"metrics"},
    }
    statuses = {(*what, scope): _status(service, *what, text) for what, scopes in needs.items() if scope not in scopes}
    return [f"{what} gave {status}" for what, status in statuses.items() if status != 403]


def _filled(path: str) -> str:
    for name, value in _FILLED.items():
        path = path.replace(name, value)
    return path


def _status(service: Service, method: str, address: str, text: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {text}"} if text else {})}
    try:
        connection.request(method, address, body(digits(1)) if method == "POST" else None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


PROMISE = Promise(
    "access",
    "With a file of keys nothing is answered without one of the right scope, but what is listed as open",
    "walks",
    1,
    1,
    prove,
    (ask_for_no_key,),
)
