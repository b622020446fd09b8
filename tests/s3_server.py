"""A real S3 API for tests: moto's server as a process, and in front of it a proxy that spoils what a test asks for.

Moto lives in an environment of its own, as a tool: what it needs does not go together with what this project needs.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from conftest import tool
from free_port import free_port
from patience import PATIENCE

CROWDED = "crowded"
"""A bucket that the server begins with: ten thousand objects under ``many/``, and a version of 1001 under ``heap/``."""
_PROGRAM = f"""
import sys
from moto.s3.models import s3_backends
from moto.server import main
backend = s3_backends["123456789012"]["aws"]
backend.create_bucket("{CROWDED}", "us-east-1")
for number in range(10_000):
    backend.put_object("{CROWDED}", f"many/notes/{{number:05}}", b"x")
for name in ("SHA256SUMS", *map(str, range(1000))):
    backend.put_object("{CROWDED}", f"heap/regression/1/{{name}}", b"x")
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-tester",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""What an operator sets besides ``AWS_ENDPOINT_URL``."""

_SIGNED = "AWS4-HMAC-SHA256 Credential=tester/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass
class Answer:
    """An answer of the server, on its way to the client."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes


Fault = Callable[[BaseHTTPRequestHandler, Answer], bool]
"""Function that sends something else in place of an answer, and returns whether it did."""


class Proxy(ThreadingHTTPServer):
    """A proxy that passes everything on, unless it has a fault."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = port
        self.fault: Fault = lambda handler, answer: False
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that leave are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # whatever the method
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=PATIENCE)
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        answer = Answer(self.command, self.path, reply.status, dict(reply.getheaders()), reply.read())
        connection.close()
        self.server.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        if not self.server.fault(self, answer):
            send(self, answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def send(handler: BaseHTTPRequestHandler, answer: Answer, body: bytes | None = None) -> None:
    """Send an answer with its own length, and its own body or as much of another."""
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in ("transfer-encoding", "connection", "date", "server", "content-length"):
            handler.send_header(name, value)
    length = answer.headers.get("Content-Length") if answer.method == "HEAD" else len(answer.body)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    if answer.method != "HEAD":
        handler.wfile.write(answer.body if body is None else body)


class Bucket:
    """A bucket as another writer sees it, without any library: names of objects go out as they are."""

    def __init__(self, port: int, name: str) -> None:
        self.name, self._port = name, port
        self._send("PUT", "", b"")

    def put(self, key: str, content: bytes) -> None:
        assert self._send("PUT", f"/{key}", content) == 200

    def put_folder(self, folder: Path, place: str) -> None:
        for path in folder.iterdir():
            self.put(f"{place}/{path.name}", path.read_bytes())

    def delete(self, *keys: str) -> None:
        for key in keys:
            assert self._send("DELETE", f"/{key}", b"") == 204

    def _send(self, method: str, path: str, content: bytes) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.request(method, f"/{self.name}{path}", content, {"Authorization": _SIGNED})
        status = connection.getresponse().status
        connection.close()
        return status


@contextmanager
def s3_server() -> Iterator[int]:
    """The port of a new S3 server."""
    port = free_port()
    python = Path(tool("moto_server")).resolve().with_name("python")
    process = subprocess.Popen([python, "-c", _PROGRAM, str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def proxy_of(port: int) -> Iterator[Proxy]:
    """A proxy in front of the S3 server of a port."""
    with Proxy(port) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
