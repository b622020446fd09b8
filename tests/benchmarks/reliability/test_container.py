"""What ``docker inspect`` says of a container is read rightly."""

from __future__ import annotations

from typing import Any

import pytest
from reliability.container import weaknesses

HARDENED: dict[str, Any] = {
    "Config": {"User": "10001:10001", "Healthcheck": {"Test": ["CMD", "python", "-c", "get('/health/predict')"]}},
    "HostConfig": {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
    },
}


def test_a_hardened_container_has_no_weakness() -> None:
    assert weaknesses(HARDENED) == []


@pytest.mark.parametrize(
    ("part", "change", "weakness"),
    [
        ("Config", {"User": "0:0"}, "it runs as root"),
        ("Config", {"Healthcheck": {"Test": ["CMD", "true"]}}, "its health check touches no model"),
        ("HostConfig", {"ReadonlyRootfs": False}, "its root file system can be written"),
        ("HostConfig", {"CapAdd": ["NET_ADMIN"]}, "it keeps capabilities"),
        ("HostConfig", {"CapDrop": None}, "it keeps capabilities"),
        ("HostConfig", {"SecurityOpt": None}, "it may gain privileges"),
        ("HostConfig", {"Privileged": True}, "it is privileged"),
    ],
)
def test_each_weakness_is_named(part: str, change: dict[str, Any], weakness: str) -> None:
    assert weaknesses(HARDENED | {part: HARDENED[part] | change}) == [weakness]
