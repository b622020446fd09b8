import shutil
from pathlib import Path

import pytest
from peers.load import Load, LoadError, drive, median, parse, wrk
from recording_server import recording

PRINTED = """Running 2s test @ http://127.0.0.1:1/predict
  1 threads and 32 connections
{"requests": 1000, "seconds": 2.000000, "p50": 1.250000, "p99": 3.500000, "failed": %d}
Requests/sec:    500.00
"""
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def test_what_wrk_prints_is_read() -> None:
    assert parse(PRINTED % 0) == Load(500.0, 1.25, 3.5)


def test_a_failed_request_is_no_measurement() -> None:
    with pytest.raises(LoadError, match="3 of 1000 requests failed"):
        parse(PRINTED % 3)


def test_output_without_figures_is_no_measurement() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_median_is_that_of_each_figure() -> None:
    assert median([Load(1, 9, 5), Load(2, 8, 7), Load(9, 1, 6)]) == Load(2, 8, 6)


def test_without_wrk_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LoadError, match="apt-get install wrk"):
        wrk()


@needs_wrk
def test_all_bodies_are_sent_in_turn_each_with_a_seed_of_its_own(tmp_path: Path) -> None:
    bodies = [b"a", b"bb", b"ccc"]
    for index, body in enumerate(bodies):
        (tmp_path / str(index)).write_bytes(body)
    with recording(b"{}") as server:
        load = drive(f"{server.url}/predict?samples=50", "application/json", tmp_path, 1, 1, seeds=True)
    sent = [body for _, body in server.asked]
    assert load.rate > 0
    assert all(sent.count(body) >= len(sent) // 3 for body in bodies)
    assert len({path for path, _ in server.asked}) == len(sent)
    assert all(path.startswith("/predict?samples=50&seed=") for path, _ in server.asked)


@needs_wrk
def test_errors_in_answer_to_load_are_no_measurement(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"a")
    with recording(b"{}", status=503) as server, pytest.raises(LoadError, match="requests failed"):
        drive(f"{server.url}/predict", "application/json", tmp_path, 1, 1)
