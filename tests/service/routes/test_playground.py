"""GET /: a page that needs no other host, and gives nothing but its own files."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.anyio

FOLDER = Path(__file__).parents[3] / "service" / "playground"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*"))


async def test_every_file_is_served_by_its_type_and_may_only_talk_to_its_own_host(client: httpx.AsyncClient) -> None:
    types = {"js": "text/javascript", "css": "text/css", "html": "text/html", "svg": "image/svg+xml"}
    assert len(FILES) > 30
    for path in FILES:
        answer = await client.get(f"/playground/{path}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == types[path.rpartition(".")[2]]
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    page = await client.get("/")
    assert page.content == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "nothing.js", "views", "", "parts/"])
async def test_nothing_else_is(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/playground/{path}")).status_code == 404


@pytest.mark.parametrize("path", FILES)
def test_no_file_names_another_host_or_an_import_that_is_missing(path: str) -> None:
    text = (FOLDER / path).read_text()
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}
    for imported in re.findall(r'from "(\.[^"]*)"', text):
        assert ((FOLDER / path).parent / imported).exists()
