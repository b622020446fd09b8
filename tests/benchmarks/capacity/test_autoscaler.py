"""The autoscaler decides by the rules that Kubernetes documents, and by the numbers of the manifest."""

from __future__ import annotations

from capacity.autoscaler import MANIFEST, Autoscaler, Rules

WAITING, BUSY, LOOP = "credence_requests_waiting", "credence_device_busy", "credence_loop_busy"
RULES = Rules(2, 40, {WAITING: 2.0, BUSY: 0.6}, 300, 1, 60)


def decide(waiting: float, busy: float, ready: int, starting: int = 0) -> int:
    """A first decision at one value of each metric for all replicas."""
    return Autoscaler(RULES).decide(0.0, {WAITING: [waiting] * ready, BUSY: [busy] * ready}, starting)


def test_the_numbers_are_those_of_the_manifest() -> None:
    assert Rules.read(MANIFEST) == Rules(2, 10, {WAITING: 2.0, BUSY: 0.6, LOOP: 0.6}, 300, 1, 60)


def test_replicas_follow_whichever_metric_asks_for_more() -> None:
    assert decide(3.0, 0.1, 4) == 6
    assert decide(0.0, 0.9, 4) == 6


def test_a_metric_near_its_target_changes_nothing() -> None:
    assert decide(0.0, 0.65, 4) == 4
    assert decide(0.0, 0.67, 4) == 5


def test_replicas_that_start_are_taken_to_need_nothing_more() -> None:
    assert decide(0.0, 1.2, 4) == 8
    assert decide(0.0, 1.2, 4, starting=4) == 8


def test_replicas_double_at_most_or_are_four_more() -> None:
    assert decide(100.0, 0.0, 2) == 6
    assert decide(100.0, 0.0, 10) == 20
    assert decide(100.0, 0.0, 30) == RULES.most


def test_a_replica_goes_each_minute_once_fewer_were_enough_for_five() -> None:
    autoscaler, count, counts = Autoscaler(RULES), 6, []
    autoscaler.decide(0.0, {WAITING: [0.0] * 6, BUSY: [0.6] * 6}, 0)
    for now in range(15, 900, 15):
        count = autoscaler.decide(float(now), {WAITING: [0.0] * count, BUSY: [0.1] * count}, 0)
        counts.append((now, count))
    changes = [(now, count) for (now, count), (_, before) in zip(counts[1:], counts, strict=False) if count != before]
    assert changes == [(300, 5), (360, 4), (420, 3), (480, 2)]
