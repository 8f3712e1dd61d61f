"""The generation engine: clips join and leave one running decode (continuous batching) behind a bounded queue.

A planner thread draws or encodes latents, a writer thread writes what comes from nothing, around bars that stay, and
tunes in many styles of others, a decode thread steps the batch; nothing that one request does harms another. Source of
the idea: Orca (Yu et al. 2022), iteration-level scheduling.

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
from functools import partial
from importlib import import_module
from typing import Any

import torch

from models.music.notes import Domain, MusicError, Piece
from models.style.asking import as_latents_say, composed_anew, tune_in_styles, write_asked
from models.style.compose import Composer, whole_bars
from models.style.decode import DecodeBatch
from models.style.drafting import draft_each
from models.style.drafts import Ask, Draft
from models.style.latents import CODES, STYLE_GROUPS, Latents
from webapp.generation.drawing import DraftEach, Drawing, Hearing, Job, Listener, read_request
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
LOOK_SECONDS = 0.05  # how often an idle decode thread looks at deadlines
YIELDED_SECONDS = 0.01  # by the writing of a piece, a step, to those who wait for a clip
TELL_EVERY_STEPS = 8


class Engine(Drawing):
    """Composes clips with ``composer``, ``slots`` at a time, at most ``queue`` waiting; implements ``Generator``.

    ``on_failure`` is called when the decode thread itself breaks, after which nothing more can be composed.
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
        self._waiting: deque[Job] = deque()  # for the planner
        self._unwritten: deque[Job] = deque()  # for the writer
        self._planned: deque[Job] = deque()  # for a slot
        self._alone: deque[Job] = deque()  # were in a batch that broke: decoded again one by one
        self._running: dict[int, Job] = {}
        self._closed: GenerationError | None = None
        self._seconds_a_clip = 0.5
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=f"generator {name}", daemon=True)
            for name, work in (
                ("planner", partial(self._plan_forever, self._waiting)),
                ("writer", partial(self._plan_forever, self._unwritten)),
                ("decoder", self._decode_forever),
            )
        ]
        for thread in self._threads:
            thread.start()

    # What callers do

    def generate(self, request: GenerateRequest) -> GenerateResult:
        """Compose one clip, blocking; raises a ``GenerationError``."""
        return self.submit(request).future.result()

    def submit(self, request: GenerateRequest, listener: Listener | None = None) -> Job:
        """Take a request in without waiting; the job's future is answered by its deadline.

        ``listener`` gets new notes from the decode thread and must be quick. A request with the id of one that is still
        under way (or has just been answered) joins it. Raises ``BadRequest`` or ``QueueFull``.
        """
        content, styles, locked_notes = read_request(request, self.composer.version)
        hearings = [Hearing(listener)] if listener else []
        with self._changed:
            if self._closed:
                raise self._closed
            known = self._jobs.get(request.id) or self._results.get(request.id)
            if known is not None:
                if not known.asks_the_same_as(request):
                    raise BadRequest(f"id {request.id!r} belongs to another request; give each its own")
                known.waiters += 1
                known.hearings += hearings
                return known
            if len(self._jobs) >= self.slots + self.queue:
                raise QueueFull(round(max(0.1, len(self._jobs) * self._seconds_a_clip / self.slots), 1))
            job = Job(request, content, styles, locked_notes, hearings=hearings)
            self._jobs[request.id] = job
            heeds = self.composer.asked is not None
            writes = job.from_nothing or (heeds and (job.by_latents or job.around_held is not None))
            (self._unwritten if writes else self._waiting).append(job)
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
            running = [job for job in self._running.values() if job.request.id in self._jobs]  # not answered yet
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

    def _let_decodes_go_on(self) -> None:
        if self._running:
            time.sleep(YIELDED_SECONDS)

    # What the threads do

    def _plan_forever(self, line: deque[Job]) -> None:
        while jobs := self._next_to_plan(line):
            started = time.monotonic()
            drafts = self._drafted([job for job in jobs if job.from_nothing]) if line is self._unwritten else {}
            for job in jobs:
                if not job.future.done():
                    job.draft = drafts.get(job)
                    self._plan(job)
            for job in jobs:  # whose draft is what they asked for don't wait for what others have asked
                if job.as_drawn:
                    self._go_on(job, job.draft, started)
            others = [job for job in jobs if not job.as_drawn]
            written = self._written(others)
            for job in others:
                self._go_on(job, written.get(job), started)

    def _drafted(self, jobs: Sequence[Job]) -> dict[Job, Draft]:
        """What the piece model writes from nothing; none where all of them were cancelled meanwhile."""
        between = self._between(partial(_any_waits, jobs))
        try:
            with self._writing:
                found = self._draft([j.request.domain for j in jobs], [j.request.seed for j in jobs], None, between)
        except NobodyWaits:
            return {}
        return dict(zip(jobs, found, strict=True))

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
                    notes=job.locked_notes,
                    guidance=request.guidance,
                )
        except ValueError as error:  # MusicError is one
            self._answer(job, BadRequest(str(error)))
        except Exception as error:  # noqa: BLE001 (whatever one request brings with it, the others go on)
            self._answer(job, _failure(job, error))

    def _go_on(self, job: Job, written: Draft | None, started: float) -> None:
        """A job that is planned is answered with what was written for it, or waits to be decoded."""
        if job.future.done():
            return
        job.planning_seconds = time.monotonic() - started
        if written and written.notes:
            self._answer_as_written(job, written, written.notes)
            return
        with self._changed:
            self._planned.append(job)
            self._changed.notify_all()

    def _written(self, jobs: Sequence[Job]) -> dict[Job, Draft]:
        """What the piece model writes as it is asked by latents, for all ``jobs`` of a domain at once.

        Those are left out that are decoded, and of which nothing came that can be offered.
        """
        found: dict[Job, Draft] = {}
        for domain in dict.fromkeys(job.request.domain for job in jobs):
            some = [job for job in jobs if job.request.domain == domain and not job.future.done()]
            try:
                with self._model:
                    asks = {job: ask for job in some if (ask := self._ask(job))}
                if not asks:
                    continue
                between, seeds = self._between(partial(_any_waits, list(asks))), [(job.request.seed, 0) for job in asks]
                with self._writing:
                    drafts = write_asked(self.composer, domain, list(asks.values()), seeds, between)
            except NobodyWaits:
                continue
            except Exception:  # nobody goes without for it: each is decoded then, as where nothing hears latents
                log.exception("nothing was written by latents; %d clips are decoded", len(some))
                continue
            found |= {job: draft for job, draft in zip(asks, drafts, strict=True) if draft}
        return found

    def _ask(self, job: Job) -> Ask | None:
        """What a planned job asks the piece model for; None where it is decoded."""
        if self.composer.asked is None or job.plan is None:
            return None
        if job.around_held is not None:
            return self._around_held(job, job.around_held)
        if not job.by_latents:
            return None
        latents, borrowed = job.plan.latents, [name for name in job.styles if name != CODES]
        if job.tune is not None and set(STYLE_GROUPS) <= set(borrowed):
            return tune_in_styles(latents, job.tune)
        return as_latents_say(latents, job.tune, borrowed)

    def _around_held(self, job: Job, notes: Piece) -> Ask | None:
        """To write around bars that stay; None where the notes have other bars than the latents, or none to write."""
        try:
            latents = job.content if isinstance(job.content, Latents) else self.composer.encode(notes)
            bars = len(whole_bars(notes).bars)
        except MusicError:  # of this one alone: the others are written
            return None
        if not bars == latents.bars == job.request.bars:
            return None
        return composed_anew(latents, notes, job.locks.bars, job.request.keep)

    def _answer_as_written(self, job: Job, draft: Draft, notes: Piece) -> None:
        assert job.plan is not None
        recipe = {name: value for name, value in job.plan.recipe.items() if name not in {"temperature", "top_p"}}
        recipe |= {"writer": draft.latents.piece["writer"]}
        if job.as_drawn:  # of fewer bars the plan has the latents
            recipe |= {"content": "written"}
            job.plan = replace(job.plan, recipe=recipe)
        else:
            job.plan = replace(job.plan, recipe=recipe, latents=draft.latents)
        job.admitted = time.monotonic()
        piece = notes.window(0, job.request.bars)
        self._tell(job, [(int(a), int(b), int(c), int(d)) for a, b, c, d in piece.notes])
        self._answer(job, _result(job, piece, self.composer.version))

    def _next_to_plan(self, line: deque[Job]) -> list[Job]:
        """The next live requests, as many as may join the batch or wait right behind it; none when closed."""
        with self._changed:
            while not self._closed:
                room = self.slots - len(self._planned)
                jobs: list[Job] = []
                while line and len(jobs) < room:
                    job = line.popleft()
                    if not job.future.done():
                        jobs.append(job)
                if jobs:
                    return jobs
                self._changed.wait()
        return []

    def _decode_forever(self) -> None:
        batch = self.composer.new_batch(self.slots)
        steps = 0
        while self._wait_for_work(batch):
            try:
                finished = batch.step()
            except Exception as error:  # noqa: BLE001 (one of the batch did it; each gets a second try, alone)
                batch = self._break_up(error)
                continue
            steps += 1
            for slot in finished:
                self._finish(batch, slot)
            if steps % TELL_EVERY_STEPS == 0:
                for slot, job in self._running.items():
                    if job.hearings:
                        self._tell(job, batch.notes_so_far(slot))

    def _wait_for_work(self, batch: DecodeBatch) -> bool:
        """Let clips leave and join the batch; returns when there is something to decode, or False when closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for job in [job for job in self._jobs.values() if now > job.deadline]:
                    self._answer(job, DeadlinePassed(f"no clip within {job.request.deadline_ms} ms"))
                for slot in [slot for slot, job in self._running.items() if job.future.done()]:
                    batch.release(slot)
                    del self._running[slot]
                while len(self._running) < self.slots and (joining := self._next_to_decode()) is not None:
                    self._admit(batch, joining)
                if self._running:
                    return True
                self._changed.wait(LOOK_SECONDS if self._jobs else None)
        return False

    def _next_to_decode(self) -> Job | None:
        line = self._alone or self._planned
        while line and line[0].future.done():
            line.popleft()
        if not line or (self._alone and self._running):
            return None
        if line is self._planned:
            self._changed.notify_all()  # the planner may go on
        return line.popleft()

    def _admit(self, batch: DecodeBatch, job: Job) -> None:
        slot = next(slot for slot in range(self.slots) if slot not in self._running)
        assert job.plan is not None
        try:
            batch.admit(slot, job.plan)
        except Exception as error:  # noqa: BLE001 (only this request is lost)
            batch.release(slot)
            self._answer(job, _failure(job, error))
            return
        job.admitted = time.monotonic()
        self._running[slot] = job

    def _finish(self, batch: DecodeBatch, slot: int) -> None:
        job = self._running[slot]
        try:
            piece = batch.take(slot)
            result = _result(job, piece, self.composer.version)
            self._tell(job, [(int(a), int(b), int(c), int(d)) for a, b, c, d in piece.notes])
        except Exception as error:  # noqa: BLE001 (only this request is lost)
            batch.release(slot)
            self._answer(job, _failure(job, error))
        else:
            self._answer(job, result)
        with self._changed:
            del self._running[slot]

    def _tell(self, job: Job, notes: list[tuple[int, int, int, int]]) -> None:
        try:
            job.tell(notes)
        except Exception:  # a listener's trouble is its own
            log.exception("a listener of request %s failed", job.request.id)
            job.hearings.clear()

    def _break_up(self, error: Exception) -> DecodeBatch:
        """After a failed step: a clip that was alone has failed, several are decoded again one by one."""
        with self._changed:
            jobs = list(self._running.values())
            self._running.clear()
            if len(jobs) == 1:
                self._answer(jobs[0], _failure(jobs[0], error))
            else:
                log.error("a batch of %d broke; each is decoded again alone", len(jobs), exc_info=error)
                self._alone.extend(jobs)
        return self.composer.new_batch(self.slots)

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

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
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


def _any_waits(jobs: Sequence[Job]) -> bool:
    return not all(job.future.done() for job in jobs)


def _result(job: Job, piece: Piece, version: str) -> GenerateResult:
    assert job.plan is not None
    now = time.monotonic()
    return GenerateResult(
        id=job.request.id,
        notes=piece.to_json(),
        latents=job.plan.latents.to_json(),
        recipe=dict(job.plan.recipe),
        model_version=version,
        queue_ms=round(1000 * (job.admitted - job.came - job.planning_seconds), 2),
        decode_ms=round(1000 * (now - job.admitted + job.planning_seconds), 2),
    )


def _failure(job: Job, error: Exception) -> GenerationError:
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
