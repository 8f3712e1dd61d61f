"""An address that leads nowhere: a page with the way back for who follows a link, JSON for programs."""

from __future__ import annotations

from html import escape

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.runtime.root_path import root_path

PAGE = """<!doctype html>
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
    page = PAGE.format(home=escape(f"{root_path(scope)}/", quote=True)).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page})
