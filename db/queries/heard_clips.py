"""What models heard in clips: kept by the version of the model, and found again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Clip, HeardClip


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
