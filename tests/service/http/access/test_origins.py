"""Host names of the service, and the pages that may send to it."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from service.http.access.origins import Origins
from service.settings import Settings

OWN = b"localhost:8000"


def status(settings: Settings, method: bytes = b"POST", target: bytes = b"/predict", **lines: bytes) -> int:
    """The status of a request with some header lines; 200 if it may pass."""
    named = {name.replace("_", "-").encode(): value for name, value in lines.items()}
    try:
        Origins(settings).check(method, target, named)
    except HTTPException as refused:
        return refused.status_code
    return 200


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost",
        "LOCALHOST.:8000",
        "127.0.0.1:80",
        "127.0.0.2",
        "[::1]:8000",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]:80",
    ],
)
def test_on_the_loopback_its_own_names_are_allowed(host: str) -> None:
    assert status(Settings(), host=host.encode()) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost..",
        "127.0.0.1.evil.example",
        "127.1",
        "10.0.0.1",
        "[::2]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_on_the_loopback_others_are_refused(host: str) -> None:
    assert status(Settings(), host=host.encode()) == 421
    assert status(Settings(host="localhost"), b"GET", b"/", host=host.encode()) == 421
    assert status(Settings(host="0.0.0.0"), host=host.encode()) == 200
    assert status(Settings(allowed_hosts="*"), host=host.encode()) == 200


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "u@localhost", "localhost:x", "localhost:999999", "localhost,evil", "é"]
)
def test_what_is_no_host_is_refused_everywhere(host: str) -> None:
    for settings in (Settings(), Settings(allowed_hosts="*"), Settings(host="0.0.0.0")):
        assert status(settings, host=host.encode()) == 400


def test_named_hosts_take_the_place_of_the_usual_ones() -> None:
    settings = Settings(allowed_hosts="*.lab.example,service,[::1]")
    allowed = [b"a.lab.example", b"A.LAB.example:81", b"service:8000", b"[::1]", b"a.lab.example.:81"]
    assert [status(settings, host=host) for host in allowed] == [200] * 5
    refused = [b"lab.example", b"a.lab.example.evil", b"localhost", b"services", b"[::2]"]
    assert [status(settings, host=host) for host in refused] == [421] * 5


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://localhost/predict", 200),
        (b"HTTPS://127.0.0.1:8000?x", 200),
        (b"http://evil.example/predict", 421),
        (b"http://u@localhost/", 400),
        (b"http:///predict", 400),
        (b"ftp://localhost/", 400),
        (b"*", 200),
    ],
)
def test_the_host_of_a_whole_address_counts_too(target: bytes, expected: int) -> None:
    assert status(Settings(), target=target, host=OWN) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, 200),
        ({"origin": b"http://localhost:8000"}, 200),
        ({"origin": b"https://public.example", "sec_fetch_site": b"same-origin"}, 200),
        ({"sec_fetch_site": b"none"}, 200),
        ({"origin": b"https://evil.example"}, 403),
        ({"origin": b"http://localhost:3000"}, 403),
        ({"origin": b"null"}, 403),
        ({"sec_fetch_site": b"cross-site"}, 403),
        ({"origin": b"http://localhost:8000", "sec_fetch_site": b"same-site"}, 403),
        ({"origin": b"https://lab.example", "sec_fetch_site": b"cross-site"}, 200),
    ],
)
def test_pages_of_other_origins_may_send_nothing_but_what_is_safe(lines: dict[str, bytes], expected: int) -> None:
    settings = Settings(cors_origins="https://lab.example")
    for method in (b"POST", b"DELETE", b"PUT"):
        assert status(settings, method, host=OWN, **lines) == expected
        assert status(Settings(cors_origins="*"), method, host=OWN, **lines) == 200
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        assert status(settings, method, host=OWN, **lines) == 200
