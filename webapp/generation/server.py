"""The engine behind HTTP: ``POST /v1/generate`` and its companions, one process a device (``kallos generator``).

Its style model is loaded on the device here, and torch with it. What nobody waits for has the lowest priority, for as
long as nothing else is asked for.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from models.music.notes import Domain
from webapp.generation.protocol import (
    MOST_ASKS,
    AskedResult,
    BadRequest,
    Cancelled,
    CurvesResult,
    DeadlinePassed,
    DraftsResult,
    DrawingsRequest,
    DrawingsResult,
    EncodeResult,
    GenerateRequest,
    GenerateResult,
    GenerationError,
    GeneratorUnavailable,
    LatentsResult,
    Look,
    Mood,
    MoodsResult,
    PicturesResult,
    PlayedOnResult,
    QueueFull,
    RewardsResult,
    TowersResult,
    WrittenTitlesResult,
)
from webapp.generation.remote import BACKGROUND, is_local
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.requests import Strict
from webapp.runtime.supervised_process import (
    LOWEST,
    PROC,
    SESSION_NICENESS,
    WRONG_SETTING,
    die_with_parent,
    lower_session,
)
from webapp.runtime.waiting import waits_for

if TYPE_CHECKING:  # torch is imported by load_engine(), after its environment is set
    from webapp.generation.drawing import Job, Note
    from webapp.generation.engine import Engine

CPU_THREADS = 1  # the other core renders, and on a busy machine two threads wait for each other
CPU_SLOTS, GPU_SLOTS = 16, 32  # sixteen clips cost a core half as much each as four do
STATUS: dict[type[GenerationError], int] = {
    BadRequest: 400,
    Cancelled: 409,
    QueueFull: 503,
    GeneratorUnavailable: 503,
    DeadlinePassed: 504,
}
LinkRow = Annotated[list[Annotated[float, Field(ge=-10, le=10)]], Field(min_length=5, max_length=5)]
AGAIN_SECONDS = 0.2  # after a change that was refused: Linux allows ten a second


class NoDeviceError(Exception):
    """There is no such device here."""


def load_engine(model: str, device: str) -> Engine:
    """An engine that composes with ``model``; whoever asks for it closes it. Once its decoding breaks the process ends.

    ``device``: ``cpu``, ``cuda``, ``cuda:1`` or ``auto`` (the first CUDA device where there is one). Raises
    ``NoDeviceError``, and ``OSError`` or ``ValueError`` where the model can't be used.
    """
    # Spinning OpenMP threads make a decode step up to ten times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    lent = os.environ.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"} and find_spec("spaces") is not None
    if lent:
        import_module("spaces")  # before torch, of which it is a part there
    import torch  # noqa: PLC0415 (after its environment is set)

    from models.style.checkpoint import load_style  # noqa: PLC0415 (torch, which the page's process must not load)
    from models.style.compose import Composer  # noqa: PLC0415 (torch, which the page's process must not load)
    from webapp.generation.engine import (  # noqa: PLC0415 (torch, which the page's process must not load)
        Engine,
        LentGPU,
    )

    if lent:
        device = "cpu"  # the GPU is lent for seconds, in forks of this process
    elif device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise NoDeviceError(f"KALLOS_DEVICE={device}: no CUDA device answers here; leave it out, or set it to cpu")
    bundle = load_style(model, device)
    torch.set_num_threads(CPU_THREADS)
    slots = CPU_SLOTS if device == "cpu" else GPU_SLOTS
    composer = Composer(bundle, device)
    return Engine(composer, slots=slots, draft=LentGPU(composer) if lent else None, on_failure=_exit_broken)


def _exit_broken() -> None:
    os._exit(70)  # the supervisor starts a fresh process; a broken decode thread (CUDA) can't be mended in this one


class DrawnRequest(Strict):
    """How much is drawn, and from which seed."""

    domain: Domain = "pop"
    count: Annotated[int, Field(ge=1, le=1024)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class DraftsRequest(DrawnRequest):
    """How many clips to compose from nothing, the mood that they are to lean to, and whether a trained writer does."""

    mood: Mood | None = None
    trained: bool = False


class AskedRequest(Strict):
    """Clips to write from latents (``Ask.to_json`` each)."""

    domain: Domain = "pop"
    asks: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_ASKS)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class LatentsRequest(DrawnRequest):
    """How many latents to draw from the prior, beginning ``keep`` of the way to ``near`` (``Latents.to_json``)."""

    near: dict[str, Any]
    keep: Annotated[float, Field(ge=0, le=1)] = 0.0


class PlayOnRequest(Strict):
    """A piece (``Piece.to_json``), how many bars it is to go on, the form of the whole, such as AABB, and a mood.

    ``regular`` bars are whole ones of one meter.
    """

    notes: dict[str, Any]
    bars: Annotated[int, Field(ge=1, le=64)] = 24
    form: Annotated[str, Field(max_length=16)] = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    mood: Mood | None = None
    regular: bool = False


class EncodeRequest(Strict):
    """A piece (``Piece.to_json``) to encode."""

    notes: dict[str, Any]


class TowersRequest(Strict):
    """Titles and pieces (``Piece.to_json``) whose vectors are wanted."""

    titles: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=64)
    melodies: list[dict[str, Any]] = Field(default_factory=list, max_length=16)


class WrittenTitlesRequest(Strict):
    """A piece (``Piece.to_json``) for which titles are to be written, the same again for the same seed."""

    notes: dict[str, Any]
    count: int = Field(default=1, ge=1, le=16)
    seed: int = Field(default=0, ge=0, lt=2**63)


class CurvesRequest(Strict):
    """A piece (``Piece.to_json``) that is to be heard note by note, and the kind of music that it is heard as."""

    notes: dict[str, Any]
    domain: Domain = "pop"


class RewardsRequest(Strict):
    """Pieces (``Piece.to_json``) of one domain, of which only the rewards are wanted."""

    pieces: list[dict[str, Any]] = Field(min_length=1, max_length=128)
    domain: Domain = "pop"


class MoodsRequest(Strict):
    """Pieces (``Piece.to_json``) of which is wanted what they express."""

    pieces: list[dict[str, Any]] = Field(min_length=1, max_length=128)


class PicturesRequest(Strict):
    """A piece (``Piece.to_json``) that is to be shown, by which way, and the listener's links where it is learned.

    ``subjects``: pictures below one another (PNG in base64, square each), in the place of those that are shipped.
    """

    notes: dict[str, Any]
    domain: Domain = "pop"
    way: Literal["annotated", "learned", "axes", "rotation"] = "annotated"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    links: Annotated[list[LinkRow], Field(min_length=5, max_length=5)] | None = None
    subjects: Annotated[str, Field(max_length=4_000_000)] | None = None

    @property
    def look(self) -> Look:
        """As the models take it."""
        return Look(self.way, self.seed, self.links, self.subjects)


class DecodedDrawingsRequest(DrawingsRequest):
    """Pictures to draw, and whether as pixels too."""

    decoded: bool = False


class NeedsSecret:
    """Refuses with 401 who does not send the secret; whether the server is well anybody may ask."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app = app
        self._expected = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http" and scope["path"] != "/healthz":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                refusal = JSONResponse({"detail": "KALLOS_GENERATOR_SECRET is not the same on both machines"}, 401)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)


def create_app(engine: Engine, secret: str = "") -> FastAPI:
    """The HTTP face of ``engine``, for those who have the ``secret``; whoever made the engine closes it."""
    app = FastAPI(title="Kallos generator", docs_url="/docs", redoc_url=None)
    if secret:
        app.add_middleware(NeedsSecret, secret=secret)

    @app.exception_handler(GenerationError)
    async def refuse(_: Request, error: GenerationError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, _status(error), headers=_headers(error))

    @app.exception_handler(NobodyWaits)
    async def nobody_reads(_: Request, error: NobodyWaits) -> Response:
        return Response(status_code=error.status)

    @app.exception_handler(RequestValidationError)
    async def refuse_malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = (f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors())
        return JSONResponse({"detail": "; ".join(problems)}, 400)

    @app.post("/v1/generate", response_model=GenerateResult)
    async def generate(request: GenerateRequest, http: Request) -> Response:
        if request.stream:
            return await _stream(engine, request)
        job = await run_in_threadpool(engine.submit, request)
        answer = asyncio.ensure_future(asyncio.wrap_future(job.future))
        gone = asyncio.ensure_future(_disconnected(http))
        either: set[asyncio.Future[Any]] = {answer, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                return Response(status_code=499)  # nobody reads it
            return Response((await answer).model_dump_json(), media_type="application/json")
        finally:
            gone.cancel()
            answer.cancel()
            engine.leave(job)

    @app.delete("/v1/generate/{request_id}")
    def cancel(request_id: str) -> Response:
        there = engine.cancel(request_id)
        return JSONResponse({"id": request_id, "cancelled": there}, 200 if there else 404)

    @app.post("/v1/drafts")
    def drafts(request: DraftsRequest, http: Request) -> DraftsResult:
        asked = (request.domain, request.count, request.seed, request.mood)
        return engine.drafts(*asked, trained=request.trained, waits=waits_for(http))

    @app.post("/v1/asked")
    def asked(request: AskedRequest, http: Request) -> AskedResult:
        return engine.asked(request.domain, request.asks, request.seed, waits=waits_for(http))

    @app.post("/v1/latents")
    def latents(request: LatentsRequest) -> LatentsResult:
        return engine.latents(request.domain, request.count, request.seed, near=request.near, keep=request.keep)

    @app.post("/v1/play_on")
    def play_on(request: PlayOnRequest, http: Request) -> PlayedOnResult:
        waits = waits_for(http)
        return engine.play_on(
            request.notes, request.bars, request.seed, request.form, request.mood, regular=request.regular, waits=waits
        )

    @app.post("/v1/encode")
    def encode(request: EncodeRequest) -> EncodeResult:
        return engine.encode(request.notes)

    @app.post("/v1/curves")
    def curves(request: CurvesRequest) -> CurvesResult:
        return engine.tension.curves(request.notes, request.domain)

    @app.post("/v1/rewards")
    def rewards(request: RewardsRequest) -> RewardsResult:
        return engine.rewards(request.pieces, request.domain)

    @app.post("/v1/moods")
    def moods(request: MoodsRequest) -> MoodsResult:
        return engine.moods(request.pieces)

    @app.post("/v1/pictures")
    def pictures(request: PicturesRequest) -> PicturesResult:
        return engine.shown.pictures(request.notes, request.domain, request.look)

    @app.post("/v1/drawings")
    def drawings(request: DecodedDrawingsRequest) -> DrawingsResult:
        wanted = DrawingsRequest(**request.model_dump(exclude={"decoded"}))
        return engine.drawings(wanted, decoded=request.decoded)

    @app.post("/v1/towers")
    def towers(request: TowersRequest) -> TowersResult:
        return engine.towers.vectors(request.titles, request.melodies)

    @app.post("/v1/titles")
    def titles(request: WrittenTitlesRequest) -> WrittenTitlesResult:
        return engine.towers.write(request.notes, request.count, request.seed)

    @app.get("/healthz")
    def healthz() -> Response:
        state = engine.health()
        return JSONResponse(state, 200 if state["status"] == "ok" else 503)

    return app


def lacks_secret(host: str, secret: str) -> str:
    """Why it can't be served there, in a line; empty where it can: beyond this machine it needs a ``secret``."""
    if secret or is_local(host):
        return ""
    return (
        f"--host {host}: other machines could have it compose; set KALLOS_GENERATOR_SECRET to the same secret here "
        "and where `kallos serve` runs, or leave --host out"
    )


def serve(
    host: str = "127.0.0.1", port: int = 7861, device: str = "auto", *, model: str = "default", secret: str = ""
) -> int:
    """Load the style model and answer until stopped; as a supervised child it ends with its parent. Exit status.

    Beyond this machine it needs a ``secret``. ``device``: ``cpu``, ``cuda``, ``cuda:1`` or ``auto`` (the first CUDA
    device where there is one).
    """
    die_with_parent()
    if wrong := lacks_secret(host, secret):
        print(wrong, file=sys.stderr)
        return WRONG_SETTING
    try:
        engine = load_engine(model, device)
    except NoDeviceError as error:
        print(error, file=sys.stderr)
        return WRONG_SETTING
    except (OSError, ValueError) as error:
        print(f"the style model cannot be used: {error}", file=sys.stderr)
        return 1
    app = create_app(engine, secret)
    if own_session():
        app.add_middleware(ByUrgency)
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    finally:
        engine.close()
    return 0


async def _stream(engine: Engine, request: GenerateRequest) -> StreamingResponse:
    """NDJSON: ``{"notes": [[onset, duration, pitch, velocity], …]}``, then ``{"result": …}`` or error."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def from_engine(put: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(put)

    def hear(notes: list[Note]) -> None:
        from_engine(lambda: lines.put_nowait({"notes": notes}))

    job = await run_in_threadpool(engine.submit, request, hear)

    def last(_: object) -> None:
        error = job.future.exception()
        if error is None:
            line: dict[str, Any] = {"result": job.future.result().model_dump(mode="json")}
        else:
            line = {"detail": str(error), "status": _status(error)}
        from_engine(lambda: lines.put_nowait(line))

    job.future.add_done_callback(last)
    return StreamingResponse(_lines(engine, job, lines), media_type="application/x-ndjson")


async def _lines(engine: Engine, job: Job, lines: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[str]:
    try:
        while True:
            line = await lines.get()
            yield json.dumps(line) + "\n"
            if "notes" not in line:
                return
    finally:  # also when the client goes away
        engine.leave(job)


async def _disconnected(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _status(error: BaseException) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def _headers(error: GenerationError) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(error.retry_after_s))} if isinstance(error, QueueFull) else {}


def own_session() -> bool:
    """Whether this process leads a session that Linux groups: in a terminal's it would lower what else runs there."""
    return hasattr(os, "getsid") and os.getsid(0) == os.getpid() and (PROC / "self" / "autogroup").exists()


class ByUrgency:
    """Sets the priority of this process' session by what is asked of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._background = self._others = 0  # requests under way
        self._lowest = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self.app(scope, receive, send)
            return
        background = Headers(scope=scope).get("priority") == BACKGROUND["Priority"]
        self._count(1, background=background)
        try:
            await self.app(scope, receive, send)
        finally:
            self._count(-1, background=background)

    def _count(self, more: int, *, background: bool) -> None:
        if background:
            self._background += more
        else:
            self._others += more
        self._set()

    def _set(self) -> None:
        lowest = self._background > 0 and self._others == 0
        if lowest == self._lowest:
            return
        if lower_session("self", LOWEST if lowest else SESSION_NICENESS):
            self._lowest = lowest
        else:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._set)
