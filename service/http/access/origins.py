"""By which names the service may be called, and from which sites' pages."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from http import HTTPStatus

from starlette.exceptions import HTTPException

from service.http.access.exposure import is_loopback
from service.settings import Settings

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]+)(:\d{0,5})?")
_WHOLE_ADDRESS = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_SAFE = (b"GET", b"HEAD", b"OPTIONS")

_NO_HOST = HTTPException(HTTPStatus.BAD_REQUEST, "the request names no valid host; allowed is one name or address")
_NOT_ITS_NAME = HTTPException(
    HTTPStatus.MISDIRECTED_REQUEST, "the service does not have this host name; CREDENCE_ALLOWED_HOSTS lists its names"
)
_FOREIGN_PAGE = HTTPException(
    HTTPStatus.FORBIDDEN, "pages of other origins may not send this; CREDENCE_CORS_ORIGINS lists those that may"
)


class Origins:
    """What keeps pages of other sites from a service that the visitor's browser can reach.

    Such a page can send requests in two ways. It can make its own name an address of the service (DNS rebinding), and
    is then of the same origin: only the host's name tells. Or it sends them as a page of another origin, and needs no
    leave for the simple ones: ``Origin`` and ``Sec-Fetch-Site`` tell, which browsers add and pages cannot change.

    Args:
        settings: The settings of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self._pages = settings.cors_origins
        self._hosts = settings.allowed_hosts or (() if is_loopback(settings.host) else ("*",))
        self._check_host = functools.lru_cache(256)(self._look_at_host)

    def check(self, method: bytes, target: bytes, lines: Mapping[bytes, bytes]) -> None:
        """Raise unless the request calls the service by one of its names, and comes from no foreign page.

        Args:
            method: Method of the request.
            target: Address in its first line.
            lines: Header lines by lower-case name.

        Raises:
            HTTPException: if the host is none (400) or another (421), or the page may not send this (403).
        """
        if b"host" in lines:
            self._check_host(lines[b"host"])
        if not target.startswith(b"/") and target != b"*":  # RFC 9112, 3.2.2: then this is the host that counts
            self._check_host(whole[1] if (whole := _WHOLE_ADDRESS.match(target)) else b"")
        if method not in _SAFE and (b"origin" in lines or b"sec-fetch-site" in lines):
            self._check_page(lines)

    def _look_at_host(self, value: bytes) -> None:
        if not (found := _HOST.fullmatch(value)):
            raise _NO_HOST
        name = found[1].decode().strip("[]").lower().removesuffix(".")  # the name's end, which few write
        matching = (fnmatchcase(name, allowed.strip("[]").lower()) for allowed in self._hosts)
        if not (any(matching) if self._hosts else is_loopback(name)):
            raise _NOT_ITS_NAME

    def _check_page(self, lines: Mapping[bytes, bytes]) -> None:
        origin = lines.get(b"origin", b"null").decode("latin-1")
        if "*" in self._pages or origin in self._pages:
            return
        site = lines.get(b"sec-fetch-site")
        is_own = origin.partition("://")[2].lower() == lines.get(b"host", b"").decode("latin-1").lower()
        if not (is_own if site is None else site in (b"same-origin", b"none")):
            raise _FOREIGN_PAGE
