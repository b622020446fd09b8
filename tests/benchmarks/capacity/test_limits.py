"""Prices and limits are arithmetic on what was measured."""

from __future__ import annotations

import pytest
from capacity.autoscaler import MANIFEST, Rules
from capacity.facts import Facts
from capacity.limits import Allowances, find_limits
from capacity.prices import Prices, replicas_for
from capacity.times import ServiceTimes

FACTS = Facts(7000, 1000, 500, 0.01, 10**9, 5.0, 10**7, 100, 900.0, 800.0)
EACH = 1000.0


def test_limits_come_in_the_order_in_which_they_are_reached() -> None:
    limits = find_limits(FACTS, EACH, Rules.read(MANIFEST), Allowances(database_rows=500))
    assert [limit.rate for limit in limits] == sorted(limit.rate for limit in limits)
    assert limits[0].name.startswith("database")
    rates = {limit.name: limit.rate for limit in limits}
    assert rates["autoscaler"] == 10 * EACH
    assert rates["ingress: one link"] == pytest.approx(25e9 / 8 / 8000)
    assert rates["Prometheus: series"] == pytest.approx(4000 * EACH)


def test_a_million_predictions_cost_the_hours_that_they_take() -> None:
    prices = Prices(core=0.36, gpu=3.6)
    assert prices.million(0.36, 1000.0) == pytest.approx(0.1)  # a thousand seconds, at a hundredth of a cent each
    assert replicas_for(1_000_000, EACH) == 1001


def test_a_gpu_is_worthwhile_from_where_both_cost_the_same() -> None:
    prices, times = Prices(core=0.1, gpu=2.0), ServiceTimes(0.001, 0.001, 0, 0, 0)
    seconds = prices.worthwhile_seconds(times)
    core = prices.million(prices.core, 1 / (0.002 + seconds))
    both = prices.million(prices.core + prices.gpu, 1 / 0.002)
    assert core == pytest.approx(both)
