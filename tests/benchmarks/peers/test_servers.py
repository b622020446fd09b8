import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers import environments
from peers.environments import MissingPeerError, python_of
from peers.servers import Process, Server, descendants


def test_a_process_is_listed_with_what_it_started() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout
        child = int(shell.stdout.readline())
        assert descendants(shell.pid) == [shell.pid, child]
        assert {shell.pid, child} < {*descendants(os.getpid())}
        for pid in descendants(shell.pid):
            os.kill(pid, 9)
    assert descendants(shell.pid) == []


def test_a_server_that_does_not_start_is_missing_for_the_reason_that_it_gives(tmp_path: Path) -> None:
    broken = Server("Broken", "", ("-c", "raise SystemExit('no such option {port}')"))
    with pytest.raises(MissingPeerError, match=r"no such option \d+"):
        Process(broken, tmp_path)


def test_an_environment_is_made_once_shares_the_packages_of_this_one_and_says_why_it_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "peer.txt"
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "made")
    requirements.write_text("")
    python = python_of("peer")
    made = python.lstat().st_mtime_ns
    assert python_of("peer") == python
    assert python.lstat().st_mtime_ns == made
    code = "import sys, torch; print(sys.prefix)"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == str(tmp_path / "made" / "peer") != sys.prefix
    requirements.write_text("peer @ file:///no/such/wheel.whl\n")  # other versions: it is made anew
    with pytest.raises(MissingPeerError, match="not a valid wheel"):
        python_of("peer")
