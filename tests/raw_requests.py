"""Requests as bytes, good and bad, with the statuses that answer them."""

from __future__ import annotations

import json

from random_models import digits

HOST = b"Host: localhost\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST
BODY = json.dumps({"inputs": digits(1), "samples": 1}).encode()
POST = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x;note=1\r\n%s\r\n" % (len(BODY), BODY)
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
LAST = LIVE + b"Connection: close\r\n\r\n"
"""A request after which the server closes: that it is answered shows where the ones before it ended."""

CASES: dict[str, tuple[list[int], bytes]] = {
    "two at once": ([200, 200], POST + LENGTH + b"\r\n" + BODY + LAST),
    "as many ahead as may be": ([200] * 100, (LIVE + b"\r\n") * 99 + LAST),
    "too many ahead": ([200] * 100 + [400], (LIVE + b"\r\n") * 3000),
    "no host": ([400], b"GET /health/live HTTP/1.1\r\n\r\n"),
    "no host in HTTP/1.0": ([200], b"GET /health/live HTTP/1.0\r\n\r\n"),
    "a foreign host": ([421], LIVE.replace(b"localhost", b"evil.example") + b"\r\n"),
    "a whole address of a foreign host": ([421], LAST.replace(b"/health", b"http://evil.example/health")),
    "a page of another origin": ([403], POST + LENGTH + b"Origin: https://evil.example\r\n\r\n" + BODY),
    "a body without a type": ([415, 200], POST.replace(b"Content-Type", b"X-Type") + LENGTH + b"\r\n" + BODY + LAST),
    "an unknown method": ([501], LAST.replace(b"GET", b"BREW")),
    "a method in small letters": ([501], LAST.replace(b"GET", b"get")),
    "a method of other protocols": ([405, 200], LIVE.replace(b"GET", b"PROPFIND") + b"\r\n" + LAST),
    "two types": ([400], POST + b"Content-Type: text/csv\r\n" + LENGTH + b"\r\n" + BODY + LAST),
    "as many lines as may be": ([200], LIVE + b"a: b\r\n" * 98 + b"Connection: close\r\n\r\n"),
    "a line too many": ([431], LIVE + b"a: b\r\n" * 100 + b"\r\n"),
    "two hosts": ([400], LIVE + HOST + b"\r\n"),
    "HTTP/2 without asking": ([400], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "an unknown version": ([400], b"GET /health/live HTTP/3.7\r\n" + HOST + b"\r\n"),
    "TLS": ([400], bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) + b"a" * 100),
    "CONNECT": ([501], b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT to a path": ([501], b"CONNECT /predict HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT behind others": ([200, 501], LIVE + b"\r\nCONNECT * HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n" + LAST),
    "a line that is folded": ([400], LIVE + b"X: a\r\n b\r\n\r\n"),
    "a NUL in a line": ([400], LIVE + b"X: a\0b\r\n\r\n"),
    "a space before the colon": ([400], LIVE + b"X : a\r\n\r\n"),
    "lines that end in LF alone": ([400], LIVE.replace(b"\r\n", b"\n") + b"\n"),
    "an address of other bytes": ([400], b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a whole address": ([200], LAST.replace(b"/health", b"http://localhost/health")),
    "chunks": ([200, 200], POST + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n" + LAST),
    "chunks of a byte": (
        [200, 200],
        POST + CHUNKED + b"\r\n" + b"".join(b"1\r\n%c\r\n" % one for one in BODY) + b"0\r\n\r\n" + LAST,
    ),
    "a line after the body": (
        [200, 200],
        POST + CHUNKED + b"\r\n" + CHUNKS + b"0\r\nX-Request-Timeout-Ms: soon\r\n\r\n" + LAST,
    ),
    "a length beside chunks": ([400], POST + LENGTH + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n" + LAST),
    "two lengths": ([400], POST + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY + LAST),
    "a negative length": ([400], POST + b"Content-Length: -1\r\n\r\n" + LAST),
    "a length of 80 bits": ([400], POST + b"Content-Length: 999999999999999999999999\r\n\r\n" + LAST),
    "chunks in HTTP/1.0": ([400], POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n"),
    "chunks twice": ([400], POST + CHUNKED + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n\r\n" + LAST),
    "another coding before chunks": ([400], POST + b"Transfer-Encoding: gzip\r\n" + CHUNKED + b"\r\n" + CHUNKS + LAST),
    "chunks of another coding": ([501], POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n"),
    "a chunk without a length": ([400], POST + CHUNKED + b"\r\nzz\r\n" + LAST),
    "a chunk without an end": ([400], POST + CHUNKED + b"\r\n5\r\nabcdeXX0\r\n\r\n" + LAST),
    "a bad body behind others": ([200] * 3 + [400], (LIVE + b"\r\n") * 3 + POST + CHUNKED + b"\r\nzz\r\n" + LAST),
    "no request behind others": ([200] * 3 + [400], (LIVE + b"\r\n") * 3 + b"GARBAGE\r\n\r\n" + LAST),
    "an offer of HTTP/2": ([200, 200], POST + LENGTH + OFFER + b"\r\n" + BODY + LAST),
    "an offer of HTTP/2 before chunks": ([200, 200], POST + CHUNKED + OFFER + b"\r\n" + CHUNKS + b"0\r\n\r\n" + LAST),
    "offers behind others": ([200] * 4, (LIVE + b"\r\n" + LIVE + OFFER + b"\r\n") + LIVE + OFFER + b"\r\n" + LAST),
    "a web socket": ([200, 200], LIVE + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + LAST),
    "a pause before the body": ([100, 200, 200], POST + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY + LAST),
    "a pause in HTTP/1.0": ([200], POST.replace(b"1.1", b"1.0") + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY),
    "a body that was not asked for": (
        [404],
        POST.replace(b"predict", b"nowhere") + LENGTH + b"Expect: 100-continue\r\n\r\n" + LIVE + b"\r\n",
    ),
    "a body of a type that is not read": (
        [415],
        POST.replace(b"application/json", b"text/plain") + LENGTH + b"Expect: 100-continue\r\n\r\n" + LIVE + b"\r\n",
    ),
    "a body of a coding that is not read": (
        [415],
        POST + LENGTH + b"Content-Encoding: br\r\nExpect: 100-continue\r\n\r\n" + LIVE + b"\r\n",
    ),
    "more after the last": ([200], LAST + LIVE + b"\r\n"),
    "a head without an end": ([431], LIVE + b"X: " + b"a" * 17_000),
    "an address without an end": ([431], b"GET /" + b"a" * 17_000),
    "a refused body that goes on": ([413, 200], POST + b"Content-Length: 3000000\r\n\r\n" + bytes(3_000_000) + LAST),
}


ENDLESS = {
    "a chunk's note": POST + CHUNKED + b"\r\n5;",
    "a line after the body": POST + CHUNKED + b"\r\n" + CHUNKS + b"0\r\nX: ",
    "lines after the body": POST + CHUNKED + b"\r\n" + CHUNKS + b"0\r\n",
}
