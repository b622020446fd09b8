"""Metrics for Prometheus. Labels come from closed sets: route templates, loaded models, statuses and reasons."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_NATS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SHARES = tuple(i / 10 for i in range(1, 11))


class Telemetry:
    """All metrics of a service, in a registry of their own so that two apps in one process do not mix."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # CPU, memory, open files and the start of the process
        self.requests = Counter(
            "credence_requests_total",
            "Number of answers by route template and status.",
            ["route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "credence_request_seconds", "Seconds from a request's first byte to its answer's last.", ["route"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.queue_seconds = Histogram(
            "credence_queue_seconds",
            "Seconds that a request waits for the device.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.compute_seconds = Histogram(
            "credence_compute_seconds", "Seconds that one batch takes on the device.", ["model"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.rejections = Counter(
            "credence_rejections_total",
            "Number of refused requests by the code of the problem.",
            ["reason"],
            registry=registry,
        )
        self.queue_rows = Gauge(
            "credence_queue_rows", "Number of rows and images waiting for the device.", registry=registry
        )
        self.batch_rows = Histogram(
            "credence_batch_rows", "Number of rows or images in one batch.", ["model"], buckets=_ROWS, registry=registry
        )
        self.draws = Counter(
            "credence_draws_total",
            "Number of functions evaluated, counted once for each row.",
            ["model"],
            registry=registry,
        )
        self.predictive_entropy = Histogram(
            "credence_predictive_entropy",
            "Predictive entropy in nats, one value a row: the mean over its steps or pixels.",
            ["model"],
            buckets=_NATS,
            registry=registry,
        )
        self.mutual_information = Histogram(
            "credence_mutual_information", "Epistemic part of the entropy in nats, one value a row.", ["model"],
            buckets=_NATS, registry=registry,
        )  # fmt: skip
        self.epistemic_ratio = Histogram(
            "credence_epistemic_ratio", "Epistemic over total variance, from 0 to 1, one value a row.", ["model"],
            buckets=_SHARES, registry=registry,
        )  # fmt: skip
        self.decisions = Counter(
            "credence_decisions_total",
            "Number of rows accepted or abstained from.",
            ["model", "decision"],
            registry=registry,
        )
        self.outcome_rows = Gauge(
            "credence_outcome_rows", "Number of outcomes known of a model's newest version.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.outcome_coverage = Gauge(
            "credence_outcome_coverage",
            "Share of the outcomes that the sets or intervals held: of all, of each class, of each group.",
            ["model", "by", "part"],
            registry=registry,
        )
        self.outcome_level = Gauge(
            "credence_outcome_level", "Share of the outcomes that they are to hold.", ["model"], registry=registry
        )
        self.outcome_evidence = Gauge(
            "credence_outcome_evidence",
            "Base-10 logarithm of the evidence that the sets hold fewer outcomes than they are to; an alarm from 2 on.",
            ["model"],
            registry=registry,
        )
        self.outcome_error = Gauge(
            "credence_outcome_error",
            "Share of wrong classes, or mean absolute error in the unit of the target.",
            ["model"],
            registry=registry,
        )
        self.outcome_nll = Gauge(
            "credence_outcome_nll", "Mean negative log-likelihood of the outcomes in nats.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.outcome_calibration_error = Gauge(
            "credence_outcome_calibration_error", "Mean distance of confidence from accuracy, from 0 to 1.", ["model"],
            registry=registry,
        )  # fmt: skip
        self.answers_dropped = Counter(
            "credence_answers_dropped_total",
            "Number of answers that were to be remembered for their outcomes and were not: too many waited.",
            registry=registry,
        )
        self.outcomes_broken = Gauge(
            "credence_outcomes_broken", "1 while the database of outcomes cannot be used, else 0.", registry=registry
        )
        self.rates_broken = Gauge(
            "credence_rates_broken",
            "1 while Redis cannot be reached, and each service counts requests for itself, else 0.",
            registry=registry,
        )
        self.store_broken = Gauge(
            "credence_store_broken", "1 while the object store cannot be read, else 0.", registry=registry
        )
        self.audit_lines = Counter("credence_audit_lines_total", "Number of lines of the audit that were written.",
                                   registry=registry)  # fmt: skip
        self.audit_broken = Gauge(
            "credence_audit_broken", "1 while the audit cannot be written, and so nothing is answered, else 0.",
            registry=registry,
        )  # fmt: skip
        self.memory_ended = Gauge(
            "credence_memory_ended", "Number of times that the device's memory ended, and a prediction was halved.",
            registry=registry,
        )  # fmt: skip
        self.images = Counter("credence_images_total", "Number of images generated.", ["model"], registry=registry)
        self.ready = Gauge("credence_ready", "1 if /health/ready answers 200, else 0.", registry=registry)
        self.models_refused = Gauge(
            "credence_models_refused", "Number of checkpoints in the store that are not served.", registry=registry
        )
        self.loads = Counter(
            "credence_loads", "Number of checkpoints by what became of them: `loaded`, `refused` or `unloaded`.",
            ["result"], registry=registry,
        )  # fmt: skip
        self.model_info = Gauge(
            "credence_model_info",
            "1 for each loaded model; speedup is that of its backend over the other one, if there was a choice.",
            ["model", "version", "method", "backend", "device", "speedup"],
            registry=registry,
        )
        self.model_load_seconds = Gauge(
            "credence_model_load_seconds", "Seconds to read, verify and warm a model.", ["model", "version"],
            registry=registry,
        )  # fmt: skip
        self.device_memory_bytes = Gauge(
            "credence_device_memory_bytes", "Bytes of memory by kind: `draw_cache`, and `torch` for all of CUDA.",
            ["kind"], registry=registry,
        )  # fmt: skip

        # Finding a model's series among all takes longer than counting; those of a model stay when it is unloaded.
        self.of_model = cache(self._of_model)

    def _of_model(self, name: str) -> tuple[Counter, Histogram, Histogram, Histogram]:
        """Return a model's draws, predictive entropy, mutual information and epistemic ratio."""
        doubts = self.predictive_entropy, self.mutual_information, self.epistemic_ratio
        predictive_entropy, mutual_information, ratio = (histogram.labels(name) for histogram in doubts)
        return self.draws.labels(name), predictive_entropy, mutual_information, ratio

    def watch_loop(self) -> None:
        """Count the seconds of the thread that calls this: the event loop's, where the kernel counts each thread's."""
        if hasattr(time, "pthread_getcpuclockid"):
            self.registry.register(LoopClock(time.pthread_getcpuclockid(threading.get_ident())))

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class LoopClock(Collector):
    """Seconds that the event loop's thread has worked.

    Args:
        clock: Number of the thread's clock.
    """

    def __init__(self, clock: int) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Look at the clock."""
        text = "Seconds that the event loop's thread has worked: it reads, answers, and runs short batches."
        with contextlib.suppress(OSError):  # the thread has ended
            yield CounterMetricFamily("credence_loop_seconds", text, value=time.clock_gettime(self._clock))
