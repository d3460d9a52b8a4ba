"""What Prometheus reads of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from t2t_multimodel.serving.http.edge.request_log import RequestRecord

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class ServerMetrics:
    """Requests, latencies, batch sizes and queue lengths by problem.

    Args:
        waiting: gives the inputs that wait, by problem.
    """

    def __init__(self, waiting: Callable[[], Mapping[str, int]]):
        registry = self._registry = CollectorRegistry()
        labels = ["problem", "status"]
        self._requests = Counter("t2t_requests", "Requests by problem and status.", labels, registry=registry)
        self._seconds = Histogram(
            "t2t_request_seconds", "Seconds from head to end.", ["problem"], buckets=_SECONDS, registry=registry
        )
        self._sizes = Histogram(
            "t2t_batch_size", "Inputs decoded together.", ["problem"], buckets=_SIZES, registry=registry
        )
        registry.register(_QueueLengths(waiting))

    def request(self, record: RequestRecord) -> None:
        """Counts a request that ended."""
        self._requests.labels(record.problem, str(record.status)).inc()
        self._seconds.labels(record.problem).observe(record.seconds)

    def batch(self, problem: str, size: int) -> None:
        """Counts a batch."""
        self._sizes.labels(problem).observe(size)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _QueueLengths(Collector):
    """Read when they are asked for."""

    def __init__(self, waiting: Callable[[], Mapping[str, int]]):
        self._waiting = waiting

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("t2t_queue_inputs", "Inputs that wait for the model.", labels=["problem"])
        for problem, length in self._waiting().items():
            family.add_metric([problem], length)
        yield family
