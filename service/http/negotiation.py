"""The choice of an answer's type: of those that a route offers, the one that the client likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.errors import NotAcceptableError, UnsupportedTypeError

JSON = "application/json"
NPY = "application/x-npy"
NPZ = "application/x-npz"
PNG = "image/png"
CSV = "text/csv"
URLENCODED = "application/x-www-form-urlencoded"
"""Type that ``curl -d`` sends, whatever the body is."""


def choose_media(accept: str, offered: Sequence[str]) -> str:
    """Return the offered type with the highest quality in an Accept header; the first of equal ones.

    Raises:
        NotAcceptableError: naming the offered types.

    >>> choose_media("image/png;q=0.5, application/json;q=0.9", ["application/json", "image/png"])
    'application/json'
    >>> choose_media("image/*, */*", ["application/json", "image/png"])
    'application/json'
    """
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    best = max(offered, key=lambda media: _quality(media, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptableError(f"the Accept header names no type that this route answers: {', '.join(offered)}")
    return best


def _media_range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media, float(parameter[2:])
            except ValueError:
                return media, 0.0
    return media, 1.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the quality of a type, by the most specific range that fits; 0 if none does."""
    kind = media.split("/")[0]
    for fits in (media, f"{kind}/*", "*/*"):
        for accepted, quality in ranges:
            if accepted == fits:
                return quality
    return 0.0


def assumed_type(path: str, headers: Mapping[str, str]) -> str:
    """Return the type of a body that comes without one: the empty text, which no route reads, but for two cases.

    A page of any site may send a body without a type and without asking first; so its ``Origin`` tells it from clients
    of the Open Inference Protocol, whose usual one sends no types. Where there is no body, nothing is assumed about it.

    >>> assumed_type("/predict", {"content-length": "9"})
    ''
    """
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    is_open_inference = path.startswith("/v2/") and "origin" not in headers
    return JSON if is_open_inference or not has_body else ""


def unread_type(content_type: str, *allowed: str) -> UnsupportedTypeError:
    """Return the refusal of a body's type, with the header that ``curl -d`` needs where it has sent its own.

    Args:
        content_type: Type of the body; empty if it has none.
        allowed: Types that are read.
    """
    hint = f"; with curl -d say -H 'Content-Type: {allowed[0]}'" * (content_type == URLENCODED)
    types = f"allowed {'is' if len(allowed) == 1 else 'are:'} {', '.join(allowed)}"
    fault = "the body's Content-Type is not read here" if content_type else "the body has no Content-Type"
    return UnsupportedTypeError(f"{fault}; {types}{hint}")
