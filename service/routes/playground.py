"""GET /: the playground, a page that shows what is served and needs nothing but this service."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "playground"
_FILES = {path.relative_to(_FOLDER).as_posix(): path.read_bytes() for path in _FOLDER.rglob("*.*")}
"""The files that may be asked for, by their path in the folder."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def page() -> Response:
    """The playground's page."""
    return _response("index.html")


@router.get("/playground/{path:path}")
async def file(path: str) -> Response:
    """The scripts and styles of the page."""
    if path not in _FILES:
        raise HTTPException(404)
    return _response(path)


def _response(path: str) -> Response:
    return Response(_FILES[path], media_type=mimetypes.guess_type(path)[0], headers=_HEADERS)
