"""The audit on its way to the file: whole lines, each there before its answer, and no answer without one."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE, wait_until
from random_models import digits, save_model
from running_service import started

from service.errors import AuditUnavailableError
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
        "audit.jsonl.lock": b"",
    }
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_two_services_cannot_have_one_file(tmp_path: Path) -> None:
    first = AuditFile(tmp_path / "audit.jsonl", 1000, 1)
    with pytest.raises(UnusableAuditFileError, match="another service writes"):
        AuditFile(tmp_path / "audit.jsonl", 1000, 1)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "audit.jsonl")
    with pytest.raises(UnusableAuditFileError, match="another service writes"):
        AuditFile(tmp_path / "link.jsonl", 1000, 1)
    AuditFile(tmp_path / "other.jsonl", 1000, 1).close()
    first.close()
    AuditFile(tmp_path / "audit.jsonl", 1000, 1).close()


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


def test_what_waits_is_written_together_and_at_the_end(tmp_path: Path) -> None:
    path, telemetry = tmp_path / "audit.jsonl", Telemetry()
    writer = AuditWriter(AuditFile(path, 2 * LONG, 1), telemetry, {})
    written = [writer.put(b"%d\n" % i) for i in range(1000)]
    written[0].cancel()  # its client has left; its line is written all the same
    writer.close()
    assert all(one.done() for one in written)
    assert path.read_bytes() == b"".join(b"%d\n" % i for i in range(1000))
    assert telemetry.registry.get_sample_value("credence_audit_lines_total") == 1000


def test_a_line_is_in_the_file_when_its_future_is_done(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "audit.jsonl"
    writer = AuditWriter(AuditFile(path, 2 * LONG, 1), Telemetry(), {})
    for i in range(100):
        writer.put(b"%d\n" % i).result()
        assert path.read_bytes().endswith(b"%d\n" % i)
    with full(path):
        for _ in range(2):
            with pytest.raises(AuditUnavailableError):
                writer.put(b"lost\n").result()
        assert writer.is_broken
        assert path.stat().st_size == LONG
    wait_until(lambda: not writer.is_broken)
    assert path.stat().st_size == LONG
    writer.put(b"after\n").result()
    assert path.stat().st_size == LONG + 6
    assert [one.levelname for one in caplog.records] == ["CRITICAL", "WARNING"]
    writer.close()


def test_a_pipe_in_its_place_is_waited_for_by_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    file = AuditFile(path, LONG, 1)
    path.unlink()
    os.mkfifo(path)
    for use in (file.sync, file.try_to_write):
        with pytest.raises(OSError, match=r"Invalid argument|No such device"):
            use()
    file.close()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "audit.jsonl"
    writer = AuditWriter(AuditFile(path, LONG, 1), Telemetry(), {})
    writer.put(b"1\n").result()
    path.rename(tmp_path / "moved")
    writer.put(b"2\n").result()
    path.unlink()
    make(path)
    with pytest.raises(AuditUnavailableError):
        writer.put(b"3\n").result(PATIENCE)
    path.rename(tmp_path / "odd")
    wait_until(lambda: not writer.is_broken)
    writer.put(b"4\n").result()
    writer.close()
    assert path.read_bytes() == b"4\n"


@pytest.mark.anyio
async def test_what_cannot_be_on_record_is_not_answered(tmp_path: Path) -> None:
    save_model(tmp_path / "store", "mlp")
    path, body = tmp_path / "audit.jsonl", {"inputs": digits(1)}
    async with started(store=tmp_path / "store", audit_file=path, audit_bytes=2 * LONG) as client:
        assert (await client.post("/predict", json=body, headers={"x-request-id": "a"})).status_code == 200
        assert [decode_line(line).request_id for line in path.read_bytes().splitlines()] == ["a"]
        with full(path):
            for route in ("/predict", "/v2/models/mlp/infer", "/predict", "/generate/vae"):
                content = body if route == "/predict" else tensor(body["inputs"])
                refused = await client.post(route, json=content)
                assert (refused.status_code, refused.json()["code"]) == (503, "audit-unavailable"), route
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
        assert [decode_line(line).request_id for line in file.read().splitlines()] == ["b"]


def tensor(rows: list[list[float]]) -> dict[str, object]:
    return {"inputs": [{"name": "inputs", "shape": [len(rows), 64], "datatype": "FP32", "data": rows}]}
