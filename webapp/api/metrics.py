"""``/metrics`` for Prometheus: how much is asked and how long it takes, what waits, and nobody by name or id.

Shown to who sends ``Authorization: Bearer KALLOS_METRICS_KEY``; to everybody else there is no such address.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.api import health

if TYPE_CHECKING:
    from webapp.supervision import Supervision

router = APIRouter(include_in_schema=False)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"  # addresses that are no route of ours: as many labels as somebody cares to invent
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


class Metrics:
    """What one web process counts."""

    def __init__(self, supervision: Supervision) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter("kallos_http_requests", "Answers.", (*labels, "status"), registry=self.registry)
        self.seconds = Histogram(
            "kallos_http_seconds", "Time to the end of an answer.", labels, buckets=BUCKETS, registry=self.registry
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_Parts(supervision))


class _Parts:
    """How each part is, asked when it is looked at."""

    def __init__(self, supervision: Supervision) -> None:
        self._supervision = supervision

    def describe(self) -> list[Metric]:
        """Nothing is asked at the registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """As ``/healthz`` says it, and how far the journal's copy is behind."""
        report, able = health.report(self._supervision)
        yield GaugeMetricFamily("kallos_serving", "Whether a pair can be served.", value=float(able))
        for part in ("database", "generator"):
            state = report[part] if isinstance(report[part], str) else report[part].get("status")
            yield GaugeMetricFamily(f"kallos_{part}_up", f"Whether the {part} answers.", value=float(state == "ok"))
        pool = GaugeMetricFamily("kallos_pool_clips", "Playable clips for everybody.", labels=("domain",))
        for domain, clips in report["pool"].items():
            pool.add_metric((domain,), clips)
        yield pool
        jobs = GaugeMetricFamily("kallos_jobs", "Jobs of the queue, of a week.", labels=("state",))
        for state, count in report.get("jobs", {}).items():
            jobs.add_metric((state,), count)
        yield jobs
        if copy := self._supervision.context.journal.copy:
            files, seconds = copy.waiting()
            yield GaugeMetricFamily("kallos_journal_files_to_copy", "Files that wait to be copied.", value=files)
            yield GaugeMetricFamily("kallos_journal_seconds_behind", "For how long the first waits.", value=seconds)


class CountRequests:
    """Counts what is answered, by the route's pattern: no id of a listener, an offer or a clip is in it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, begun = 500, time.perf_counter()

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, answered)
        finally:
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = _route(scope)
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - begun)


@router.get("/metrics")
def read_metrics(request: Request) -> Response:
    """The figures, in Prometheus' text form."""
    key = request.app.state.context.settings.metrics_key
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key or not hmac.compare_digest(given.encode(), key.encode()):
        raise HTTPException(404)
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path and "{path:path}" not in path else OTHER
