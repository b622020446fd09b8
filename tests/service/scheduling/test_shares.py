"""Whose turn it is on a device that several share."""

from __future__ import annotations

from collections import Counter

from service.scheduling.shares import Shares


def test_those_who_always_wait_get_equal_seconds_whatever_a_turn_takes() -> None:
    shares: Shares[str] = Shares()
    seconds = {"long": 0.3, "middle": 0.05, "short": 0.001}
    used: Counter[str] = Counter()
    while sum(used.values()) < 30:
        who = shares.next(list(seconds))
        shares.charge(who, seconds[who])
        used[who] += seconds[who]  # type: ignore[assignment]
    assert all(abs(one - 10) <= max(seconds.values()) for one in used.values())


def test_one_who_comes_late_is_next_and_has_saved_up_nothing() -> None:
    shares: Shares[str] = Shares()
    for _ in range(10):
        shares.charge(shares.next(["greedy"]), 1.0)
    turns = []
    for _ in range(6):
        turns.append(shares.next(["greedy", "late"]))
        shares.charge(turns[-1], 1.0)
    assert turns[0] == "late"
    assert Counter(turns) == {"late": 3, "greedy": 3}


def test_a_debt_is_kept_while_its_owner_is_away() -> None:
    shares: Shares[str] = Shares()
    shares.charge(shares.next(["greedy", "other"]), 5.0)
    assert shares.next(["other"]) == "other"
    shares.charge("other", 1.0)
    assert shares.next(["greedy", "other"]) == "other"
