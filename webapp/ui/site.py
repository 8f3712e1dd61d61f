"""The site: every page joined in one Gradio application and mounted, with its static files, in FastAPI.

It keeps a page from missing an answer that it asked for just while Gradio closed the stream of the answers before, and
tells ``waits`` when a page, or who called a named endpoint, has left while an answer was awaited.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import gradio as gr
from fastapi import FastAPI
from gradio.data_classes import BlocksConfigDict
from gradio.queueing import Queue
from gradio.routes import App, templates
from jinja2 import BaseLoader, Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.context import Context
from webapp.runtime.limits import FILM_BYTES, MOST_EVENTS
from webapp.runtime.listener_files import KEPT_S, Downloads
from webapp.runtime.middleware import Visits
from webapp.ui import endpoints, waits
from webapp.ui.components.component import FOLDER, SERVED, served_at
from webapp.ui.pages import (
    about,
    agent,
    canvas,
    dreams,
    film,
    fit,
    listeners,
    live,
    maps,
    more,
    overviews,
    picking,
    rate,
    retrieval,
    runs,
    studies,
    studio,
    styles,
    taste,
    tension,
    titles,
    together,
    whole,
)
from webapp.ui.pages import endpoints as endpoints_page
from webapp.ui.theme import FONTS, Kallos

STREAM, JOIN = "/gradio_api/queue/data", "/gradio_api/queue/join"
ANSWER = re.compile(r"/gradio_api/call/[^/]+/([^/]+)$")  # of one event, which is a session of its own
CLOSES = b'"close_stream"'
APART_S = 0.05
READ = 2**20  # bytes of what a page asks; whose it is stands at the end of it, and a longer one waits for nothing
LACKING = {"common.upload": "Choose other files"}  # which Gradio asks for and has in no language
HERE = Path(__file__).parent
STATIC = HERE / "static"
BUSY_S, IDLE_S, PROGRESS_S, QUIET_S = 0.001, 0.005, 0.01, 0.1  # between two looks of Gradio's queue
SWEEP_S = 600  # between two looks for files that were kept long enough
AT_ONCE = 8  # calls of one event, of however many listeners
STATIC_PATH = "/static/kallos"  # below Gradio's own /static, which must stay reachable
COMPONENTS_PATH = f"{STATIC_PATH}/components"
FONTS_PATH = f"{STATIC_PATH}/fonts"
OF_EVERY_PAGE = ("shared/*.js", "header.js", "listener_token.js")  # modules fetched while Gradio is still starting
# The timer of Gradio's sign of loading runs on where the sign has gone: sixty frames a second for as long as a page is
# open, a twentieth of a processor or more. It shows tenths of a second, and so gets ten turns a second here.
# Gradio 6 can neither leave the timer out nor end it (`show_progress` hides its sign), so it is known by its text.
REST = """<script>(() => {
  const frame = window.requestAnimationFrame.bind(window);
  const isTimer = (draw) => /^\\(\\) *=> *\\{.{0,40}performance\\.now\\(\\).{0,40}1e3/.test(String(draw));
  window.requestAnimationFrame = (draw) => (isTimer(draw) ? setTimeout(draw, 100) : frame(draw));
})();</script>"""
PAGES = (  # beside the first: title, address, what builds it
    ("Four", "/four", picking.four),
    ("Which fits better?", "/fit", fit.build),
    ("Whole pieces", "/whole", whole.build),
    ("More like this", "/more", more.build),
    ("Your taste", "/taste", taste.build),
    ("Music for two", "/together", together.build),
    ("Make", "/make", overviews.make),
    ("Studio", "/studio", studio.build),
    ("Film", "/film", film.build),
    ("Canvas", "/canvas", canvas.build),
    ("Live", "/live", live.build),
    ("Explore", "/explore", overviews.explore),
    ("Retrieval", "/retrieval", retrieval.build),
    ("Runs", "/runs", runs.build),
    ("Maps", "/maps", maps.build),
    ("Titles", "/titles", titles.build),
    ("Rate", "/rate", rate.build),
    ("Dreams", "/dreams", dreams.build),
    ("Agent", "/agent", agent.build),
    ("Tension", "/tension", tension.build),
    ("Styles", "/styles", styles.build),
    ("Listeners", "/listeners", listeners.build),
    ("Studies", "/studies", studies.build),
)


class StreamOrder:
    """Tells a browser that its next event was taken only after it has heard that the stream was closed.

    Gradio ends the stream of a session as soon as nothing is asked for any more, and its page opens another one when it
    hears that the next event was taken, unless it still believes in the old one. Then nothing would be answered until
    the event after. So the two messages are kept apart, if they come from the same moment.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._closed: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with an eye on the two addresses."""
        path = scope.get("path", "") if scope["type"] == "http" else ""
        answer = ANSWER.search(path)
        if path.endswith(STREAM):
            await self._stream(scope, receive, send, _session_of(scope))
        elif answer and scope["method"] == "GET":
            await self._stream(scope, receive, send, answer[1])
        elif path.endswith(JOIN):
            await self._join(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, session: str) -> None:
        closed = False

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not closed:
                waits.leave(session)
            return message

        async def watched(message: Message) -> None:
            nonlocal closed
            if CLOSES in message.get("body", b""):
                closed = True
                now = asyncio.get_running_loop().time()
                self._closed = {each: at for each, at in self._closed.items() if now - at < APART_S} | {session: now}
            await send(message)

        await self.app(scope, heard, watched)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()

        async def read() -> Message:
            message = await receive()
            if len(body) < READ:
                body.extend(message.get("body", b""))
            return message

        async def later(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._wait_for(_session(body))
            await send(message)

        await self.app(scope, read, later)

    async def _wait_for(self, session: str) -> None:
        closed = self._closed.get(session)
        if closed is not None:
            await asyncio.sleep(max(0.0, closed + APART_S - asyncio.get_running_loop().time()))


def _session_of(scope: Scope) -> str:
    return str(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0])


def _session(body: bytearray) -> str:
    try:
        return str(json.loads(bytes(body)).get("session_hash", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def _head() -> str:
    """What stands in the head, relative to the document: that works below a root path and behind any proxy."""
    found = [path for pattern in OF_EVERY_PAGE for path in sorted(FOLDER.glob(pattern))]
    modules = [path.relative_to(FOLDER).as_posix() for path in found]
    return "\n".join(
        (
            '<meta name="color-scheme" content="light dark">',
            *(f'<link rel="modulepreload" href="{COMPONENTS_PATH[1:]}/{module}">' for module in modules),
            f'<link rel="stylesheet" href="{COMPONENTS_PATH[1:]}/shared/base.css">',
        )
    )


class FreshStaticFiles(StaticFiles):
    """Static files that a browser asks about again, so that modules of two versions never meet."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304 where the browser has it."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


class ComponentFiles(FreshStaticFiles):
    """The scripts and styles of the components, without the Python files beside them."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where the file lies; nothing for one that is not served."""
        return super().lookup_path(path) if Path(path).suffix in SERVED else ("", None)


class Site(gr.Blocks):
    """Pages that hold no connection to the server while nothing happens.

    By Gradio's a session would be known to have ended. Browsers open six to a server and no more, so that a seventh tab
    would never load; what a session keeps goes by its age instead.
    """

    whole = False  # whether all pages are there: until then nobody needs what browsers are told of them

    def get_config_file(self) -> BlocksConfigDict:  # noqa: D102 (Gradio's)
        if not self.whole:
            return cast("BlocksConfigDict", {})
        return {**super().get_config_file(), "connect_heartbeat": False}


class RestingPages(BaseLoader):
    """Gradio's templates, whose pages begin with ``REST``: its scripts take the browser's functions as they load.

    What Gradio takes as ``head`` comes after its own scripts, too late for that.
    """

    def __init__(self, of: BaseLoader) -> None:
        self._of = of

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The template's text, where it lies and whether it is still the same."""
        source, path, fresh = self._of.get_source(environment, template)
        return source.replace("<head>", f"<head>{REST}", 1), path, fresh


class QuietQueue(Queue):
    """Gradio's queue, which looks a thousand times a second whether there is anything to do; this one while there is.

    It is made by Gradio, and becomes one of these by ``of``.
    """

    _visits: Visits

    @classmethod
    def of(cls, queue: Queue, visits: Visits) -> None:
        """Have a queue look less often, and hardly ever while nobody is there."""
        queue.__class__ = cls
        cast("QuietQueue", queue)._visits = visits

    @property
    def sleep_when_free(self) -> float:  # type: ignore[override] # Gradio has an attribute
        """Seconds until it looks again."""
        return BUSY_S if len(self) else QUIET_S if self._visits.quiet else IDLE_S

    @property
    def progress_update_sleep_when_free(self) -> float:  # type: ignore[override] # Gradio has an attribute
        """Seconds until it looks again what is to be told of those under way."""
        return BUSY_S if any(self.active_jobs) else QUIET_S if self._visits.quiet else PROGRESS_S


@contextmanager
def _no_application_of_parts() -> Iterator[None]:
    """While pages are built: Gradio makes an application at the end of each, of all pages so far, and throws it away.

    With twenty pages that is most of the seconds of a start. The one that serves is made when the site is mounted.
    """
    made = App.create_app
    App.create_app = staticmethod(lambda *_, **__: None)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        App.create_app = staticmethod(made)  # type: ignore[method-assign]


def build_site(context: Context) -> gr.Blocks:
    """Every page, and the named endpoints, in one ``gr.Blocks``, which is to be mounted."""
    with _no_application_of_parts():
        site = _all_pages(context)
    site.whole = True
    return site


def _all_pages(context: Context) -> Site:
    site: Site
    with Site(title="Kallos", analytics_enabled=False, fill_width=True, delete_cache=(SWEEP_S, KEPT_S)) as site:
        picking.compare(context)
    for title, path, build in PAGES:
        with site.route(title, path, show_in_navbar=False):
            build(context)
    with site.route("A study", "/study", show_in_navbar=False):
        studies.take_part()
    with site.route("About", about.PATH, show_in_navbar=False):
        about.build()
    endpoints.hide_pages(site)
    with site.route("Endpoints", endpoints_page.PATH, show_in_navbar=False):
        endpoints_page.build(site, context)
    site.queue(default_concurrency_limit=AT_ONCE, max_size=MOST_EVENTS)
    QuietQueue.of(site._queue, context.visits)
    return site


def _listeners(request: Request) -> RedirectResponse:
    """Where the page of a study's listeners was until it was called so."""
    return RedirectResponse(f"listeners?{request.url.query}".rstrip("?"))


def mount_site(app: FastAPI, context: Context, **options: Any) -> FastAPI:
    """Mount the pages at ``/``; call it last, since Gradio answers every path that is left."""
    app.add_middleware(endpoints_page.ViewOfApi)
    app.add_middleware(StreamOrder)
    app.add_api_route("/tastes", _listeners, include_in_schema=False)
    app.mount(COMPONENTS_PATH, ComponentFiles(directory=FOLDER), name="kallos-components")
    app.mount(FONTS_PATH, FreshStaticFiles(directory=FONTS), name="kallos-fonts")
    app.mount(STATIC_PATH, FreshStaticFiles(directory=STATIC), name="kallos-static")
    downloads = Downloads(context.settings.home)
    downloads.clear()
    os.environ["GRADIO_TEMP_DIR"] = str(downloads.home)  # Gradio asks for it whenever it makes or meets a file
    settings: MutableMapping[str, Any] = {
        "path": "/",
        "ssr_mode": False,
        "theme": Kallos(fonts=FONTS_PATH[1:]),
        "head": _head(),
        "i18n": gr.I18n(en=LACKING),
        "favicon_path": str(STATIC / "favicon.svg"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "max_file_size": FILM_BYTES,
        "mcp_server": context.settings.mcp,
        **options,
    }
    with warnings.catch_warnings():
        # said of every site of several pages, also of one that has switched server-side rendering off
        warnings.filterwarnings("ignore", message="SSR mode is not supported with multi-page apps")
        with served_at(COMPONENTS_PATH[1:]):
            site = app.state.site = build_site(context)  # whose queue ``GradioLimit`` looks at
        gr.mount_gradio_app(app, site, **settings)
    if (pages := templates.env.loader) and not isinstance(pages, RestingPages):
        templates.env.loader = RestingPages(pages)
    site.has_launched = True  # or Gradio would take any file of this machine for one that was uploaded, by its path
    return app
