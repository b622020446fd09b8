"""Where growth ends: what breaks first as replicas are added, by what a replica costs everything around it."""

from __future__ import annotations

from dataclasses import dataclass

from page import number

from capacity.autoscaler import Rules
from capacity.facts import Facts

_SCRAPE_SECONDS = 5
"""Interval of ``monitoring/service-monitor.yaml``."""
_POLL_SECONDS = 5
"""Default of ``CREDENCE_POLL_SECONDS``."""
_START_SECONDS = 60
"""Seconds within which all replicas read the store, after a node pool or a zone came back."""


@dataclass(frozen=True)
class Allowances:
    """What the engines around replicas bear: assumptions, of the size that is usual for one node of each.

    Attributes:
        proxy_rate: Requests a second of one core of a proxy.
        link_bits: Bits a second into one node of the ingress.
        series: Active series of one Prometheus.
        samples: Samples a second of one Prometheus.
        store_looks: Files and folders a second that a shared volume tells of.
        store_bytes: Bytes a second that it gives.
        database_rows: Rows a second that one PostgreSQL takes.
    """

    proxy_rate: float = 20_000
    link_bits: float = 25e9
    series: float = 2e6
    samples: float = 200e3
    store_looks: float = 10_000
    store_bytes: float = 1e9
    database_rows: float = 10_000


@dataclass(frozen=True)
class Limit:
    """Something that breaks.

    Attributes:
        name: What it is.
        needs: What it has to bear, and what it bears.
        rate: Requests a second at which it breaks.
        remedy: What to change there.
    """

    name: str
    needs: str
    rate: float
    remedy: str


def find_limits(facts: Facts, each: float, rules: Rules, allowed: Allowances) -> list[Limit]:
    """Return all limits, the first that is reached first.

    Args:
        facts: What a replica costs everything around it.
        each: Requests a second of one replica.
        rules: Rules of the autoscaler.
        allowed: What the engines bear.
    """
    limits = [
        Limit(
            "autoscaler",
            f"`maxReplicas: {rules.most}`",
            rules.most * each,
            "raise `maxReplicas` in an overlay; a deployment with its own autoscaler for each zone",
        ),
        *_of_ingress(facts, allowed),
        *_of_metrics(facts, each, allowed),
        *_of_store(facts, each, allowed),
        Limit(
            "database, if every answer is remembered (`CREDENCE_OUTCOMES=all`)",
            f"a row for each; {number(allowed.database_rows)} rows/s",
            allowed.database_rows,
            "remember those that ask for it (`record=true`), or a sample; a database for each zone",
        ),
    ]
    return sorted(limits, key=lambda limit: limit.rate)


def _of_ingress(facts: Facts, allowed: Allowances) -> list[Limit]:
    size = facts.request_bytes + facts.answer_bytes
    return [
        Limit(
            "ingress: one core of a proxy",
            f"{number(allowed.proxy_rate)} requests/s",
            allowed.proxy_rate,
            "proxies in proportion, behind DNS or a balancer of connections; several rows in a request",
        ),
        Limit(
            "ingress: one link",
            f"{size / 1000:.1f} kB each; {number(allowed.link_bits / 1e9)} Gbit/s",
            allowed.link_bits / 8 / size,
            "npy for JSON, which halves it; nodes of the ingress in proportion",
        ),
    ]


def _of_metrics(facts: Facts, each: float, allowed: Allowances) -> list[Limit]:
    return [
        Limit(
            "Prometheus: series",
            f"{facts.series} for each replica; {number(allowed.series / 1e6)} million",
            allowed.series / facts.series * each,
            "a Prometheus for each zone; one above them that reads recorded sums alone",
        ),
        Limit(
            "Prometheus: samples",
            f"{facts.series} for each replica in {_SCRAPE_SECONDS} s; {number(allowed.samples / 1000)} thousand/s",
            allowed.samples * _SCRAPE_SECONDS / facts.series * each,
            "`interval: 30s`, which the adapter's window of two minutes allows",
        ),
    ]


def _of_store(facts: Facts, each: float, allowed: Allowances) -> list[Limit]:
    return [
        Limit(
            "store: looks for new checkpoints",
            f"{facts.store_looks} for each replica in {_POLL_SECONDS} s; {number(allowed.store_looks)}/s",
            allowed.store_looks * _POLL_SECONDS / facts.store_looks * each,
            "`CREDENCE_POLL_SECONDS=60`, or 0 and a rolling restart for a new version",
        ),
        Limit(
            f"store: all replicas start within {_START_SECONDS} s",
            f"{number(facts.store_bytes / 1e6)} MB for each replica; {number(allowed.store_bytes / 1e9)} GB/s",
            allowed.store_bytes * _START_SECONDS / facts.store_bytes * each,
            "start them by turns; models in the image, or kept on each node's disk",
        ),
    ]
