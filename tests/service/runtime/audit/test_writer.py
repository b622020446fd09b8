"""The audit on its way to the disk: whole lines, in order, none lost while there is no room for them."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import wait_until
from random_models import digits, save_model
from running_service import started

from service.http.audit.line import decode_line
from service.runtime.audit.file import AuditFile, UnusableAuditFileError
from service.runtime.audit.writer import AuditWriter
from service.telemetry import Telemetry

LONG = 200_000_000
"""Bytes of a file that is longer than any other that the tests write."""


@contextmanager
def full(path: Path, spare: int = 0) -> Iterator[None]:
    """No room for more than a few further bytes in a file, whose size is made larger than that of all others."""
    os.truncate(path, LONG)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LONG + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_file_is_begun_and_the_oldest_goes(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "audit.jsonl", max_bytes=20, kept=2)
    for i in range(9):
        file.append(b"line %d ...\n" % i)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {
        "audit.jsonl": b"line 8 ...\n",
        "audit.jsonl.1": b"line 7 ...\n",
        "audit.jsonl.2": b"line 6 ...\n",
    }
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_what_does_not_fit_is_not_there_in_part(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, max_bytes=2 * LONG, kept=1)
    with full(path, spare=5), pytest.raises(OSError, match="File too large"):
        file.append(b"0123456789\n")
    assert path.stat().st_size == LONG
    file.append(b"whole\n")
    assert path.stat().st_size == LONG + 6


def test_a_torn_line_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"whole\nto")
    AuditFile(path, 1000, 1).append(b"next\n")
    assert path.read_bytes() == b"whole\nto\nnext\n"


def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "none" / "a", "No such file"),
        (tmp_path / "pipe", "no regular file"),
        (tmp_path, "no regular file"),
        (Path("/dev/full"), "no regular file"),
    ):
        with pytest.raises(UnusableAuditFileError, match=reason):
            AuditFile(path, 1000, 1)


def test_lines_that_wait_are_written_at_the_end_or_are_said_to_be_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, telemetry = tmp_path / "audit.jsonl", Telemetry()
    writer = AuditWriter(AuditFile(path, 2 * LONG, 1), telemetry, {})
    for i in range(1000):
        writer.put(b"%d\n" % i)
    writer.close()
    assert path.read_bytes() == b"".join(b"%d\n" % i for i in range(1000))
    assert telemetry.registry.get_sample_value("credence_audit_lines_total") == 1000
    writer = AuditWriter(AuditFile(path, 2 * LONG, 1), telemetry, {})
    with full(path):
        writer.put(b"one\n")
        wait_until(lambda: writer.is_broken)
        writer.put(b"two\n")
        writer.close()
    assert "2 lines of the audit are lost" in caplog.text


@pytest.mark.anyio
async def test_without_room_nothing_is_computed_and_nothing_is_lost(tmp_path: Path) -> None:
    save_model(tmp_path / "store", "mlp")
    path, body = tmp_path / "audit.jsonl", {"inputs": digits(1)}
    async with started(store=tmp_path / "store", audit_file=path, audit_bytes=2 * LONG) as client:
        with full(path):
            assert (await client.post("/predict", json=body, headers={"x-request-id": "a"})).status_code == 200
            await asyncio.to_thread(wait_until, lambda: client.runtime.audit.is_broken)
            for route in ("/predict", "/generate/vae", "/v2/models/mlp/infer"):
                refused = await client.post(route, json=body)
                assert (refused.status_code, refused.json()["code"]) == (503, "audit-unavailable")
                assert refused.headers["retry-after"]
            unready = await client.get("/health/ready")
            assert (unready.status_code, unready.json()["reason"]) == (503, "the audit cannot be written")
            assert "credence_audit_broken 1.0" in (await client.get("/metrics")).text
            assert (await client.get("/models")).status_code == 200
        await asyncio.to_thread(wait_until, lambda: not client.runtime.audit.is_broken)
        assert (await client.post("/predict", json=body, headers={"x-request-id": "b"})).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
    with path.open("rb") as file:
        file.seek(LONG)
        assert [decode_line(line).request_id for line in file.read().splitlines()] == ["a", "b"]
