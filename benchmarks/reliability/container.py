"""The container has no more rights than it needs, and its health check touches a model."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from reliability.promise import NotRunError, Promise, Result, Trial

_LABEL = "com.docker.compose.service=credence"
_PROBE = "/health/predict"


def open_up() -> None:
    """The container is one as ``docker run`` makes it."""


def prove(trial: Trial) -> Result:
    """Inspect the running container of the service; for the control, what it would be without our compose file."""
    details = _inspected()
    if trial.fault is not None:
        details |= {"HostConfig": {}, "Config": {"User": "", "Healthcheck": None}}
    found = weaknesses(details)
    return Result("the running container, inspected", "none", f"{len(found)} weaknesses", found)


def weaknesses(details: Mapping[str, Any]) -> Sequence[str]:
    """Return what is wrong with a container, as ``docker inspect`` describes it."""
    host, config = details["HostConfig"], details["Config"]
    probe = " ".join((config.get("Healthcheck") or {}).get("Test") or [])
    options = host.get("SecurityOpt") or []
    checks = {
        "it runs as root": config.get("User", "").split(":")[0] not in ("", "0", "root"),
        "its root file system can be written": bool(host.get("ReadonlyRootfs")),
        "it keeps capabilities": (host.get("CapDrop") or []) == ["ALL"] and not host.get("CapAdd"),
        "it may gain privileges": any(option.startswith("no-new-privileges") for option in options),
        "it is privileged": "Privileged" in host and not host["Privileged"],
        "its health check touches no model": _PROBE in probe,
    }
    return [weakness for weakness, holds in checks.items() if not holds]


def _inspected() -> dict[str, Any]:
    if shutil.which("docker") is None:
        raise NotRunError("docker is not here")
    listed = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", f"label={_LABEL}"], capture_output=True, text=True, check=False
    )
    if not listed.stdout.strip():
        raise NotRunError("no container of the service runs here: docker compose up -d")
    identity = listed.stdout.split()[0]
    told = subprocess.run(["docker", "inspect", identity], capture_output=True, text=True, check=True).stdout
    details: dict[str, Any] = json.loads(told)[0]
    return details


PROMISE = Promise(
    "container",
    "The container is not root, cannot write its root file system and has no capabilities; its health check predicts",
    "containers",
    1,
    1,
    prove,
    (open_up,),
)
