"""The generation engine: clips that are asked for are written side by side, behind a bounded queue.

A thread takes what waits, drafts what is asked of nothing, and writes the others as their latents say; another one
takes what comes meanwhile, so that a bar of live music waits for no tune. Nothing that one request does harms
another. Longer work (whole pieces, many drafts) goes on in its callers' threads, and lets clips go first: somebody
waits for these.

Drafts may be composed on a GPU that is lent for seconds, as ZeroGPU lends one to a Hugging Face Space. Everything else
goes on on the processor: the GPU is there in a fork of this process alone, while the decorated function runs in it.
Where none is lent (a visitor's quota, a queue), drafts are composed on the processor as well.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch

from models.music.notes import Domain
from models.style.compose import Composer, NoWriter
from models.style.drafting import draft_each
from models.style.drafts import Draft
from webapp.generation.drawing import Between, DraftEach, Drawing, Job, Listener, Note, read_request
from webapp.generation.protocol import (
    BadRequest,
    Cancelled,
    DeadlinePassed,
    GenerateRequest,
    GenerateResult,
    GenerationError,
    GeneratorUnavailable,
    QueueFull,
)
from webapp.runtime.errors import NobodyWaits

log = logging.getLogger(__name__)

KEPT_RESULTS = 64  # for a caller whose connection broke just as its answer was sent
THREADS = 2  # that write; each as many clips as there are slots left
LOOK_SECONDS = 0.02  # how often deadlines are looked at while something is written
YIELDED_SECONDS = 0.01  # by longer work, a step, to those who wait for a clip


class Engine(Drawing):
    """Composes clips with ``composer``, ``slots`` at a time, at most ``queue`` waiting; implements ``Generator``.

    ``on_failure`` is called when a thread itself breaks, after which nothing more can be composed.
    """

    def __init__(
        self,
        composer: Composer,
        *,
        slots: int = 8,
        queue: int = 64,
        draft: DraftEach | None = None,
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(composer, draft)
        self.slots, self.queue = slots, queue
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}  # taken in and not yet answered
        self._results: OrderedDict[str, Job] = OrderedDict()
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._closed: GenerationError | None = None
        self._seconds_a_clip = 0.5
        self._threads = [threading.Thread(target=self._guard, name="generator", daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    # What callers do

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """Compose one clip, blocking; raises a ``GenerationError``."""
        return self.submit(request).future.result()

    def submit(self, request: GenerateRequest, listener: Listener | None = None) -> Job:
        """Take a request in without waiting; the job's future is answered by its deadline.

        ``listener`` gets the notes from the engine's thread and must be quick. A request with the id of one that is
        still under way (or has just been answered) joins it. Raises ``BadRequest`` or ``QueueFull``.
        """
        content, styles, locked_notes = read_request(request, self.composer.version)
        listeners = [listener] if listener else []
        with self._changed:
            if self._closed:
                raise self._closed
            known = self._jobs.get(request.id) or self._results.get(request.id)
            if known is not None:
                if not known.asks_the_same_as(request):
                    raise BadRequest(f"id {request.id!r} belongs to another request; give each its own")
                known.waiters += 1
                known.listeners += listeners
                return known
            if len(self._jobs) >= self.slots + self.queue:
                raise QueueFull(round(max(0.1, len(self._jobs) * self._seconds_a_clip / self.slots), 1))
            job = Job(request, content, styles, locked_notes, listeners=listeners)
            self._jobs[request.id] = job
            self._waiting.append(job)
            self._changed.notify_all()
            return job

    def leave(self, job: Job) -> None:
        """One caller of ``submit`` no longer waits; the last one to leave cancels the job."""
        with self._changed:
            job.waiters -= 1
            if job.waiters <= 0:
                self._answer(job, Cancelled(f"request {job.request.id!r} was cancelled: nobody waits for it"))

    def cancel(self, request_id: str) -> bool:
        """Stop a queued or running request; whether there was one."""
        with self._changed:
            job = self._jobs.get(request_id)
            return job is not None and self._answer(job, Cancelled(f"request {request_id!r} was cancelled"))

    def health(self, *, waiting: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """Status, model, device and load; whether somebody is ``waiting`` for it is for whoever asks over a network."""
        with self._changed:
            running = [job for job in self._running if job.request.id in self._jobs]  # not answered yet
            return {
                "status": "closed" if self._closed else "ok",
                "model_version": self.composer.version,
                "device": self.composer.device,
                "slots": self.slots,
                "queued": len(self._jobs) - len(running),
                "running": len(running),
            }

    def close(self) -> None:
        """Stop the threads; who still waits gets ``GeneratorUnavailable``."""
        self._stop(GeneratorUnavailable("the generator is closing"))
        for thread in self._threads:
            thread.join()

    def _let_clips_go_first(self) -> None:
        if self._running:
            time.sleep(YIELDED_SECONDS)

    # What the threads do

    def _compose_forever(self) -> None:
        while jobs := self._next_jobs():
            started = time.monotonic()
            drafts = self._drafts_of([job for job in jobs if job.from_nothing])
            for job in jobs:
                if not job.future.done():
                    job.draft = drafts.get(job)
                    self._plan(job)
            for job in jobs:  # whose draft is what they asked for don't wait for what others have asked
                if job.as_drawn and job.draft:
                    self._answer_as_written(job, job.draft, started)
            for domain in dict.fromkeys(job.request.domain for job in jobs):
                self._write([job for job in jobs if job.request.domain == domain], domain, started)
            with self._changed:
                self._running = [job for job in self._running if job not in jobs]
                self._changed.notify_all()

    def _next_jobs(self) -> list[Job]:
        """The next live requests, at most as many as there are slots; none when closed."""
        with self._changed:
            while not self._closed:
                self._expire()
                jobs: list[Job] = []
                while self._waiting and len(self._running) + len(jobs) < self.slots:
                    job = self._waiting.popleft()
                    if not job.future.done():
                        jobs.append(job)
                if jobs:
                    self._running.extend(jobs)
                    return jobs
                self._changed.wait()
        return []

    def _drafts_of(self, jobs: Sequence[Job]) -> dict[Job, Draft]:
        """What the piece model writes from nothing; none where all of them were cancelled meanwhile."""
        if not jobs:
            return {}
        domains, seeds = [job.request.domain for job in jobs], [job.request.seed for job in jobs]
        try:
            return dict(zip(jobs, self._drafted(domains, seeds, None, self._while_waiting(jobs)), strict=True))
        except NobodyWaits:
            return {}
        except Exception as error:  # noqa: BLE001 (the others go on)
            for job in jobs:
                self._answer(job, _failure(job, error))
            return {}

    def _plan(self, job: Job) -> None:
        request = job.request
        try:
            with self._model:
                job.plan = self.composer.plan(
                    domain=request.domain,
                    content=job.content,
                    styles=job.styles,
                    bars=request.bars,
                    seed=request.seed,
                    temperature=request.temperature,
                    top_p=request.top_p,
                    drawn=job.draft.latents if job.draft else None,
                    keep=request.keep,
                    locks=job.locks,
                    notes=job.draft.notes if job.draft else job.locked_notes,
                    guidance=request.guidance,
                )
        except ValueError as error:  # MusicError is one
            self._answer(job, BadRequest(str(error)))
        except Exception as error:  # noqa: BLE001 (whatever one request brings with it, the others go on)
            self._answer(job, _failure(job, error))

    def _write(self, jobs: Sequence[Job], domain: Domain, started: float) -> None:
        """Answer those that are planned with what is written for them, side by side."""
        plans = {job: job.plan for job in jobs if job.plan and not job.future.done()}
        if not plans:
            return
        asks, seeds = [plan.ask for plan in plans.values()], [plan.seed for plan in plans.values()]
        try:
            written = self.composer.write_surely(domain, asks, seeds, self._while_waiting(list(plans)))
        except NobodyWaits:
            return
        except Exception as error:
            if len(plans) == 1:
                self._answer(next(iter(plans)), _failure(next(iter(plans)), error))
                return
            log.exception("a batch of %d broke; each is written again alone", len(plans))
            for job in plans:
                self._write([job], domain, started)
            return
        for job, draft in zip(plans, written, strict=True):
            self._answer_as_written(job, draft, started)

    def _while_waiting(self, jobs: Sequence[Job]) -> Between:
        """What is done between two steps: whose deadline has passed is told so, and what nobody waits for ends."""
        looked = time.monotonic()

        def step() -> None:
            nonlocal looked
            if time.monotonic() - looked < LOOK_SECONDS:
                return
            looked = time.monotonic()
            with self._changed:
                self._expire()
            if all(job.future.done() for job in jobs):
                raise NobodyWaits

        return step

    def _expire(self) -> None:
        now = time.monotonic()
        for job in [job for job in self._jobs.values() if now > job.deadline]:
            self._answer(job, DeadlinePassed(f"no clip within {job.request.deadline_ms} ms"))

    def _answer_as_written(self, job: Job, draft: Draft, started: float) -> None:
        with self._changed:
            self._expire()
        if job.future.done() or job.plan is None or draft.notes is None:
            return
        recipe = {**job.plan.recipe, "writer": draft.latents.piece["writer"]}
        latents = draft.latents
        if job.as_drawn:  # of fewer bars the plan has the latents
            recipe["content"], latents = "written", job.plan.latents
        piece = replace(draft.notes.window(0, job.request.bars), domain=job.request.domain, source="composed")
        self._tell(job, [(int(a), int(b), int(c), int(d)) for a, b, c, d in piece.notes])
        now = time.monotonic()
        result = GenerateResult(
            id=job.request.id,
            notes=piece.to_json(),
            latents=latents.to_json(),
            recipe=recipe,
            model_version=self.composer.version,
            queue_ms=round(1000 * (started - job.came), 2),
            decode_ms=round(1000 * (now - started), 2),
        )
        self._answer(job, result)

    def _tell(self, job: Job, notes: list[Note]) -> None:
        for listener in job.listeners:
            try:
                listener(notes)
            except Exception:  # its trouble is its own
                log.exception("a listener of request %s failed", job.request.id)

    def _answer(self, job: Job, answer: GenerateResult | GenerationError) -> bool:
        """Answer a job once; whether this was the answer."""
        with self._changed:
            if job.future.done():
                return False
            self._jobs.pop(job.request.id, None)
            if isinstance(answer, GenerateResult):
                seconds = (answer.decode_ms + answer.queue_ms) / 1000
                self._seconds_a_clip += 0.1 * (min(seconds, 30.0) - self._seconds_a_clip)
                self._results[job.request.id] = job
                if len(self._results) > KEPT_RESULTS:
                    self._results.popitem(last=False)
                job.future.set_result(answer)
            else:
                job.future.set_exception(answer)
            self._changed.notify_all()
            return True

    def _guard(self) -> None:
        try:
            self._compose_forever()
        except Exception:
            log.exception("the generation engine broke")
            self._stop(GeneratorUnavailable("the generation engine broke"))
            if self._on_failure:
                self._on_failure()

    def _stop(self, reason: GenerationError) -> None:
        with self._changed:
            self._closed = self._closed or reason
            for job in list(self._jobs.values()):
                self._answer(job, reason)
            self._changed.notify_all()


def _failure(job: Job, error: Exception) -> GenerationError:
    if isinstance(error, BadRequest):
        return error
    if isinstance(error, NoWriter):
        return BadRequest(str(error))
    log.error("request %s failed", job.request.id, exc_info=error)
    return GenerationError(f"the clip could not be composed ({type(error).__name__})")


LENT_SECONDS = 30
REFUSED_SECONDS = 300.0  # until one is asked for again


class LentGPU:
    """Composes drafts as ``draft_each`` does with ``composer``, which is on the processor."""

    def __init__(self, composer: Composer) -> None:
        spaces = import_module("spaces")
        self._composer = composer
        self._on_gpu = spaces.GPU(duration=LENT_SECONDS)(self._draft_there)
        self._refused_until = 0.0
        self._startup = getattr(spaces.zero, "startup", None)  # which Gradio's launch would call, were it used
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001 (the network: who lends may not answer yet)
            self._refuse(error)

    def __call__(
        self,
        domains: Sequence[Domain],
        seeds: Sequence[int],
        mood: tuple[float, float] | None = None,
        between: Callable[[], None] | None = None,
    ) -> list[Draft]:
        """A draft for each domain and seed; what is written on a GPU is not ended ``between`` two steps."""
        if time.monotonic() > self._refused_until:
            try:
                self._begin()
                drafts: list[Draft] = self._on_gpu(domains, seeds, mood)
            except Exception as error:  # noqa: BLE001 (errors of Gradio's, of the network, of CUDA)
                self._refuse(error)
            else:
                return drafts
        return draft_each(self._composer, domains, seeds, mood, between)

    def _begin(self) -> None:
        if self._startup is not None:
            self._startup()
            self._startup = None

    def _refuse(self, error: Exception) -> None:
        self._refused_until = time.monotonic() + REFUSED_SECONDS
        log.warning("no_gpu_lent error=%s", error)

    def _draft_there(
        self, domains: Sequence[Domain], seeds: Sequence[int], mood: tuple[float, float] | None
    ) -> list[Draft]:
        """In the fork, whose model the GPU may have: this process' own stays where it is."""
        there = Composer(self._composer.bundle, "cuda" if torch.cuda.is_available() else "cpu")
        return draft_each(there, domains, seeds, mood)
