"""The web application: pages and HTTP interface over one ``Context``, started and stopped with what they need."""

from __future__ import annotations

import gc
import importlib.util
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from webapp.api import health
from webapp.api.health import NotFoundPage
from webapp.api.reference import add_reference
from webapp.context import Context
from webapp.generation.protocol import GenerationError, of_generator
from webapp.runtime.commands import VERSION
from webapp.runtime.database import of_database
from webapp.runtime.errors import OUR_MISTAKE, Problem, in_words
from webapp.runtime.identity import SameOrigin, SecurityHeaders
from webapp.runtime.journal import Journal
from webapp.runtime.journal_copy import JournalCopy
from webapp.runtime.limits import AskedFrom, BodyLimit, GradioLimit, UploadLimit
from webapp.runtime.listener_files import Downloads
from webapp.runtime.middleware import BehindProxies, BelowRootPath, Draining, NoteVisits
from webapp.runtime.settings import Settings, without_password
from webapp.runtime.supervised_process import WRONG_SETTING
from webapp.supervision import Supervision

NO_MCP = "KALLOS_MCP=1 was set, but MCP is not installed: install it with `pip install 'kallos[mcp]'`, or unset it"
KEEP_ALIVE_S = 75  # longer than a listener takes over a pair, or a vote meets a connection that is just closing
DRAIN_S, STREAMS_S = 12, 3  # for requests under way when it is told to stop, and then for pages' open streams
log = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None, *, supervision: Supervision | None = None, pages: bool = True
) -> FastAPI:
    """The application; ``supervision`` may have begun already, ``pages=False`` leaves Gradio out (tests of the API)."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    watched = supervision or Supervision(Context(settings or Settings()))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watched.begin()
        try:
            yield
        finally:
            watched.end()

    app = FastAPI(
        title="Kallos",
        description="Two short pieces, one question: which is more beautiful?",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.context = watched.context
    app.state.supervision = watched
    app.add_middleware(BelowRootPath)
    app.add_middleware(AskedFrom)
    uploads = Downloads(watched.context.settings.home).home
    app.add_middleware(GradioLimit, folder=uploads)
    app.add_middleware(UploadLimit, folder=uploads)
    app.add_middleware(BodyLimit)
    app.add_middleware(NotFoundPage)
    app.add_middleware(SameOrigin)
    app.add_middleware(SecurityHeaders, frame_ancestors=watched.context.settings.frame_ancestors)
    app.add_middleware(NoteVisits, visits=watched.context.visits)

    app.state.metrics = health.Metrics(watched)
    app.add_middleware(health.CountRequests, metrics=app.state.metrics)  # outermost: refusals count as well
    answer_errors(app)
    _include_routers(app)
    add_reference(app)

    @app.get("/healthz", tags=["operation"])
    def healthz() -> JSONResponse:
        """Whether pairs can be served (503 where not), and how each part is."""
        report, able = health.report(watched)
        return JSONResponse(report, status_code=200 if able else 503)

    if pages:
        from webapp.ui.site import mount_site  # noqa: PLC0415 (Gradio takes seconds to import)

        mount_site(app, watched.context)
    chosen = watched.context.settings
    app.add_middleware(BehindProxies, trusted=chosen.trusted_proxies, root_path=chosen.root_path)  # outermost
    return app


def _include_routers(app: FastAPI) -> None:
    """Every slice of the HTTP interface."""
    # FastAPI's models take a moment; serve begins its children before
    from webapp.api import listeners, listening, live, maps, research, studies, studio, taste  # noqa: PLC0415

    app.include_router(listening.router)
    app.include_router(listeners.router)
    app.include_router(taste.router)
    app.include_router(taste.cards_router)
    app.include_router(listening.fours_router)
    app.include_router(listening.fits_router)
    app.include_router(taste.duets_router)
    app.include_router(research.tastes_router)
    app.include_router(studio.router)
    app.include_router(studio.moods_router)
    app.include_router(live.router)
    app.include_router(studies.router)
    app.include_router(research.router)
    app.include_router(maps.router)
    app.include_router(maps.titles_router)
    app.include_router(research.styles_router)
    app.include_router(health.router)


def serve(settings: Settings, *, open_browser: bool = False) -> int:
    """Run the page until it is told to stop."""
    listening = _listen(settings)
    if listening is None:
        return WRONG_SETTING
    host, port = listening.getsockname()[:2]
    shown = "localhost" if host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else host  # noqa: S104 (compared, not bound)
    context = Context(settings)
    if wrong := context.wrong_model():
        print(wrong, file=sys.stderr)
        listening.close()
        return WRONG_SETTING
    if settings.mcp and importlib.util.find_spec("mcp") is None:
        print(NO_MCP, file=sys.stderr)
        listening.close()
        return WRONG_SETTING
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # until the server listens to it itself
    copy = context.journal.copy
    if copy and (reason := _bring_journal_home(context.journal, copy, settings)):
        print(reason, file=sys.stderr)
        listening.close()
        return WRONG_SETTING
    watched = Supervision(context)
    watched.begin()  # Postgres and the generator start while Gradio is imported
    try:
        with nothing_collected():
            app = create_app(supervision=watched)
        if copy:  # whoever comes with a token before they are brought back would be taken for a new listener
            watched.ready.wait()
        draining = Draining(app)
        config = uvicorn.Config(
            draining,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STREAMS_S,
            timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
            proxy_headers=False,  # which ``BehindProxies`` reads, with what uvicorn doesn't
        )
        url, unchosen = f"http://{shown}:{port}", "" if settings.research_key else settings.creators_key
        _Server(config, draining, url, unchosen, open_browser=open_browser).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # Ctrl-C is how a person stops it
    finally:
        watched.end()
    return 0


@contextmanager
def nothing_collected() -> Iterator[None]:
    """What is made within stays, and no collector of garbage looks through it, now or later.

    A site is 650,000 objects: that is a tenth of a start, and a pause for everybody each time later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _bring_journal_home(journal: Journal, copy: JournalCopy, settings: Settings) -> str:
    """Have the journal's copy here, and the secret that signs tokens; why not, or nothing.

    Without it Kallos does not start: listeners whom it would not know would begin anew, and their votes would be lost.
    """
    try:
        settings.prepare_home()
        if brought := journal.bring_home():
            log.info("journal_brought_home files=%d", brought)
        if not settings.secret and settings.signing_secrets:
            copy.mark(settings.home / "secret")
    except Exception as error:  # noqa: BLE001 (each kind of place has errors of its own)
        return f"KALLOS_JOURNAL_URL={without_password(settings.journal_url)}: it can't be read ({error})"
    return ""


def _listen(settings: Settings) -> socket.socket | None:
    """The page's socket, taken before anything else starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        print(
            f"can't listen on {settings.host}:{settings.port} ({error.strerror}); "
            "choose another with KALLOS_PORT or --port (0 takes any free one)",
            file=sys.stderr,
        )
        return None
    return listening


class _Server(uvicorn.Server):
    """Says where the page is once it answers, and answers what is under way before it ends."""

    def __init__(
        self, config: uvicorn.Config, draining: Draining, url: str, studies_key: str, *, open_browser: bool
    ) -> None:
        super().__init__(config)
        self._draining, self._url, self._studies_key, self._open = draining, url, studies_key, open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        print(f"Kallos plays at {self._url}", flush=True)
        if self._studies_key:
            print(f"Studies are made at {self._url}/studies?key={self._studies_key}", flush=True)
        if self._open:
            threading.Thread(target=webbrowser.open, args=(self._url,), daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in (*self.servers, *(sockets or ())):
            each.close()  # nobody comes any more
        self._draining.refuses = True
        if not await self._draining.wait(DRAIN_S):
            log.warning("requests_cut_off seconds=%g", DRAIN_S)
        await super().shutdown(sockets)


def answer_errors(app: FastAPI) -> None:
    """Every refusal as ``{error}``: what was given, what is allowed, what to do."""

    def answer(status: int, text: str, headers: dict[str, str] | None = None, code: str | None = None) -> JSONResponse:
        body = {"error": text} | ({"code": code} if code else {})
        return JSONResponse(body, status_code=status, headers=headers)

    @app.exception_handler(Problem)
    def problem(_: Request, error: Problem) -> JSONResponse:
        wait = error.retry_after_s
        return answer(error.status, str(error), {"Retry-After": str(wait)} if wait else None, error.code)

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, in_words(error.errors()))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(DBAPIError)
    def no_database(request: Request, error: DBAPIError) -> JSONResponse:
        return problem(request, of_database(error))

    @app.exception_handler(GenerationError)
    def no_generator(request: Request, error: GenerationError) -> JSONResponse:
        return problem(request, of_generator(error))

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> JSONResponse:
        route = getattr(request.scope.get("route"), "path", request.url.path)  # names no offer, whose listener may go
        log.error("request_failed method=%s path=%s", request.method, route, exc_info=error)
        return answer(500, OUR_MISTAKE)
