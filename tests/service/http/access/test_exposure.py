"""Where the service listens without keys: on the loopback alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.__main__ import serve
from service.http.access.exposure import ExposedError, check_access, check_proxies
from service.http.access.key_file import UnusableKeyFileError, changing_keys
from service.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_the_loopback_needs_no_keys(host: str) -> None:
    check_access(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "lab.example", "localhost.example", "0", "127.1 "])
def test_other_addresses_need_keys_or_a_setting(host: str, tmp_path: Path) -> None:
    with pytest.raises(ExposedError, match=r"CREDENCE_KEY_FILE .* CREDENCE_ALLOW_ANYONE=true"):
        check_access(Settings(host=host))
    check_access(Settings(host=host, allow_anyone=True))
    path = tmp_path / "keys.json"
    with pytest.raises(UnusableKeyFileError):  # not even where anyone is allowed
        check_access(Settings(host=host, allow_anyone=True, key_file=path))
    with changing_keys(path):
        pass
    check_access(Settings(host=host, key_file=path))


@pytest.mark.parametrize("names", ["*", "10.0.0.7,*", "0.0.0.0/0", "::/0", "nginx", "10.0.0.7/8", "10.0.0.256"])
def test_those_who_are_believed_about_clients_are_proxies(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_proxies("")
    check_proxies("127.0.0.1, 10.0.0.0/8,::1, 2001:db8::/32")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", names)
    with pytest.raises(SystemExit, match="the address or the network of the proxy"):
        serve()


def test_the_program_refuses_to_start_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENCE_HOST", "0.0.0.0")
    with pytest.raises(SystemExit) as refused:
        serve()
    message = str(refused.value.code)
    assert message.startswith("error: CREDENCE_HOST is '0.0.0.0', and without keys anyone who reaches")
    assert "\n" not in message
