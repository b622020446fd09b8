"""The pace of a connection: who keeps it is never cut off, and who does not is within the times that are stated."""

from __future__ import annotations

import pytest

from service.http.pace import Pace


def seconds_until_late(rate: float, *, has_body: bool, most: int = 200) -> int | None:
    """Seconds of sending at a rate after which a client is late; ``None`` if it never is."""
    pace = Pace(10, 60)
    for second in range(1, most):
        pace.received += round(rate)
        if pace.is_late(1.0, has_body=has_body):
            return second
    return None


@pytest.mark.parametrize(("rate", "late"), [(0, 10), (1, 10), (999, 10), (1000, 60), (1_000_000, 60)])
def test_a_body_has_a_least_rate_and_a_longest_time(rate: float, late: int) -> None:
    assert seconds_until_late(rate, has_body=True) == late


def test_a_head_has_its_time_however_fast_it_comes() -> None:
    assert seconds_until_late(1_000_000, has_body=False) == 10


def test_a_body_that_began_fast_may_not_trickle_for_ever() -> None:
    pace = Pace(10, 60)
    pace.received = 10_000_000
    assert next(second for second in range(1, 70) if pace.is_late(1.0, has_body=True)) == 60


def test_what_is_new_has_its_own_time() -> None:
    pace = Pace(10, 60)
    for _ in range(30):
        assert not any(pace.is_late(1.0, has_body=False) for _ in range(9))
        pace.restart()


@pytest.mark.parametrize(
    ("unread", "late"),
    [
        ([0] * 300, None),
        ([5_000_000] * 300, 10),
        ([5_000_000 - 50_000 * second for second in range(99)], 60),
        ([5_000_000, 4_000_000, 3_000_000, 0] * 50, None),
        ([0] * 100 + [5_000_000] * 50, 110),
    ],
)
def test_an_answer_has_to_be_read_on_and_to_its_end(unread: list[int], late: int | None) -> None:
    pace = Pace(10, 60)
    found = (second for second, waiting in enumerate(unread, 1) if pace.leaves_unread(1.0, waiting))
    assert next(found, None) == late


def test_pieces_that_follow_each_other_are_progress_though_as_many_bytes_wait() -> None:
    pace = Pace(10, 60)
    assert not any(pace.leaves_unread(1.0, 500_000, sent) for sent in range(500_000, 20_000_000, 500_000))
    assert any(pace.leaves_unread(1.0, 500_000, 20_000_000) for _ in range(12))
