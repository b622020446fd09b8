"""Connections never take the last file descriptors."""

from __future__ import annotations

import logging
import resource

import pytest

from service.runtime.descriptors import connections_within


def test_fewer_connections_are_allowed_where_there_are_not_enough_descriptors(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert connections_within(896) == 896
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert connections_within(897) == 896
    assert "for 896 connections only, not for 897" in caplog.text
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert connections_within(10**6) == 10**6
