"""The layer of access: without a key nothing but the open routes answers, and a key opens what its scopes list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from service.errors import MissingScopeError, UnknownKeyError
from service.http.access.file_keys import FileKeys
from service.http.access.ring import KeyRing
from service.http.access.scopes import NEEDED, OPEN, Needed
from service.http.layer import Layer, Service
from service.settings import Settings

_HOW = "send one as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"


class Access(Layer):
    """Refuses requests without a key (401) and those that their key has no scope for (403); off without keys.

    A request that no route takes needs a key as well: who has none learns nothing of what there is. The id of the key
    goes on with the request, as ``key_id`` of its state.
    """

    @classmethod
    def is_on(cls, settings: Settings) -> bool:
        """Return whether the settings tell where keys are kept."""
        return settings.has_keys

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        file = service.settings.key_file
        source = service.keys if file is None else FileKeys(file)
        assert source is not None  # else this layer is left out
        self._ring = KeyRing(source)
        self._routes: tuple[BaseRoute, ...] = ()

    def enter(self, scope: Scope) -> None:
        """Look for a key, and whether it opens the route."""
        template = self._template(scope)
        needed = None if template is None else NEEDED.get((scope["method"], template))
        if needed != OPEN:
            key = self._ring.authenticate(presented_key(Headers(scope=scope)))
            if template is not None:
                _check_scope(needed, key.scopes)
            scope["state"]["key_id"] = key.id

    def _template(self, scope: Scope) -> str | None:
        """Return the path template of the route that will answer; ``None`` if none will."""
        self._routes = self._routes or tuple(all_routes(scope["app"].routes))
        matching = (route for route in self._routes if route.matches(scope)[0] is Match.FULL)
        return next((getattr(route, "path", "") for route in matching), None)


def presented_key(headers: Headers) -> str:
    """Return the key in the head of a request.

    Raises:
        UnknownKeyError: if there is none, or more than one.
    """
    lines = [*headers.getlist("authorization"), *headers.getlist("x-api-key")]
    if not lines:
        raise UnknownKeyError(f"no key was given; {_HOW}")
    if len(lines) > 1:
        raise UnknownKeyError(f"several keys were given; {_HOW}", given=True)
    if "x-api-key" in headers:
        return lines[0].strip()
    scheme, _, text = lines[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise UnknownKeyError(f"Authorization is not of the scheme Bearer; {_HOW}", given=True)
    return text.strip()


def _check_scope(needed: Needed | None, scopes: tuple[str, ...]) -> None:
    if needed is None:
        raise MissingScopeError("no scope opens this route", ())
    if not needed.intersection(scopes):
        wanted = " or ".join(sorted(needed))
        raise MissingScopeError(
            f"the key has the scopes {', '.join(scopes)}; this route needs {wanted}: ask the operator for such a key",
            sorted(needed),
        )


def all_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield every route in the order in which the framework tries them, those of included routers among them."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from all_routes(included.routes)
