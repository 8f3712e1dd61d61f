"""From latents to a playable clip: compose, screen, render, store; a piece that may not be offered is counted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as rows
from db.queries import composed
from db.queries.listeners import lock_listener
from models.music.notes import Domain, Piece
from models.style.drafts import Draft
from models.style.fingerprint import rejection_reason
from models.style.latents import Latents
from models.style.performance import touch
from models.taste.space import summary
from webapp.composing import rendering
from webapp.composing.dials import NOTED
from webapp.composing.rendering import Rendered, playable_lengths
from webapp.generation.protocol import GenerateRequest, GenerateResult, GenerationError, Generator, Source
from webapp.learning.playable_clips import AnyDomain, InstalledStyle, domain_named
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.journal import Journal
from webapp.runtime.waiting import require_wanted, somebody_waits, turn

log = logging.getLogger(__name__)

DEADLINE_MS = 60_000
SILENT, TOO_SHORT, THERE_ALREADY, LISTENER_GONE = "silent", "too_short", "there_already", "listener_gone"


@dataclass(frozen=True)
class Order:
    """One clip to make: of a ``draft`` or from nothing; for the taste of its ``owner`` or for all.

    ``kind``, of a clip with an owner: one of ``db.tables.OWN`` or a baseline beside these.
    """

    domain: AnyDomain
    seed: int
    draft: Draft | None = None
    owner: uuid.UUID | None = None
    kind: str = "composed"

    def request(self) -> GenerateRequest:
        """As the generator is asked for it."""
        return GenerateRequest(
            id=uuid.uuid4().hex,
            domain=domain_named(self.domain),
            content=Source(latents=self.draft.latents.to_json()) if self.draft else None,
            seed=self.seed % 2**63,
            deadline_ms=DEADLINE_MS,
        )

    def composed(self, generation: Generator) -> GenerateResult:
        """The draft's notes where it has some; otherwise what the generator makes of it. Raises ``GenerationError``."""
        if self.draft is None or self.draft.notes is None:
            return generation.generate(self.request())
        latents, notes = self.draft.latents, self.draft.notes
        recipe = {
            "model_version": latents.version, "domain": self.domain, "meter": latents.piece["meter"],
            "bars": latents.bars, "seed": self.seed, "content": "written", "writer": latents.piece.get("writer", ""),
            "styles": {}, **{name: latents.piece[name] for name in NOTED if name in latents.piece},
        }  # fmt: skip
        return GenerateResult(
            id=uuid.uuid4().hex, notes=notes.to_json(), latents=latents.to_json(), recipe=recipe,
            model_version=latents.version, queue_ms=0, decode_ms=0,
        )  # fmt: skip


class Kept(NamedTuple):
    """The stored clip, or why there is none."""

    clip_id: uuid.UUID | None
    fault: str | None = None


@dataclass
class Made:
    """The stored clips of some orders, how many pieces were composed for them, and how many had which fault."""

    clip_ids: list[uuid.UUID] = field(default_factory=list)
    composed: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def count(self, kept: Kept) -> None:
        """One more piece was composed."""
        self.composed += 1
        if kept.clip_id is not None:
            self.clip_ids.append(kept.clip_id)
        if kept.fault is not None:
            self.faults[kept.fault] = self.faults.get(kept.fault, 0) + 1

    def add(self, other: Made) -> None:
        """Count these, too."""
        self.clip_ids += other.clip_ids
        self.composed += other.composed
        for name, times in other.faults.items():
            self.faults[name] = self.faults.get(name, 0) + times


class ClipMaker:
    """Makes clips for everybody and for one listener; may be used from many threads.

    So many orders are made ``at_once``: the generator composes what waits side by side.
    """

    at_once: ClassVar[int] = 64

    def __init__(
        self, database: Database, journal: Journal, clip_store: ClipStore, generation: Generator, style: InstalledStyle
    ) -> None:
        self.database, self.journal, self.clip_store = database, journal, clip_store
        self.generation, self.style = generation, style
        self._one_at_a_time = threading.Lock()  # one core is enough for rendering, votes need the other

    def make(
        self,
        orders: Sequence[Order],
        *,
        shortest: bool = False,
        hurry: bool = False,
        on_stored: Callable[[], None] | None = None,
    ) -> Made:
        """Make all of them; ``on_stored`` is called for each clip that is there.

        With ``shortest`` they are rendered at their shortest length alone, in a ``hurry`` also beside one another.
        Raises the ``GenerationError`` of an order that failed, after what did not fail is stored.
        """
        made = Made()
        failed: GenerationError | None = None
        with ThreadPoolExecutor(max(1, min(len(orders), self.at_once))) as together:
            for answer in [
                together.submit(copy_context().run, self._make_one, order, shortest=shortest or hurry, hurry=hurry)
                for order in orders
            ]:
                try:
                    kept = answer.result()
                except GenerationError as error:
                    failed = error
                    continue
                made.count(kept)
                if kept.clip_id is not None and on_stored is not None:
                    on_stored()
        if failed is not None:
            raise failed
        return made

    def _make_one(self, order: Order, *, shortest: bool, hurry: bool) -> Kept:
        result = order.composed(self.generation)
        beside = contextlib.nullcontext() if hurry else None
        kept = self.keep(
            result, domain_named(order.domain), order.owner, order.kind, shortest=shortest, rendering_turn=beside
        )
        if kept.fault is not None:
            log.info("clip_rejected domain=%s fault=%s", order.domain, kept.fault)
        return kept

    def keep(
        self,
        result: GenerateResult,
        domain: AnyDomain,
        owner: uuid.UUID | None,
        kind: str,
        *,
        shortest: bool = False,
        whole: bool = False,
        rendering_turn: AbstractContextManager[object] | None = None,
    ) -> Kept:
        """Screen, render and store a composed piece; while it is rendered it has its ``rendering_turn``.

        It sounds at the lengths of clips, at the ``shortest`` of these alone, or as a ``whole``.
        Raises ``NobodyWaits`` where it is not wanted any more.
        """
        self._check_version(result.model_version)
        piece = Piece.from_json(result.notes)
        if fault := self.fault(result):
            return Kept(None, fault)
        digest = content_hash(piece)
        result = result.model_copy(update={"recipe": {**result.recipe, "playing": touch.version()}})
        # What somebody makes themselves in the studio may be what they have already.
        repeats = owner and kind != "studio" and is_there_already(self.database, digest, result, owner)
        if repeats:
            return Kept(None, THERE_ALREADY)
        music = domain_named(domain)
        lengths = rendering.playable_lengths(piece)[: 1 if shortest else None]
        lengths = [rendering.whole_length(piece, music)] if whole else lengths
        with rendering_turn or turn(self._one_at_a_time, somebody_waits):
            sounds = [rendering.render_into(self.clip_store, piece, seconds, music) for seconds in lengths]
        if any(sound.silent for sound in sounds):
            self._discard(sounds)
            return Kept(None, SILENT)
        clip_id = self._store(result, digest, sounds, domain, owner, kind=kind)
        return Kept(clip_id, LISTENER_GONE if clip_id is None else None)

    def fault(self, result: GenerateResult) -> str | None:
        """Why what was composed may not become a clip; None where it may.

        What goes on from a piece that somebody brought, which may be a tune that all know, is screened from there on,
        and may repeat it.
        """
        piece, recipe = Piece.from_json(result.notes), result.recipe
        bars = recipe.get("played_on", 0) if "piece" in recipe else 0
        first = len(piece.bars) - bars
        if not 0 < first < len(piece.bars):
            return fault_of(piece, self.style)
        return fault_of(piece.window(first, bars), self.style, piece.window(0, first))

    def unused(self, drafts: Sequence[Draft], owner: uuid.UUID) -> list[Draft]:
        """Those of which, as they were written, no clip was made that this listener may hear."""
        hashes = [(draft, content_hash(draft.notes)) for draft in drafts if draft.notes is not None]
        return self.database.transaction(
            lambda session: [draft for draft, digest in hashes if not composed.recipes_of(session, digest, owner)]
        )

    def lengthen(self, clip_id: uuid.UUID) -> None:
        """Render a stored clip at the lengths that it lacks; nothing where it is gone."""

        def look(session: Session) -> tuple[Piece, Domain, list[float]] | None:
            clip = rows.get_clip(session, clip_id)
            if clip is None:
                return None
            return Piece.from_json(clip.notes), domain_named(clip.domain), rows.audio_lengths(session, clip_id)

        found = self.database.transaction(look)
        if found is None:
            return
        piece, domain, there = found
        with self._one_at_a_time:
            missing = [seconds for seconds in rendering.playable_lengths(piece) if seconds not in there]
            sounds = [rendering.render_into(self.clip_store, piece, seconds, domain) for seconds in missing]

        def note(session: Session) -> bool:
            if rows.lock_clip(session, clip_id) is None:
                return False
            for sound in sounds:
                rows.add_audio(session, clip_id, **sound.columns())
            self.journal.keep_clip(session, clip_id)
            return True

        if sounds and not self.database.transaction(note):
            self._discard(sounds)

    def _store(
        self,
        result: GenerateResult,
        digest: str,
        sounds: Sequence[Rendered],
        domain: AnyDomain,
        owner: uuid.UUID | None,
        *,
        kind: str,
    ) -> uuid.UUID | None:
        """The clip's id; None where its owner was deleted meanwhile: it goes with them.

        Raises ``NobodyWaits`` where it is not wanted any more. The ``sounds`` of what is not stored go.
        """
        latents = Latents.from_json(result.latents)

        def work(session: Session) -> uuid.UUID | None:
            if owner is not None and lock_listener(session, owner) is None:
                return None
            require_wanted(session)
            clip_id, _ = rows.add_clip(
                session,
                domain=domain,
                notes=result.notes,
                recipe=result.recipe,
                latents=result.latents,
                summary=summary(latents),
                model_version=result.model_version,
                content_hash=digest,
                composed_for=owner,
                kind=kind,
            )
            for sound in sounds:
                rows.add_audio(session, clip_id, **sound.columns())
            if owner is not None:
                self.journal.keep_clip(session, clip_id)
            return clip_id

        try:
            clip_id = self.database.transaction(work)
        except NobodyWaits:
            self._discard(sounds)
            raise
        if clip_id is None:
            self._discard(sounds)
        elif owner is None:
            self.database.transaction(lambda session: self.journal.keep_clip(session, clip_id))
        return clip_id

    def _check_version(self, made_with: str) -> None:
        if made_with != self.style.version:
            raise ValueError(
                f"the generator composes with model {made_with}, taste is learned in {self.style.version}; "
                "both must be of one version"
            )

    def _discard(self, sounds: Iterable[Rendered]) -> None:
        """Take sound out of the store again where no clip uses it."""
        uris = {sound.key for sound in sounds}
        used = self.database.transaction(lambda session: composed.sounds_in_use(session, uris))
        for uri in uris - used:
            self.clip_store.delete(uri)


def fault_of(piece: Piece, style: InstalledStyle, brought: Piece | None = None) -> str | None:
    """Why nobody should hear this piece: it is broken, a copy, or too short to play; None where it is fine.

    ``brought``: music before it that it may repeat.
    """
    return rejection_reason(piece, style.fingerprint, brought) or (None if playable_lengths(piece) else TOO_SHORT)


def is_there_already(database: Database, digest: str, result: GenerateResult, owner: uuid.UUID) -> bool:
    """Whether the listener has or may meet the clip of this content hash: made for all, or for them otherwise."""
    recipes = database.transaction(lambda session: composed.recipes_of(session, digest, owner))
    return any(recipe != result.recipe for recipe in recipes)


def content_hash(piece: Piece) -> str:
    """SHA-256 of what can be heard of a piece: notes, bars and tempi."""
    heard = [piece.notes.tolist(), piece.bars.tolist(), np.round(piece.tempo_bpm.astype(float), 3).tolist()]
    return hashlib.sha256(json.dumps(heard, separators=(",", ":")).encode()).hexdigest()
