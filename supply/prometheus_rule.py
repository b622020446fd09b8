"""The rules of ``docker/prometheus`` as the Prometheus operator takes them: ``python -m supply.prometheus_rule``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = ROOT / "docker" / "prometheus" / "rules.yml"
RESOURCE = ROOT / "docker" / "kubernetes" / "monitoring" / "prometheus-rule.yaml"
_HEAD = """# The rules of docker/prometheus/rules.yml, as `python -m supply.prometheus_rule` writes them.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: credence
  labels: {app.kubernetes.io/part-of: credence}
spec:
"""


def resource() -> str:
    """Return the rules as a resource of Kubernetes; comments stay where they are."""
    body = RULES.read_text()
    lines = (f"  {line}" if line else "" for line in body[body.index("groups:") :].splitlines())
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    RESOURCE.write_text(resource())
