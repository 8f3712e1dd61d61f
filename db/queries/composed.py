"""What is one listener's own: clips and whole pieces composed for them, pieces in their studio, and what they played.

Also how fast listeners use up the clips for everybody.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, or_, select, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.queries.offers import FOUR_SIDES, clips_shown
from db.tables import OWN, PICTURES, WHOLE, Clip, ClipAudio, Four, Listener, Offer, Play, StudioPiece


@dataclass(frozen=True)
class OwnClip:
    """When a clip was composed for a listener, of which kind it is, and whether they have voted on it."""

    composed_at: datetime
    kind: str
    met: bool


def own_clips(session: Session, listener_id: UUID) -> list[OwnClip]:
    """All clips composed for this listener's taste, oldest first."""
    met = Clip.id.in_(clips_shown(listener_id, state="voted"))
    query = (
        select(Clip.created_at, Clip.kind, met)
        .where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
        .order_by(Clip.created_at)
    )
    return [OwnClip(at, kind, bool(known)) for at, kind, known in session.execute(query)]


def count_own(session: Session, listener_id: UUID) -> int:
    """How many clips were composed for this listener's taste."""
    return session.scalars(select(func.count()).where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))).one()


@dataclass(frozen=True)
class WholePiece:
    """A whole piece for a listener; ``seconds`` long. ``done``: what the listener did with it, as ``Play`` names it."""

    id: UUID
    domain: str
    recipe: dict[str, Any]
    seconds: float
    created_at: datetime
    done: Set[str]


def whole_pieces(session: Session, listener_id: UUID) -> list[WholePiece]:
    """The whole pieces composed for this listener, oldest first."""
    done: defaultdict[UUID, set[str]] = defaultdict(set)
    for clip_id, outcome in session.execute(select(Play.clip_id, Play.outcome).where(Play.listener_id == listener_id)):
        done[clip_id].add(outcome)
    query = (
        select(Clip.id, Clip.domain, Clip.recipe, ClipAudio.seconds, Clip.created_at)
        .join(ClipAudio, ClipAudio.clip_id == Clip.id)
        .where(Clip.composed_for == listener_id, Clip.kind == WHOLE, ~Clip.retired)
        .order_by(Clip.created_at, Clip.id)
    )
    return [
        WholePiece(clip_id, domain, recipe, seconds, created_at, frozenset(done[clip_id]))
        for clip_id, domain, recipe, seconds, created_at in session.execute(query)
    ]


def notes_of(session: Session, clip_ids: Collection[UUID]) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """The kind of music and the notes of clips."""
    query = select(Clip.id, Clip.domain, Clip.notes).where(Clip.id.in_(clip_ids))
    return {clip_id: (domain, notes) for clip_id, domain, notes in session.execute(query)}


def recipes_of(session: Session, content_hash: str, listener_id: UUID) -> list[dict[str, Any]]:
    """Recipes of the clips of these notes that are everybody's or this listener's."""
    whose = or_(Clip.composed_for.is_(None), Clip.composed_for == listener_id)
    return list(session.scalars(select(Clip.recipe).where(Clip.content_hash == content_hash, whose)))


def sounds_in_use(session: Session, uris: Collection[str]) -> set[str]:
    """Those of ``uris`` under which some clip's sound lies."""
    return set(session.scalars(select(ClipAudio.uri).where(ClipAudio.uri.in_(uris))))


def most_met(session: Session, domain: str) -> int:
    """The largest number of everybody's clips that any listener of the last hour has met."""
    recent = func.now() - timedelta(hours=1)
    here = union(*(select(table.listener_id).where(table.created_at > recent) for table in (Offer, Four)))
    active = select(Listener.id).where(Listener.domain == domain, Listener.id.in_(here))
    shown = union(
        *(
            select(side.class_.listener_id.label("listener_id"), side.label("clip_id")).where(
                side.class_.listener_id.in_(active)
            )
            for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
        )
    ).subquery()
    met = (
        select(func.count().label("met"))
        .select_from(shown)
        .join(Clip, Clip.id == shown.c.clip_id)
        .where(Clip.domain == domain, Clip.composed_for.is_(None))
        .group_by(shown.c.listener_id)
        .subquery()
    )
    return session.scalar(select(func.max(met.c.met))) or 0


def opened_since(session: Session, listener_id: UUID, *, since: datetime) -> UUID | None:
    """The first clip made for one listener's taste ``since`` then that they have opened."""
    theirs = and_(Clip.composed_for == listener_id, Clip.kind == "opened", Clip.created_at >= since)
    return session.scalars(select(Clip.id).where(theirs).order_by(Clip.created_at, Clip.id).limit(1)).one_or_none()


def first_unasked(session: Session, listener_id: UUID, *, since: datetime, kind: str) -> UUID | None:
    """Of the clips for one listener's taste made ``since`` then, the first that is in no pair or four of theirs.

    One of the ``kind`` goes before those that another job has made meanwhile.
    """
    theirs = and_(Clip.composed_for == listener_id, Clip.kind.in_(OWN), Clip.created_at >= since)
    query = select(Clip.id).where(theirs, Clip.id.not_in(clips_shown(listener_id)))
    return session.scalars(query.order_by(Clip.kind != kind, Clip.created_at, Clip.id).limit(1)).one_or_none()


def open_gift(session: Session, clip_id: UUID) -> bool:
    """Let a clip for one listener's taste stand in no blind test, since they know it. Whether it could."""
    unknown = Clip.kind.in_(("composed", "surprise", "near", "tension"))
    change = update(Clip).where(Clip.id == clip_id, unknown).values(kind="opened").returning(Clip.id)
    return session.scalar(change) is not None


def add_piece(
    session: Session,
    listener_id: UUID,
    *,
    domain: str,
    title: str,
    recipe: dict[str, Any],
    notes: dict[str, Any],
    latents: dict[str, Any],
    model_version: str,
    image: str | None = None,
) -> StudioPiece:
    """Store a piece for this listener; of a picture with its ``image``, a PNG in base64."""
    piece = StudioPiece(
        listener_id=listener_id,
        domain=domain,
        title=title,
        recipe=recipe,
        notes=notes,
        latents=latents,
        model_version=model_version,
        image=image,
    )
    session.add(piece)
    session.flush()
    return piece


def get_piece(session: Session, piece_id: UUID) -> StudioPiece | None:
    """The piece, whoever owns it, or None."""
    return session.get(StudioPiece, piece_id)


def piece_like(session: Session, listener_id: UUID, notes: dict[str, Any], latents: dict[str, Any]) -> UUID | None:
    """The listener's piece with these notes, or of a picture, which has none, with these latents; None without one."""
    same = StudioPiece.notes == notes if notes else StudioPiece.latents == latents
    query = select(StudioPiece.id).where(StudioPiece.listener_id == listener_id, same)
    return session.scalars(query.limit(1)).one_or_none()


def brought_before(
    session: Session, listener_id: UUID, domain: str, title: str, notes: dict[str, Any]
) -> StudioPiece | None:
    """The newest piece that the listener brought with this title and these notes, or None."""
    same = (StudioPiece.domain == domain, StudioPiece.title == title, StudioPiece.notes == notes)
    query = select(StudioPiece).where(StudioPiece.listener_id == listener_id, StudioPiece.recipe == {}, *same)
    return session.scalars(query.order_by(StudioPiece.created_at.desc()).limit(1)).one_or_none()


def linked_piece(session: Session, link_key: str) -> StudioPiece | None:
    """The piece that a link opens, or None."""
    return session.scalars(select(StudioPiece).where(StudioPiece.link_key == link_key)).one_or_none()


def link(session: Session, piece: StudioPiece) -> str:
    """The key of the piece's link, made once."""
    if piece.link_key is None:
        piece.link_key = secrets.token_urlsafe(16)
        session.flush()
    return piece.link_key


def brought_pieces(session: Session, listener_id: UUID, limit: int, *, pictures: bool = False) -> list[StudioPiece]:
    """What the listener brought as files, newest first: music, or ``pictures``."""
    kind = (StudioPiece.domain == PICTURES) == pictures
    query = select(StudioPiece).where(StudioPiece.listener_id == listener_id, StudioPiece.recipe == {}, kind)
    return list(session.scalars(query.order_by(StudioPiece.created_at.desc()).limit(limit)))


def count_recent(session: Session, listener_id: UUID, within: timedelta) -> int:
    """How many pieces this listener has made or brought lately."""
    recent = StudioPiece.created_at > func.clock_timestamp() - within
    return session.scalars(
        select(func.count()).select_from(StudioPiece).where(StudioPiece.listener_id == listener_id, recent)
    ).one()


def thin_out(session: Session, listener_id: UUID, keep: int) -> list[UUID]:
    """Forget all but the newest ``keep`` pieces of a listener; one with a link stays. Those that went."""
    newest = (
        select(StudioPiece.id)
        .where(StudioPiece.listener_id == listener_id)
        .order_by(StudioPiece.created_at.desc())
        .limit(keep)
    )
    old = delete(StudioPiece).where(
        StudioPiece.listener_id == listener_id, StudioPiece.link_key.is_(None), StudioPiece.id.not_in(newest)
    )
    return list(session.scalars(old.returning(StudioPiece.id)))


def is_whole_piece_of(session: Session, clip_id: UUID, listener_id: UUID) -> bool:
    """Whether this is a whole piece that was composed for the listener."""
    theirs = (Clip.id == clip_id, Clip.composed_for == listener_id, Clip.kind == WHOLE)
    return bool(session.scalar(select(exists().where(*theirs))))


def judged(session: Session, listener_id: UUID, *, domain: str, least_ms: int) -> list[tuple[UUID, bool]]:
    """Pieces of a domain with whether they were heard out or kept, or else skipped; in the order of the last of it.

    What sounded for less than ``least_ms`` tells nothing, unless it was kept.
    """
    told = or_(Play.outcome == "kept", and_(Play.outcome.in_(("heard_out", "skipped")), Play.heard_ms >= least_ms))
    query = (
        select(Play.clip_id, func.bool_or(Play.outcome != "skipped"))
        .join(Clip, Clip.id == Play.clip_id)
        .where(Play.listener_id == listener_id, Clip.domain == domain, told)
        .group_by(Play.clip_id)
        .order_by(func.max(Play.created_at), Play.clip_id)
    )
    return [(clip_id, to_the_end) for clip_id, to_the_end in session.execute(query)]


def add_play(session: Session, *, listener_id: UUID, clip_id: UUID, outcome: str, heard_ms: int) -> UUID | None:
    """Store one; None where a piece is begun or kept that was so before."""
    values = {"listener_id": listener_id, "clip_id": clip_id, "outcome": outcome, "heard_ms": heard_ms}
    return session.scalar(insert(Play).values(values).on_conflict_do_nothing().returning(Play.id))
