"""What the service tells Prometheus. No label ever holds anything that a client sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from mawaqif import __version__

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "mawaqif_requests", "Requests by route and status.", ["route", "method", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "mawaqif_request_seconds", "From head to answer.", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.active = Gauge("mawaqif_active_requests", "Requests that are being handled.", registry=self.registry)
        self.articles = Counter("mawaqif_articles", "Articles answered.", ["outcome"], registry=self.registry)
        self.characters = Counter("mawaqif_characters", "Characters of the articles tagged.", registry=self.registry)
        self.queue_articles = Gauge("mawaqif_queue_articles", "Articles that wait.", registry=self.registry)
        self.queue_characters = Gauge("mawaqif_queue_characters", "Characters that wait.", registry=self.registry)
        self.batch_articles = Histogram(
            "mawaqif_batch_articles", "Articles in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64), registry=self.registry
        )
        self.batch_seconds = Histogram(
            "mawaqif_batch_seconds", "Seconds of a batch.", buckets=_SECONDS, registry=self.registry
        )
        info = Gauge("mawaqif_info", "Always 1.", ["version"], registry=self.registry)
        info.labels(__version__).set(1)
