"""GET /docs and /redoc: the reference of the routes as Swagger and ReDoc show it, from files on this host alone."""

from __future__ import annotations

import base64
import functools
import hashlib
import mimetypes
import re
from importlib.resources import files

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js")
_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_ICON = "playground/icon.svg"
_DAY_SECONDS = 86_400


def _page(html: Response) -> Response:
    """Return a page that may load and call nothing but this service; its own script is named by a digest."""
    text = bytes(html.body)
    scripts = re.findall(rb"<script>(.*?)</script>", text, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    allowed = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})


@router.get("/docs")
async def swagger() -> Response:
    """Swagger's page, which can try every route out."""
    return _page(
        get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Credence: Swagger",
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url=_ICON,
            swagger_ui_parameters={"validatorUrl": None},
        )
    )


@router.get("/redoc")
async def redoc() -> Response:
    """ReDoc's page, made for reading."""
    return _page(
        get_redoc_html(
            openapi_url="openapi.json",
            title="Credence: ReDoc",
            redoc_js_url="docs/redoc.standalone.js",
            redoc_favicon_url=_ICON,
            with_google_fonts=False,
        )
    )


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """The scripts and styles of both pages."""
    if name not in _FILES:
        raise HTTPException(404)
    headers = {"Cache-Control": f"max-age={_DAY_SECONDS}"}
    return Response(_content(name), media_type=mimetypes.guess_type(name)[0], headers=headers)


@functools.cache
def _content(name: str) -> bytes:
    """Return a script or style, read when somebody first opens a page; ReDoc's logo would be fetched elsewhere."""
    return (files("fastapi_offline") / "static" / name).read_bytes().replace(_LOGO, b"data:,")
