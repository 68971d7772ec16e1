"""Counts of what the server did, as Prometheus reads them. Nothing in them tells of a photo."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


class ServerMetrics:
    """One server's counts; its own registry, so that two servers of one process do not add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "unifer_requests", "Requests answered.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "unifer_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("path",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "unifer_queue_length", "Requests received, waiting or being answered.", registry=self._registry
        )
        self._images = Counter("unifer_images", "Photos read.", ("model",), registry=self._registry)
        self._faces = Counter("unifer_faces", "Faces read.", ("model",), registry=self._registry)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """The queue's length is asked for when somebody looks."""
        self._queue.set_function(lambda: float(length()))

    def answered(self, path: str, status: int, seconds: float) -> None:
        """One request is through."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def read(self, model: str, faces: int) -> None:
        """One photo was read by `model`."""
        self._images.labels(model).inc()
        self._faces.labels(model).inc(faces)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
