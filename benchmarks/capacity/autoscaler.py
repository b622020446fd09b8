"""The HorizontalPodAutoscaler by its published rules, with the numbers of a manifest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

MANIFEST = Path(__file__).parents[2] / "docker" / "kubernetes" / "base" / "autoscaler.yaml"
"""The autoscaler that is deployed."""
SYNC_SECONDS = 15.0
"""Seconds between two decisions."""
WINDOW_SECONDS = 120.0
"""Seconds over which the rules of the Prometheus adapter average (``monitoring/prometheus-adapter.yaml``)."""
_TOLERANCE = 0.1
"""Distance of a metric from its target, as a share, within which nothing is changed."""
_UP_TIMES, _UP_PODS = 2, 4
"""Kubernetes doubles the replicas at most within 15 seconds, or adds four, whichever is more."""


@dataclass(frozen=True)
class Rules:
    """Numbers of a manifest.

    Attributes:
        least: Least number of replicas.
        most: Most replicas.
        targets: Mean over the replicas that each metric shall have, by its name.
        stable_seconds: Seconds for which fewer replicas must have been enough before one goes.
        down_pods: Most replicas that go within ``down_seconds``.
        down_seconds: Period of ``down_pods``.
    """

    least: int
    most: int
    targets: dict[str, float]
    stable_seconds: float
    down_pods: int
    down_seconds: float

    @classmethod
    def read(cls, manifest: Path) -> Rules:
        """Return the rules of a manifest whose metrics are all means over the pods."""
        spec = yaml.safe_load(manifest.read_text(encoding="utf-8"))["spec"]
        pods = [metric["pods"] for metric in spec["metrics"]]
        targets = {one["metric"]["name"]: _quantity(one["target"]["averageValue"]) for one in pods}
        down = spec["behavior"]["scaleDown"]
        (policy,) = down["policies"]
        stable = down["stabilizationWindowSeconds"]
        return cls(spec["minReplicas"], spec["maxReplicas"], targets, stable, policy["value"], policy["periodSeconds"])


class Autoscaler:
    """Decides on the number of replicas.

    Args:
        rules: Numbers of the manifest.

    References:
        https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._advice: list[tuple[float, int]] = []
        self._removals: list[tuple[float, int]] = []

    def decide(self, now: float, metrics: Mapping[str, Sequence[float]], starting: int) -> int:
        """Return the number of replicas that there shall be.

        Args:
            now: Time in seconds.
            metrics: Values of each metric, one for each replica that is ready.
            starting: Number of replicas that are not ready yet.
        """
        rules = self._rules
        current = len(next(iter(metrics.values()))) + starting
        advice = max(_propose(values, rules.targets[name], starting) for name, values in metrics.items())
        self._advice = [(at, number) for at, number in self._advice if at > now - rules.stable_seconds]
        self._advice.append((now, advice))
        self._removals = [(at, pods) for at, pods in self._removals if at > now - rules.down_seconds]
        if advice > current:
            wanted = min(advice, max(_UP_TIMES * current, current + _UP_PODS))
        else:
            enough = max(number for _, number in self._advice)
            gone = sum(pods for _, pods in self._removals)
            wanted = max(min(current, enough), current - max(0, rules.down_pods - gone))
        wanted = min(max(wanted, rules.least), rules.most)
        if wanted < current:
            self._removals.append((now, current - wanted))
        return wanted


def _propose(values: Sequence[float], target: float, starting: int) -> int:
    """Return how many replicas bring a metric's mean to its target; those that start are taken to need nothing more."""
    ready = len(values)
    ratio = sum(values) / ready / target
    if abs(ratio - 1) <= _TOLERANCE:
        return ready + starting
    if not starting:
        return math.ceil(ratio * ready)
    assumed = 0.0 if ratio > 1 else target
    whole = (sum(values) + starting * assumed) / (ready + starting) / target
    if abs(whole - 1) <= _TOLERANCE or (whole > 1) != (ratio > 1):
        return ready + starting
    return math.ceil(whole * (ready + starting))


def _quantity(text: str) -> float:
    """Return a quantity of Kubernetes: ``600m`` is 0.6."""
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
