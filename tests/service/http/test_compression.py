"""Compressed bodies, of requests and of answers: read right within the limits, or refused with what is allowed."""

from __future__ import annotations

import gzip
import io
import json
import time
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx
import numpy as np
import pytest
from random_models import digits

from service.http.compression import unpack

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

BODY = json.dumps({"inputs": digits(3)}).encode()
packed = partial(gzip.compress, mtime=0)
"""Compresses bytes without the time of day, which would make another test of every run."""
BOMB = packed(bytes(200_000_000), 1)


async def sent(client: httpx.AsyncClient, body: bytes, encoding: str, kind: str = "application/json") -> httpx.Response:
    return await client.post("/predict", content=body, headers={"content-encoding": encoding, "content-type": kind})


async def test_a_compressed_body_is_read_as_what_it_holds(client: httpx.AsyncClient) -> None:
    plain = (await sent(client, BODY, "")).content
    file = io.BytesIO()
    np.save(file, np.array(digits(3), np.float32))
    members = packed(BODY[:100]) + packed(b"") + packed(BODY[100:])
    for body, encoding in (
        (packed(BODY), "gzip"),
        (packed(BODY), "X-GZIP"),
        (members, "gzip"),
        (zlib.compress(BODY), "deflate"),
        (BODY, "identity"),
    ):
        answer = await sent(client, body, encoding)
        assert answer.content == plain, answer.text
    array = await sent(client, packed(file.getvalue()), "gzip", "application/x-npy")
    assert array.json()["label"] == json.loads(plain)["label"]


async def test_several_lines_are_one_list_of_encodings(client: httpx.AsyncClient) -> None:
    """Whichever came first was taken alone, so that a body packed twice was read as one that is packed once."""
    for lines in (["gzip", "br"], ["identity", "gzip"], ["deflate", "gzip"]):
        headers = [("content-type", "application/json"), *(("content-encoding", line) for line in lines)]
        refused = await client.post("/predict", content=packed(BODY), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-media-type")
        assert refused.json()["detail"].endswith("allowed is one of: gzip, deflate")


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (BODY, "gzip", 400, "bad-content-encoding"),
        (BODY, "deflate", 400, "bad-content-encoding"),
        (packed(BODY), "deflate", 400, "bad-content-encoding"),
        (zlib.compress(BODY), "gzip", 400, "bad-content-encoding"),
        (zlib.compress(BODY)[2:-4], "deflate", 400, "bad-content-encoding"),
        (packed(BODY)[:-9], "gzip", 400, "bad-content-encoding"),
        (packed(BODY)[:-1] + b"x", "gzip", 400, "bad-content-encoding"),
        (packed(BODY) + b"and more", "gzip", 400, "bad-content-encoding"),
        (zlib.compress(BODY)[:-2], "deflate", 400, "bad-content-encoding"),
        (zlib.compress(BODY) + b"and more", "deflate", 400, "bad-content-encoding"),
        (packed(b"") * 2000, "gzip", 400, "bad-content-encoding"),
        (b"", "gzip", 400, "not-json"),
        (packed(b"not JSON"), "gzip", 400, "not-json"),
        (packed(packed(BODY)), "gzip, gzip", 415, "unsupported-media-type"),
        (BODY, "br", 415, "unsupported-media-type"),
        (BODY, "zstd", 415, "unsupported-media-type"),
        (BOMB, "gzip", 413, "body-too-large"),
        (zlib.compress(bytes(200_000_000), 1), "deflate", 413, "body-too-large"),
        (packed(bytes(2_000_001)), "gzip", 413, "body-too-large"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(
    client: httpx.AsyncClient, body: bytes, encoding: str, status: int, code: str
) -> None:
    refused = await sent(client, body, encoding)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    if status == 415:
        assert refused.headers["accept-encoding"] == "gzip, deflate"
        assert "gzip, deflate" in refused.json()["detail"]


def test_a_head_and_padding_of_megabytes_are_passed_over_in_a_moment() -> None:
    named = bytearray(packed(BODY))
    named[3] = 0x08  # the head has a name, up to a zero
    named[10:10] = b"a" * 8_000_000 + b"\0"
    began = time.process_time()
    assert unpack(bytes(named) + bytes(8_000_000), "gzip", len(BODY)) == BODY
    assert time.process_time() - began < 1  # byte by byte it takes four seconds


async def test_the_limit_is_that_of_the_content(app: App) -> None:
    exact = json.dumps({"inputs": digits(1)}).encode().ljust(3000)
    async with app(max_body_bytes=3000) as client:
        for body in (packed(exact), zlib.compress(exact)):
            encoding = "gzip" if body[0] == 0x1F else "deflate"
            assert (await sent(client, body, encoding)).status_code == 200
        for body in (packed(exact + b" "), packed(np.random.default_rng(0).bytes(3000))):
            assert (await sent(client, body, "gzip")).status_code == 413


async def test_long_answers_of_numbers_are_compressed_for_those_who_accept_it(client: httpx.AsyncClient) -> None:
    request = {"inputs": digits(64)}
    plain = await client.post("/predict", json=request, headers={"accept-encoding": "identity"})
    packed = await client.post("/predict", json=request, headers={"accept-encoding": "br;q=1, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    packed = await client.post("/predict", json=request, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert (packed.content, packed.headers["vary"]) == (plain.content, "Accept-Encoding")
    assert int(packed.headers["content-length"]) < len(plain.content) / 1.5
    for headers in ({"accept-encoding": "gzip; q=0"}, {"accept": "application/x-npz"}):
        assert "content-encoding" not in (await client.post("/predict", json=request, headers=headers)).headers
    assert "content-encoding" not in (await client.post("/predict", json={"inputs": digits(1)})).headers
