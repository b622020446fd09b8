"""Bytes on a connection: what the parser lets pass, and what is refused in the service's own form."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE
from raw_requests import CASES, ENDLESS
from server_process import Server

from service.app import ROUTES
from service.http.cors import METHODS


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    started = Server(store, default_model="mlp")
    started.wait_ready()
    yield started
    assert started.stop() == 0


def answers(server: Server, sent: bytes) -> bytes:
    """All that the server sends until it closes."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("case", CASES)
def test_what_is_answered_in_which_order(server: Server, case: str) -> None:
    statuses, sent = CASES[case]
    received = answers(server, sent)
    heads = re.findall(rb"HTTP/1\.1 (\d+) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n", received)
    assert [int(status) for status, _ in heads] == statuses
    if statuses[-1] >= 400:
        assert b"content-type: application/problem+json\r\n" in heads[-1][1]
        problem = json.loads(received[received.rindex(b"\r\n\r\n") :])
        assert problem["status"] == statuses[-1]
        counted = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
        route = "/predict" if statuses[-1] == 415 else "unmatched"  # a type is refused by the route, all else before
        assert f'credence_requests_total{{route="{route}",status="{statuses[-1]}"}}' in counted


def send_on(server: Server, start: bytes, piece: bytes) -> None:
    """Send for as long as the server reads, and more than the kernel holds for one that does not."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(start)
        for _ in range(500):
            connection.sendall(piece)


def test_a_refused_method_is_told_those_of_the_routes(server: Server) -> None:
    of_routes = {method for group in ROUTES for route in group.router.routes for method in route.methods}
    assert {*METHODS} == {*of_routes, "HEAD"}  # which whatever takes GET answers
    refused = answers(server, b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"the method is not known here; allowed are, as routes have them, GET, HEAD, POST, DELETE" in refused


@pytest.mark.parametrize("case", ENDLESS)
def test_what_has_no_end_is_cut_off(server: Server, case: str) -> None:
    piece = b"X: a\r\n" * 10_000 if case.startswith("lines") else b"a" * 60_000
    with pytest.raises(ConnectionError):
        send_on(server, ENDLESS[case], piece)
    assert httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == 200
