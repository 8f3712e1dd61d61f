"""From a request to a playable clip: compose, screen, render, store; what is broken is thrown away and counted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.queries import clips as rows
from db.queries.listeners import lock_listener
from db.queries.offers import met_among
from db.tables import Clip, ClipAudio
from models.music.notes import DOMAINS, Piece
from models.style.fingerprint import Fingerprint
from models.style.latents import Latents
from models.style.screen import why_broken
from models.taste.head import Head
from models.taste.search import CAREFUL, OPTIMISTIC, SEARCHED, best_latents
from models.taste.space import TasteSpace, summary
from webapp.composing.rendering import Rendered, playable_lengths, render_into
from webapp.composing.wishes import Progress, Wish
from webapp.generation.protocol import BadRequest, GenerateRequest, GenerateResult, GenerationError, Source
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

CLIPS_A_JOB = 3
DRAWN_AT_ONCE = 16  # latents, after which is told how far the search is
DEADLINE_MS = 60_000
CLIP_KINDS = {"careful": "composed", "surprise": "surprise", "near": "near"}  # of a wish
Tell = Callable[[dict[str, Any]], None]


@dataclass
class Thrown:
    """How many clips were composed, and how many of them thrown away for which reason."""

    composed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def compose_clips(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    domain: str,
    *,
    seeds: Iterable[int],
    contents: Sequence[Source] | None = None,
    composed_for: uuid.UUID | None = None,
    kind: str = "composed",
    thrown: Thrown | None = None,
    hurry: bool = False,
    ready: Callable[[], None] | None = None,
) -> list[uuid.UUID]:
    """Compose one clip a seed, all at once, and store those that may be offered; their ids.

    ``ready`` is called for each that is stored.
    In a ``hurry`` each is rendered as soon as it is composed, beside the others, and at its shortest length alone.
    Raises the ``GenerationError`` of a request that failed, after what did not fail is stored.
    """
    if domain not in DOMAINS:
        raise ValueError(f"domain {domain!r} was given; there are {', '.join(DOMAINS)}")
    counted = thrown if thrown is not None else Thrown()
    seeds = list(seeds)
    requests = [
        GenerateRequest(
            id=uuid.uuid4().hex,
            domain=domain,
            content=contents[i] if contents else None,
            seed=seed % 2**63,
            deadline_ms=DEADLINE_MS,
        )
        for i, seed in enumerate(seeds)
    ]
    rendering = contextlib.nullcontext() if hurry else threading.Lock()  # one core is enough, votes need the other

    def make(request: GenerateRequest) -> tuple[uuid.UUID | None, str | None]:
        result = generation.generate(request)
        with rendering:
            return keep(
                database, journal, clip_store, space, style_folder, domain, result, composed_for, kind=kind, hurry=hurry
            )

    made: list[uuid.UUID] = []
    failed: GenerationError | None = None
    with ThreadPoolExecutor(max(1, len(requests))) as together:
        for answer in [together.submit(make, request) for request in requests]:
            try:
                clip_id, reason = answer.result()
            except GenerationError as error:
                failed = error
                continue
            counted.composed += 1
            if reason is not None:
                counted.reasons[reason] = counted.reasons.get(reason, 0) + 1
                log.info("clip_thrown domain=%s reason=%s", domain, reason)
            elif clip_id is not None:
                made.append(clip_id)
                if ready is not None:
                    ready()
    if failed is not None:
        raise failed
    return made


def compose_for(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    listener_id: uuid.UUID,
    domain: str,
    seed: int,
    *,
    wish: Wish | None = None,
    rivals: bool = False,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """Search latents for the listener's head as they wish, compose the best few that differ, store them as theirs.

    With ``rivals`` the same draws give what these clips are to beat, blind: one clip for the average listener of the
    study, searched in the same way, and one just as the prior drew it. ``tell`` hears how far it is.
    Done again with the same seed it composes the same clips, which are then stored once. Raises ``GenerationError``.
    """
    wish = wish or Wish()
    progress = Progress(ideas=SEARCHED, pieces=CLIPS_A_JOB)

    def on(**change: int) -> None:
        nonlocal progress
        progress = progress.model_copy(update=change)
        tell(progress.model_dump())

    def one_more() -> None:
        on(rendered=progress.rendered + 1)

    head = database.transaction(lambda session: heads.load(session, listener_id, space))
    candidates = _draws(database, generation, domain, seed, wish, lambda drawn: on(drawn=drawn))
    kappa = OPTIMISTIC if wish.mode == "surprise" else CAREFUL
    found = best_latents(head, space, candidates, 2 * CLIPS_A_JOB, kappa=kappa)  # some for those thrown away
    on(scored=len(candidates))
    sources = [Source(latents=each.latents.to_json()) for each in found]
    thrown = Thrown()
    made: list[uuid.UUID] = []
    while sources and len(made) < CLIPS_A_JOB:
        now, sources = sources[: CLIPS_A_JOB - len(made)], sources[CLIPS_A_JOB - len(made) :]
        seeds = range(seed + thrown.composed, seed + thrown.composed + len(now))
        made += compose_clips(
            database,
            journal,
            clip_store,
            generation,
            space,
            style_folder,
            domain,
            seeds=seeds,
            contents=now,
            composed_for=listener_id,
            kind=CLIP_KINDS[wish.mode],
            thrown=thrown,
            ready=one_more,
        )
    beside = (
        _compose_rivals(
            database,
            journal,
            clip_store,
            generation,
            space,
            style_folder,
            listener_id,
            domain,
            candidates,
            seed=seed,
            thrown=thrown,
        )
        if rivals and made
        else 0
    )
    log.info("composed_for_listener wish=%s clips=%d rivals=%d votes=%d", wish.mode, len(made), beside, head.votes_seen)
    return {"clips": len(made), "rivals": beside, "composed": thrown.composed, "thrown": thrown.reasons}


def _draws(
    database: Database, generation: RemoteGenerator, domain: str, seed: int, wish: Wish, tell: Callable[[int], None]
) -> list[Latents]:
    """What is searched among: draws of the prior, near the piece that the wish names."""
    near: dict[str, Any] | None = None
    if (wanted := wish.near) is not None:
        clip = database.transaction(lambda session: rows.get_clip(session, wanted))
        if clip is None:
            raise BadRequest(f"clip {wanted}, near which was to be composed, is gone")
        near = clip.latents
    found: list[Latents] = []
    tell(0)
    while len(found) < SEARCHED:
        count = min(DRAWN_AT_ONCE, SEARCHED - len(found))
        answer = generation.latents(domain, count, seed + len(found), near=near, keep=wish.keep)
        found += [Latents.from_json(each) for each in answer.latents]
        tell(len(found))
    return found


def _compose_rivals(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    listener_id: uuid.UUID,
    domain: str,
    candidates: Sequence[Latents],
    *,
    seed: int,
    thrown: Thrown,
) -> int:
    """One clip of each kind of rival of which none waits; how many were made."""

    def look(session: Session) -> tuple[Head | None, set[str]]:
        there = rows.rival_clips(session, listener_id, domain=domain, model_version=space.version)
        met = met_among(session, listener_id, [clip.id for clip in there])
        return heads.average_of_others(session, listener_id, space), {c.kind for c in there if c.id not in met}

    average, waiting = database.transaction(look)
    generator = np.random.default_rng(seed)
    drawn = [candidates[i] for i in generator.permutation(len(candidates))[:CLIPS_A_JOB]]
    wanted = {"drawn": drawn}
    if average is not None:
        best = best_latents(average, space, candidates, CLIPS_A_JOB)
        wanted["average"] = [best[i].latents for i in generator.permutation(len(best))]
    made = 0
    for kind in sorted(set(wanted) - waiting):
        for latents in wanted[kind]:  # the next one where one is thrown away
            source = Source(latents=latents.to_json())
            found = compose_clips(
                database,
                journal,
                clip_store,
                generation,
                space,
                style_folder,
                domain,
                seeds=[seed + thrown.composed],
                contents=[source],
                composed_for=listener_id,
                kind=kind,
                thrown=thrown,
            )
            if found:
                made += 1
                break
    return made


def keep(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    space: TasteSpace,
    style_folder: Path,
    domain: str,
    result: GenerateResult,
    composed_for: uuid.UUID | None,
    *,
    kind: str = "composed",
    hurry: bool = False,
) -> tuple[uuid.UUID | None, str | None]:
    """Store a composed clip with its sound: its id, or None and the reason why it is thrown away."""
    if result.model_version != space.version:
        raise ValueError(
            f"the generator composes with model {result.model_version}, taste is learned in {space.version}; "
            "both must be of one version"
        )
    piece = Piece.from_json(result.notes)
    reason = why_broken(piece, fingerprint(style_folder))
    lengths = playable_lengths(piece)
    if reason is None and not lengths:
        reason = "too_short"
    if reason is None and composed_for is not None and kind != "studio":
        reason = database.transaction(partial(_there_already, owner=composed_for, piece=piece, result=result))
    if reason is not None:
        return None, reason
    rendered = [render_into(clip_store, piece, seconds) for seconds in (lengths[:1] if hurry else lengths)]

    def store(session: Session) -> uuid.UUID | None:
        if composed_for is not None and lock_listener(session, composed_for) is None:
            return None  # deleted meanwhile, and this goes with them
        clip_id, _ = rows.add_clip(
            session,
            domain=domain,
            notes=result.notes,
            recipe=result.recipe,
            latents=result.latents,
            summary=summary(Latents.from_json(result.latents)),
            model_version=result.model_version,
            content_hash=content_hash(piece),
            composed_for=composed_for,
            kind=kind,
        )
        for sound in rendered:
            note_sound(session, clip_id, sound)
        if composed_for is not None:
            journal.keep_clip(session, clip_id)
        return clip_id

    stored = database.transaction(store)
    if stored is None:
        discard(database, clip_store, rendered)
        return None, "listener_gone"
    if composed_for is None:
        database.transaction(lambda session: journal.keep_clip(session, stored))
    return stored, None


def _there_already(session: Session, *, owner: uuid.UUID, piece: Piece, result: GenerateResult) -> str | None:
    """Whether the listener has or may meet this very piece: made for all, or for them by another request."""
    whose = or_(Clip.composed_for.is_(None), Clip.composed_for == owner)
    same = session.scalars(select(Clip.recipe).where(Clip.content_hash == content_hash(piece), whose))
    return "there_already" if any(recipe != result.recipe for recipe in same) else None


def note_sound(session: Session, clip_id: uuid.UUID, sound: Rendered) -> None:
    """Write down where a clip's sound lies."""
    rows.add_audio(
        session,
        clip_id,
        seconds=sound.seconds,
        sha256=sound.sha256,
        uri=sound.key,
        size_bytes=sound.size,
        lufs=sound.lufs,
        true_peak_db=sound.true_peak_db,
    )


def discard(database: Database, clip_store: ClipStore, rendered: Iterable[Rendered]) -> None:
    """Take sound out of the store again where no clip uses it."""
    keys = {sound.key for sound in rendered}
    used = database.transaction(
        lambda session: set(session.scalars(select(ClipAudio.uri).where(ClipAudio.uri.in_(keys))))
    )
    for key in keys - used:
        clip_store.delete(key)


def content_hash(piece: Piece) -> str:
    """SHA-256 of what can be heard of a piece: notes, bars and tempi."""
    heard = [piece.notes.tolist(), piece.bars.tolist(), np.round(piece.tempo_bpm.astype(float), 3).tolist()]
    return hashlib.sha256(json.dumps(heard, separators=(",", ":")).encode()).hexdigest()


def new_seed() -> int:
    """A seed for clips that nobody has composed yet."""
    return int.from_bytes(os.urandom(7), "big")


@cache
def fingerprint(style_folder: Path) -> Fingerprint | None:
    """The training songs' melodies, which no clip may copy; None where the style model is not installed here."""
    path = style_folder / "fingerprint.safetensors"
    return Fingerprint(load_file(path)["bits"]) if path.exists() else None
