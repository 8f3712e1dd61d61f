"""The generator behind HTTP: the client side of ``webapp.generation.server``, for the web and the worker."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from models.music.notes import Domain
from webapp.generation.protocol import (
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
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.waiting import POLL_S, somebody_waits

T = TypeVar("T")
log = logging.getLogger(__name__)
BACKGROUND = {"Priority": "u=7"}  # the header of what nobody waits for: RFC 9218, "Urgency"
CONNECT_SECONDS = 2.0
MARGIN_SECONDS = 2.0  # beyond a request's deadline, for the network
PLAIN = Look()
QUICK_SECONDS = 60.0  # latents and encoding have no deadline of their own
WRITING_SECONDS = 180.0  # nor have drafts, of which a hundred take a busy core half a minute
HEALTH_SECONDS = 2.0
CONNECTIONS = 64
CLOSED = "the generator is asked nothing any more: its client is closed"


class RemoteGenerator:
    """A ``Generator`` at ``url``; may be asked from many threads at once.

    What is lost on the way, with the connection or behind a proxy, is tried once more with the same id: it joins the
    work that still goes on, or begins it anew. Where nobody waits for the answer any more (``waiting.heeding``) the
    connection is closed, by which the server knows, and ``NobodyWaits`` is raised.
    """

    def __init__(self, url: str, secret: str = "") -> None:
        self.url = url.rstrip("/")
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=8)
        # A proxy set for the internet must not come between two processes of one machine.
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        trust_env = not is_local(urlsplit(self.url).hostname or "")
        self._client = httpx.AsyncClient(base_url=self.url, headers=headers, limits=limits, trust_env=trust_env)
        self._loop = asyncio.new_event_loop()  # of a thread of its own: a request can only be given up from within one
        self._asking = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="generator client", daemon=True)
        self._thread.start()

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """Compose one clip, blocking; raises a ``GenerationError``."""
        return self.generate_all([request])[0]

    def generate_all(self, requests: Sequence[GenerateRequest]) -> list[GenerateResult]:
        """Compose some clips at once, blocking; raises the first ``GenerationError``."""
        answers = self._done(self._generated(requests))
        return [GenerateResult.model_validate_json(each.content) for each in answers]

    async def _generated(self, requests: Sequence[GenerateRequest]) -> list[httpx.Response]:
        wanted = [each.model_copy(update={"stream": False}) for each in requests]
        bodies = [each.model_dump(mode="json", exclude_defaults=True) for each in wanted]
        seconds = [each.deadline_ms / 1000 + MARGIN_SECONDS for each in requests]
        posted = [self._posted("/v1/generate", *each) for each in zip(bodies, seconds, strict=True)]
        return await asyncio.gather(*posted)

    def drafts(
        self,
        domain: str,
        count: int,
        seed: int,
        mood: Mood | None = None,
        *,
        trained: bool = False,
        background: bool = False,
    ) -> DraftsResult:
        """``count`` clips from nothing, with their latents; raises a ``GenerationError``."""
        asked = {"domain": domain, "count": count, "seed": seed, "mood": mood and mood.model_dump()}
        body = asked | {"trained": True} if trained else asked
        headers = BACKGROUND if background else None
        return DraftsResult.model_validate_json(self._post("/v1/drafts", body, WRITING_SECONDS, headers).content)

    def asked(self, domain: str, asks: Sequence[dict[str, Any]], seed: int) -> AskedResult:
        """Clips written from latents; raises a ``GenerationError``."""
        body = {"domain": domain, "asks": list(asks), "seed": seed}
        return AskedResult.model_validate_json(self._post("/v1/asked", body, WRITING_SECONDS).content)

    def latents(self, domain: str, count: int, seed: int, *, near: dict[str, Any], keep: float) -> LatentsResult:
        """``count`` latents near others, without notes; raises a ``GenerationError``."""
        body = {"domain": domain, "count": count, "seed": seed, "near": near, "keep": keep}
        return LatentsResult.model_validate_json(self._post("/v1/latents", body, QUICK_SECONDS).content)

    def play_on(
        self,
        notes: dict[str, Any],
        bars: int,
        seed: int,
        form: str = "",
        mood: Mood | None = None,
        *,
        regular: bool = False,
    ) -> PlayedOnResult:
        """A piece (``Piece.to_json``) played on to its end; raises a ``GenerationError``."""
        body = {"notes": notes, "bars": bars, "seed": seed, "form": form, "mood": mood and mood.model_dump()}
        body |= {"regular": True} if regular else {}
        return PlayedOnResult.model_validate_json(self._post("/v1/play_on", body, WRITING_SECONDS).content)

    def encode(self, notes: dict[str, Any]) -> EncodeResult:
        """The latents of a piece (``Piece.to_json``); raises a ``GenerationError``."""
        return EncodeResult.model_validate_json(self._post("/v1/encode", {"notes": notes}, QUICK_SECONDS).content)

    def curves(self, notes: dict[str, Any], domain: Domain) -> CurvesResult:
        """What is heard along a piece (``Piece.to_json``); raises a ``GenerationError``."""
        body = {"notes": notes, "domain": domain}
        return CurvesResult.model_validate_json(self._post("/v1/curves", body, QUICK_SECONDS).content)

    def rewards(self, pieces: Sequence[dict[str, Any]], domain: Domain) -> RewardsResult:
        """The rewards of pieces (``Piece.to_json``), at most 128; raises a ``GenerationError``."""
        body = {"pieces": list(pieces), "domain": domain}
        return RewardsResult.model_validate_json(self._post("/v1/rewards", body, WRITING_SECONDS).content)

    def moods(self, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
        """What pieces (``Piece.to_json``) express, at most 128; raises a ``GenerationError``."""
        return MoodsResult.model_validate_json(self._post("/v1/moods", {"pieces": list(pieces)}, QUICK_SECONDS).content)

    def pictures(self, notes: dict[str, Any], domain: Domain, look: Look = PLAIN) -> PicturesResult:
        """What a piece (``Piece.to_json``) looks like, bar by bar; raises a ``GenerationError``."""
        body = {"notes": notes, "domain": domain, **asdict(look)}
        return PicturesResult.model_validate_json(self._post("/v1/pictures", body, QUICK_SECONDS).content)

    def drawings(self, request: DrawingsRequest, *, decoded: bool = False) -> DrawingsResult:
        """Pictures: their latents, measured, and with ``decoded`` their pixels; raises a ``GenerationError``."""
        body = {**request.model_dump(mode="json"), "decoded": decoded}
        return DrawingsResult.model_validate_json(self._post("/v1/drawings", body, QUICK_SECONDS).content)

    def towers(self, titles: Sequence[str] = (), melodies: Sequence[dict[str, Any]] = ()) -> TowersResult:
        """Vectors of titles and pieces (``Piece.to_json``) by the title towers; raises a ``GenerationError``."""
        body = {"titles": list(titles), "melodies": list(melodies)}
        return TowersResult.model_validate_json(self._post("/v1/towers", body, QUICK_SECONDS).content)

    def write_titles(self, notes: dict[str, Any], count: int, seed: int) -> WrittenTitlesResult:
        """At most ``count`` new titles for a piece (``Piece.to_json``), best first; raises a ``GenerationError``."""
        body = {"notes": notes, "count": count, "seed": seed}
        return WrittenTitlesResult.model_validate_json(self._post("/v1/titles", body, QUICK_SECONDS).content)

    def cancel(self, request_id: str) -> bool:
        """Stop a queued or running request; whether there was one."""
        try:
            path = f"/v1/generate/{quote(request_id, safe='')}"
            answer = self._done(self._client.delete(path, timeout=HEALTH_SECONDS))
        except httpx.TransportError as error:
            raise self._silent(error) from error
        return answer.status_code == httpx.codes.OK

    def health(self, *, waiting: bool = False) -> dict[str, Any]:
        """What the server says of itself; raises ``GeneratorUnavailable`` where it says nothing within two seconds.

        Somebody who is ``waiting`` for it has more patience than who watches over it: it may be busy.
        """
        patience = httpx.Timeout(QUICK_SECONDS if waiting else HEALTH_SECONDS, connect=CONNECT_SECONDS)
        try:
            answer = self._done(self._client.get("/healthz", timeout=patience))
        except httpx.TransportError as error:
            raise self._silent(error) from error
        if answer.status_code != httpx.codes.OK:
            log.warning("generator_not_well url=%s answer=%s", self.url, answer.text[:200])
            raise GeneratorUnavailable(f"the generator is not well: it answers {answer.status_code}")
        try:
            state = answer.json()
        except ValueError:
            state = None
        if not isinstance(state, dict) or {"status", "queued", "running"} - state.keys():
            log.warning("generator_not_understood url=%s answer=%s", self.url, answer.text[:200])
            raise GeneratorUnavailable("the generator's answer is not understood; is it one, and of this version?")
        return state

    def close(self) -> None:
        """Close the connections; who still waits gets ``GeneratorUnavailable``."""
        with self._asking:
            if self._closed:
                return
            self._closed = True  # what were begun from here on would never be done: its loop stops
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        asked = asyncio.all_tasks() - {asyncio.current_task()}
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await self._client.aclose()

    def _silent(self, error: Exception) -> GeneratorUnavailable:
        """What a page may be told; where the generator is stands in the log."""
        log.warning("generator_silent url=%s error=%s", self.url, error)
        return GeneratorUnavailable("no generator answers")

    def _post(
        self, path: str, body: dict[str, Any], seconds: float, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return self._done(self._posted(path, body, seconds, headers))

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to; raises ``NobodyWaits``, and gives it up, where nobody waits any more."""
        with self._asking:
            if self._closed:
                work.close()
                raise GeneratorUnavailable(CLOSED)
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return future.result(POLL_S)
            except CancelledError as error:
                raise GeneratorUnavailable(CLOSED) from error
            except TimeoutError:
                if not somebody_waits():
                    future.cancel()
                    raise NobodyWaits from None

    async def _posted(
        self, path: str, body: dict[str, Any], seconds: float, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            try:
                answer = await self._client.post(path, json=body, timeout=timeout, headers=headers)
                lost = _is_lost(answer)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                lost = True
            if lost:
                answer = await self._client.post(path, json=body, timeout=timeout, headers=headers)
        except httpx.ConnectTimeout as error:
            raise self._silent(error) from error
        except httpx.TimeoutException as error:
            raise DeadlinePassed(f"the generator took longer than {seconds:g} s") from error
        except httpx.TransportError as error:
            raise self._silent(error) from error
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return answer


def _is_lost(answer: httpx.Response) -> bool:
    """Whether not the server says that it failed, but who stands before it and has lost it: a proxy, or Ray Serve."""
    ours = answer.headers.get("content-type", "").startswith("application/json")
    return answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR and not ours


def _error(answer: httpx.Response) -> GenerationError:
    """The exception that the server turned into this answer."""
    try:
        message = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        message = f"the generator answered {answer.status_code}"
    match answer.status_code:
        case 400:
            return BadRequest(message)
        case 409:
            return Cancelled(message)
        case 503 if "retry-after" in answer.headers:
            return QueueFull(float(answer.headers["retry-after"]))
        case 504:
            return DeadlinePassed(message)
        case 502 | 503:
            return GeneratorUnavailable(message)
    return GenerationError(message)


def is_local(host: str) -> bool:
    """Whether only this machine is meant."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
