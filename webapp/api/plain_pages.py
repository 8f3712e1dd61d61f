"""Plain HTML, which needs none of the parts: ``/status``, and what an address that leads nowhere answers.

``/status`` tells people whether Kallos plays and how each part is. Who follows a link that leads nowhere sees the way
back; programs get JSON.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.api import health
from webapp.runtime.middleware import root_path

router = APIRouter(include_in_schema=False)

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
    report, able = health.report(request.app.state.supervision)
    copy = request.app.state.context.journal.copy
    page = show(report, copy.waiting() if copy else None)
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
