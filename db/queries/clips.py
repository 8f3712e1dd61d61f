"""Clips: stored once, scored as a pool without reading their notes, with what models heard in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    null,
    or_,
    select,
    text,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from db.engine import built_once
from db.queries.offers import clips_shown
from db.tables import IS_BESIDE, IS_OWN, OWN, PICTURES, RIVALS, Clip, ClipAudio, Four, HeardClip, Offer
from db.tables.base import Floats

NEWEST_OWN, NEWEST_RIVALS = 60, 24  # clips of one listener that are looked at for a pair


@dataclass(frozen=True)
class PoolClip:
    """What choosing a pair needs of a clip: ``summary`` float32 ``(D,)``, the lengths in seconds that can be played."""

    id: UUID
    summary: Floats
    seconds: tuple[float, ...]
    composed: bool
    kind: str


@dataclass(frozen=True)
class PoolMusic:
    """What drawing a map needs of a clip: its notes, its ``summary`` float32 ``(D,)`` and its domain."""

    id: UUID
    notes: dict[str, Any]
    summary: Floats
    domain: str


def add_clip(
    session: Session,
    *,
    domain: str,
    notes: dict[str, Any],
    recipe: dict[str, Any],
    latents: dict[str, Any],
    summary: Floats | Sequence[float],
    model_version: str,
    content_hash: str,
    composed_for: UUID | None = None,
    kind: str = "composed",
) -> tuple[UUID, bool]:
    """Store a clip; its id and whether it is new. ``kind`` is that of a clip for one listener.

    A clip of the same ``content_hash`` for the same listener (or for everybody) is the same clip and stays as it is.
    """
    values = {
        "domain": domain,
        "kind": "prior" if composed_for is None else kind,
        "composed_for": composed_for,
        "notes": notes,
        "recipe": recipe,
        "latents": latents,
        "summary": summary,
        "model_version": model_version,
        "content_hash": content_hash,
    }
    new = session.scalar(insert(Clip).values(values).on_conflict_do_nothing().returning(Clip.id))
    if new is not None:
        return new, True
    same = Clip.composed_for.is_not_distinct_from(composed_for)
    return session.scalars(select(Clip.id).where(Clip.content_hash == content_hash, same)).one(), False


def add_audio(
    session: Session,
    clip_id: UUID,
    *,
    seconds: float,
    sha256: str,
    uri: str,
    size_bytes: int,
    lufs: float | None,
    true_peak_db: float | None,
    playing: str = "",
) -> bool:
    """Note where a clip's sound of this length lies; False where that was known already."""
    values = {
        "clip_id": clip_id,
        "seconds": seconds,
        "sha256": sha256,
        "uri": uri,
        "bytes": size_bytes,
        "lufs": lufs,
        "true_peak_db": true_peak_db,
        "playing": playing,
    }
    new = insert(ClipAudio).values(values).on_conflict_do_nothing().returning(ClipAudio.clip_id)
    return session.scalar(new) is not None


def get_clip(session: Session, clip_id: UUID) -> Clip | None:
    """The whole clip, or None."""
    return session.get(Clip, clip_id)


def sounding_notes(session: Session, clip_id: UUID, seconds: float) -> Row[tuple[dict[str, Any], str]] | None:
    """``(notes, domain)`` of a clip that sounds at this length, and nothing else of it, or None."""
    sounding = (ClipAudio.clip_id == clip_id) & (ClipAudio.seconds == seconds)
    return session.execute(select(Clip.notes, Clip.domain).join(ClipAudio).where(sounding)).one_or_none()


def get_audio(session: Session, clip_id: UUID, seconds: float, *, lock: bool = False) -> ClipAudio | None:
    """Where the clip's sound of this length lies, or None; with ``lock`` it is ours until the transaction ends."""
    return session.get(ClipAudio, (clip_id, seconds), with_for_update=True if lock else None)


def audio_lengths(session: Session, clip_id: UUID) -> list[float]:
    """The lengths in seconds that were rendered of a clip, ascending."""
    return list(
        session.scalars(select(ClipAudio.seconds).where(ClipAudio.clip_id == clip_id).order_by(ClipAudio.seconds))
    )


def summaries_around(session: Session, listener_id: UUID, *, model_version: str) -> list[Floats]:
    """Of this model: the summaries of the clips that a listener was ever offered, and of those composed for them."""
    theirs = Clip.id.in_(clips_shown(listener_id)) | (Clip.composed_for == listener_id)
    return list(session.scalars(select(Clip.summary).where(theirs, Clip.model_version == model_version)))


def pool_music(session: Session, *, model_version: str) -> list[PoolMusic]:
    """The clips that everybody may hear, of every domain, with or without sound, oldest first."""
    query = (
        select(Clip.id, Clip.notes, Clip.summary, Clip.domain)
        .where(Clip.composed_for.is_(None), ~Clip.retired, Clip.model_version == model_version)
        .order_by(Clip.created_at, Clip.id)
    )
    return [PoolMusic(*row) for row in session.execute(query)]


def lock_clip(session: Session, clip_id: UUID) -> UUID | None:
    """The clip's id where it is still there, and stays there until the transaction ends."""
    return session.scalar(select(Clip.id).where(Clip.id == clip_id).with_for_update(read=True, key_share=True))


def pool_clips(
    session: Session, *, domain: str, model_version: str | None = None, listener_id: UUID | None = None
) -> list[PoolClip]:
    """The playable clips of a domain: everybody's, and with ``listener_id`` those composed for that listener too.

    Retired clips and clips without sound are left out. Oldest first.
    """
    whose: ColumnElement[bool] = Clip.composed_for.is_(None)
    if listener_id is not None:
        whose = or_(whose, Clip.composed_for == listener_id)
    return _playable(session, Clip.domain == domain, whose, model_version)


def composed_clips(
    session: Session,
    listener_id: UUID,
    *,
    domain: str | None = None,
    model_version: str | None = None,
) -> list[PoolClip]:
    """The playable clips for one listener's taste, of one domain or of every one, oldest first."""
    of_theirs = and_(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
    return _playable(
        session, of_theirs, literal(value=True) if domain is None else Clip.domain == domain, model_version
    )


def rival_clips(
    session: Session,
    listener_id: UUID,
    *,
    domain: str,
    model_version: str,
    kinds: Sequence[str] = RIVALS,
) -> list[PoolClip]:
    """The ``NEWEST_RIVALS`` playable clips of some ``kinds``, oldest first.

    By default those that stand beside this listener's own in blind proofs.
    """
    of_theirs = and_(Clip.composed_for == listener_id, Clip.kind.in_(kinds), Clip.domain == domain)
    ids = select(Clip.id).where(of_theirs).order_by(Clip.created_at.desc()).limit(NEWEST_RIVALS)
    return _playable(session, of_theirs, Clip.id.in_(ids), model_version)


def clips_for(session: Session, listener_id: UUID, *, domain: str, model_version: str) -> list[PoolClip]:
    """What ``composed_clips`` and ``rival_clips`` (also ``BY_TENSION``) of a domain find, together: the newest of each.

    Oldest first.
    """
    given = {"whose": listener_id, "domain": domain, "version": model_version}
    return _pool_clips(session.execute(_clips_for(), given))


@built_once
def _clips_for() -> Select[UUID, Floats, Sequence[float], bool, str]:
    """Built once: a vote has no time for it."""
    theirs = and_(Clip.composed_for == bindparam("whose", type_=Uuid), Clip.domain == bindparam("domain", type_=Text))
    newest = [
        # a partial index is found by its own words
        select(Clip.id).where(theirs, text(kinds)).order_by(Clip.created_at.desc()).limit(most).subquery()
        for kinds, most in ((IS_OWN, NEWEST_OWN), (IS_BESIDE, NEWEST_RIVALS))
    ]
    some = union_all(*(select(each.c.id) for each in newest))
    return _playable_query(Clip.id.in_(some), Clip.model_version == bindparam("version", type_=Text))


def count_pool(session: Session, *, domain: str, model_version: str | None = None) -> int:
    """How many playable clips everybody may hear in a domain."""
    query = _count_of_everybody(domain)
    if model_version is not None:
        query = query.where(Clip.model_version == model_version)
    return session.scalars(query).one()


def count_composed_by(session: Session, *, domain: str, model_version: str) -> int:
    """How many playable clips that everybody may hear in a domain were composed by this model, not only encoded."""
    query = _count_of_everybody(domain).where(Clip.model_version == model_version, ~_of_another(model_version))
    return session.scalars(query).one()


def _count_of_everybody(domain: str) -> Select[int]:
    sounds = select(ClipAudio).where(ClipAudio.clip_id == Clip.id).exists()
    whose = (Clip.domain == domain, Clip.composed_for.is_(None), ~Clip.retired)
    return select(func.count()).select_from(Clip).where(*whose, sounds)


def retire_composed_by_others(session: Session, *, domain: str, model_version: str) -> int:
    """Offer clips of this domain's pool no more that another model composed; how many these were."""
    of_pool = (Clip.domain == domain, Clip.composed_for.is_(None), ~Clip.retired)
    change = update(Clip).where(*of_pool, _of_another(model_version)).values(retired=True).returning(Clip.id)
    return len(session.scalars(change.execution_options(synchronize_session=False)).all())


def _of_another(model_version: str) -> ColumnElement[bool]:
    """Whether the recipe of a clip names another model; one without a name is everybody's."""
    return func.coalesce(Clip.recipe["model_version"].astext, model_version) != model_version


def summaries(session: Session, clip_ids: Iterable[UUID], model_version: str) -> dict[UUID, Floats]:
    """The summaries of these clips; those that belong to another model are left out."""
    query = select(Clip.id, Clip.summary).where(Clip.id.in_(list(clip_ids)), Clip.model_version == model_version)
    return {row.id: row.summary for row in session.execute(query)}


def music_of(session: Session, clip_ids: Iterable[UUID]) -> list[PoolMusic]:
    """The notes, summaries and domains of these clips."""
    query = select(Clip.id, Clip.notes, Clip.summary, Clip.domain).where(Clip.id.in_(list(clip_ids)))
    return [PoolMusic(*row) for row in session.execute(query.order_by(Clip.id))]


def older_clips(session: Session, model_versions: Collection[str], *, limit: int) -> list[UUID]:
    """Music of none of these models that is offered or was in any pair or four, newest first.

    A picture can't be encoded again without loss, and keeps the latents that it was decoded from.
    """
    needed = or_(~Clip.retired, Clip.id.in_(clips_asked_about()))
    query = select(Clip.id).where(Clip.model_version.not_in(model_versions), Clip.domain != PICTURES, needed)
    return list(session.scalars(query.order_by(Clip.created_at.desc()).limit(limit)))


def notes_of(session: Session, clip_id: UUID) -> dict[str, Any] | None:
    """The notes of a clip; None where there is no such clip (any more)."""
    return session.scalar(select(Clip.notes).where(Clip.id == clip_id))


def owner_of(session: Session, clip_id: UUID) -> tuple[bool, UUID | None]:
    """Whether there is such a clip, and for whom it was composed; None for everybody."""
    row = session.execute(select(Clip.composed_for).where(Clip.id == clip_id)).one_or_none()
    return row is not None, row and row[0]


def pictures_among(session: Session, clip_ids: Collection[UUID]) -> set[UUID]:
    """Those of these clips that are pictures."""
    return set(session.scalars(select(Clip.id).where(Clip.id.in_(clip_ids), Clip.domain == PICTURES)))


def of_everybody(session: Session, clip_ids: Collection[UUID]) -> list[UUID]:
    """Those of these clips that everybody may hear."""
    return list(session.scalars(select(Clip.id).where(Clip.id.in_(clip_ids), Clip.composed_for.is_(None))))


def change_clip(session: Session, clip_id: UUID, values: Mapping[str, Any]) -> None:
    """Give a clip other latents, or retire it."""
    session.execute(update(Clip).where(Clip.id == clip_id).values(values))


def clips_asked_about() -> CompoundSelect[tuple[UUID]]:
    """The clips in the pairs and fours of all listeners."""
    sides = (Offer.left_clip, Offer.right_clip, Four.clip_a, Four.clip_b, Four.clip_c, Four.clip_d)
    return union(*map(select, sides))


def _playable(
    session: Session, first: ColumnElement[bool], second: ColumnElement[bool], model_version: str | None
) -> list[PoolClip]:
    query = _playable_query(first, second)
    if model_version is not None:
        query = query.where(Clip.model_version == model_version)
    return _pool_clips(session.execute(query))


def _playable_query(*which: ColumnElement[bool]) -> Select[UUID, Floats, Sequence[float], bool, str]:
    """The columns of ``PoolClip``, oldest first."""
    return (
        select(
            Clip.id,
            Clip.summary,
            func.array_agg(aggregate_order_by(ClipAudio.seconds, ClipAudio.seconds)),
            Clip.composed_for.is_not(None),
            Clip.kind,
        )
        .join(ClipAudio, ClipAudio.clip_id == Clip.id)
        .where(*which, ~Clip.retired)
        .group_by(Clip.id)
        .order_by(Clip.created_at, Clip.id)
    )


def _pool_clips(rows: Iterable[Any]) -> list[PoolClip]:
    return [PoolClip(clip_id, summary, tuple(seconds), own, kind) for clip_id, summary, seconds, own, kind in rows]


def heard_clips(session: Session, clip_ids: Iterable[UUID], *, model_version: str) -> dict[UUID, dict[str, Any] | None]:
    """What was heard of those of these clips that this model has heard; None of one that it can't hear."""
    query = select(HeardClip.clip_id, HeardClip.heard).where(
        HeardClip.clip_id.in_(list(clip_ids)), HeardClip.model_version == model_version
    )
    return {row.clip_id: row.heard for row in session.execute(query)}


def keep_heard(session: Session, found: Mapping[UUID, dict[str, Any] | None], *, model_version: str) -> None:
    """Store what a model heard; what is known stays as it is, and clips that are gone by now are left out."""
    there = select(Clip.id).where(Clip.id.in_(list(found))).order_by(Clip.id)
    rows = [
        {"clip_id": clip, "model_version": model_version, "heard": null() if found[clip] is None else found[clip]}
        for clip in session.scalars(there.with_for_update(read=True, key_share=True))
    ]
    if rows:
        session.execute(insert(HeardClip).values(rows).on_conflict_do_nothing())
