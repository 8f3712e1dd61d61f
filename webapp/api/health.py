"""How Kallos is: ``/healthz`` for machines, ``/status`` for people, ``/metrics`` for Prometheus; and the page of a 404.

Metrics are how much is asked and how long it takes, what waits, and nobody by name or id. They are shown to who sends
``Authorization: Bearer KALLOS_METRICS_KEY``; to everybody else there is no such address.

Pages here are plain HTML, which needs none of the parts. Who follows a link that leads nowhere sees the way back;
programs get JSON.
"""

from __future__ import annotations

import collections
import hmac
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.queries import jobs, statistics
from models.music.notes import DOMAINS
from webapp.learning.playable_clips import ALL_DOMAINS
from webapp.runtime.commands import VERSION, commit
from webapp.runtime.database import Database
from webapp.runtime.middleware import root_path

if TYPE_CHECKING:
    from webapp.supervision import Supervision

COUNTED = timedelta(days=1)
LEAST_FREE = 32_000_000  # bytes: two segments of Postgres' log
PATIENCE_S = 2.0  # in which the database answers, or is said to be down
_asker = ThreadPoolExecutor(1, thread_name_prefix="healthz")
_asking = threading.Lock()
_asked: list[Future[tuple[dict[str, Any], list[dict[str, Any]]]]] = []


def report(supervision: Supervision) -> tuple[dict[str, Any], bool]:
    """The report and whether a pair can be served: the database answers and the first domain has two clips."""
    generator = supervision.generator_state
    state: dict[str, Any] = {
        "status": "starting",
        "database": "starting",
        "generator": generator,
        "pool": dict.fromkeys(ALL_DOMAINS, 0),
        "version": VERSION,
        "commit": commit(),
    }
    if not has_room(supervision.context.settings.home):
        state.update(status="full", disk="full")
        return state, False
    if not supervision.ready.is_set():
        if supervision.trouble:
            state.update(status="down", database="down")
        return state, False
    try:
        counts, results = _in_time(supervision.context.database)
    except (SQLAlchemyError, TimeoutError):
        state.update(status="down", database="down")
        return state, False
    state["database"] = "ok"
    state["pool"] |= counts["pool"]
    state.update(jobs=counts["jobs"], thrown_away=thrown_away(results))
    able = state["pool"][DOMAINS[0]] >= 2
    well = generator.get("status") == "ok"
    state["status"] = ("ok" if well else "degraded") if able else "starting"
    return state, able


def has_room(folder: Path) -> bool:
    """Whether the disk of ``folder`` takes what listeners give."""
    return shutil.disk_usage(folder).free >= LEAST_FREE


def _in_time(database: Database) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the report tells of the rows; raises ``TimeoutError`` where the database hangs."""
    with _asking:
        if not _asked or _asked[-1].done():
            _asked[:] = [_asker.submit(_read, database)]
        answer = _asked[-1]
    return answer.result(PATIENCE_S)


def _read(database: Database) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return database.transaction(
        lambda session: (statistics.counts(session), jobs.recent_results(session, COUNTED)), patience_s=0.0
    )


def thrown_away(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``{composed, thrown, share, reasons}`` of what jobs came to."""
    reasons: collections.Counter[str] = collections.Counter()
    composed = 0
    for result in results:
        composed += result.get("composed", 0)
        reasons.update(result.get("thrown", {}))
    thrown = sum(reasons.values())
    share = round(thrown / composed, 4) if composed else 0.0
    return {"composed": composed, "thrown": thrown, "share": share, "reasons": dict(reasons)}


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
        state_of, able = report(self._supervision)
        yield GaugeMetricFamily("kallos_serving", "Whether a pair can be served.", value=float(able))
        for part in ("database", "generator"):
            state = state_of[part] if isinstance(state_of[part], str) else state_of[part].get("status")
            yield GaugeMetricFamily(f"kallos_{part}_up", f"Whether the {part} answers.", value=float(state == "ok"))
        pool = GaugeMetricFamily("kallos_pool_clips", "Playable clips for everybody.", labels=("domain",))
        for domain, clips in state_of["pool"].items():
            pool.add_metric((domain,), clips)
        yield pool
        jobs = GaugeMetricFamily("kallos_jobs", "Jobs of the queue, of a week.", labels=("state",))
        for state, count in state_of.get("jobs", {}).items():
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


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} · Kallos</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta http-equiv="refresh" content="15">
<style>:root {{ color-scheme: light dark; --paper: #f4f5f2; --ink: #15191a; --quiet: #515857; --felt: #a3243b; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #0f1212; --ink: #eceee9; --quiet: #a7aeab; --felt: #f0798b; }} }}
body {{ margin: 0 auto; max-width: 640px; padding: 12vh 20px 60px; background: var(--paper); color: var(--ink);
  font: 17px/1.5 system-ui, sans-serif; }}
h1 {{ font: 400 34px/1.2 "Times New Roman", serif; margin: 0 0 18px; }}
p, th {{ color: var(--quiet); }} a {{ color: var(--felt); display: inline-block; padding: 10px 0; }}
table {{ width: 100%; border-collapse: collapse; }} th {{ font-weight: 400; text-align: left; }}
th, td {{ padding: 10px 12px 10px 0; border-top: 1px solid color-mix(in srgb, var(--quiet) 30%, transparent); }}
</style></head><body><main>
<h1>{title}</h1>
<p>{lead}</p>
<table>{rows}</table>
<p><a href="./">Listen to a pair</a></p></main></body></html>"""

TITLES = {
    "ok": ("Kallos plays", "Everything works."),
    "degraded": ("Kallos plays", "Pairs play and picks count. New music waits until the generator is back."),
    "starting": ("Kallos is starting", "The first pieces are being composed. This takes a minute or two."),
    "full": (
        "Kallos can't keep picks now",
        "There is no room left on this server's disk: nothing new is stored. Whoever runs it has to make room.",
    ),
    "down": (
        "Kallos does not play now",
        "The database does not answer. Picks on their way are sent again by the page.",
    ),
}
MANY = 8  # clips of which none could be used, before the model is doubted
OTHER_MODEL = "The model in KALLOS_MODEL may not be trained enough. Without that setting the shipped one plays."
STATES = {
    "ok": "works",
    "starting": "is starting",
    "down": "does not answer",
    "closed": "is closing",
    "full": "is full",
}


@router.get("/status", response_class=HTMLResponse)
def status_page(request: Request) -> HTMLResponse:
    """The page; 503 where no pair can be served, as ``/healthz``."""
    state, able = report(request.app.state.supervision)
    copy = request.app.state.context.journal.copy
    page = show(state, copy.waiting() if copy else None)
    return HTMLResponse(page, status_code=200 if able else 503, headers={"Cache-Control": "no-store"})


def show(report: dict[str, Any], waiting: tuple[int, float] | None = None) -> str:
    """A health report for people; ``waiting``: how many files of the journal wait to be copied, and since when."""
    title, lead = TITLES[report["status"]]
    thrown = report.get("thrown_away", {})
    if report["status"] == "starting" and thrown.get("thrown", 0) == thrown.get("composed", 0) >= MANY:
        reasons = ", ".join(thrown["reasons"])
        lead = f"All {thrown['composed']} clips that were composed so far could not be used: {reasons}. {OTHER_MODEL}"
    rows = [
        ("Database", _state(report["database"])),
        *([("Disk", _state(report["disk"]))] if "disk" in report else []),
        ("Generator", _state(report["generator"].get("status", "down"))),
        ("Pieces ready", ", ".join(f"{clips} {domain}" for domain, clips in report["pool"].items())),
        ("Jobs that wait", str(report.get("jobs", {}).get("waiting", 0))),
    ]
    if waiting is not None:
        files, seconds = waiting
        rows.append(
            ("Votes kept elsewhere", "all" if not files else f"all but those of the last {seconds:.0f} seconds")
        )
    version = report["version"] + (f" ({report['commit'][:12]})" if report["commit"] else "")
    rows.append(("Version", version))
    table = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows)
    return PAGE.format(title=escape(title), lead=escape(lead), rows=table)


def _state(state: str) -> str:
    return STATES.get(state, state)


NOTHING_HERE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Nothing here · Kallos</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<style>:root {{ color-scheme: light dark; --paper: #f4f5f2; --ink: #15191a; --quiet: #515857; --felt: #a3243b; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #0f1212; --ink: #eceee9; --quiet: #a7aeab; --felt: #f0798b; }} }}
body {{ margin: 0 auto; max-width: 640px; padding: 18vh 20px 60px; background: var(--paper); color: var(--ink);
  font: 17px/1.5 system-ui, sans-serif; }}
h1 {{ font: 400 34px/1.2 "Times New Roman", serif; margin: 0 0 18px; }}
p {{ color: var(--quiet); }} a {{ color: var(--felt); display: inline-block; padding: 10px 0; }}</style></head><body>
<h1>There is nothing at this address.</h1>
<p>The link may be mistyped, or whoever shared it has taken it back.</p>
<p><a href="{home}">Listen to a pair instead</a></p></body></html>"""


class NotFoundPage:
    """Answers a browser's 404 with a page; programs, and everything below ``/api``, keep their JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if not _of_a_browser(scope):
            await self.app(scope, receive, send)
            return
        lost = False

        async def answered(message: Message) -> None:
            nonlocal lost
            if message["type"] == "http.response.start" and message["status"] == 404:
                lost = True
                await _show(scope, send)
            elif not lost:
                await send(message)

        await self.app(scope, receive, answered)


def _of_a_browser(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    wanted = dict(scope["headers"]).get(b"accept", b"")
    return b"text/html" in wanted and not scope["path"].startswith("/api/")


async def _show(scope: Scope, send: Send) -> None:
    page = NOTHING_HERE.format(home=escape(f"{root_path(scope)}/", quote=True)).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page})
