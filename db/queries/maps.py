"""Drawn maps: stored once a model, data and seed, and found again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import DrawnMapRow


def add_map(
    session: Session,
    *,
    kind: str,
    model_version: str,
    data_hash: str,
    seed: int,
    points: int,
    uri: str,
    about: dict[str, Any],
) -> UUID:
    """Store a map; drawn again, the same one keeps its id and learns where its file lies now."""
    values = {
        "kind": kind,
        "model_version": model_version,
        "data_hash": data_hash,
        "seed": seed,
        "points": points,
        "uri": uri,
        "about": about,
    }
    key = [DrawnMapRow.kind, DrawnMapRow.model_version, DrawnMapRow.data_hash, DrawnMapRow.seed]
    new = insert(DrawnMapRow).values(values)
    again = new.on_conflict_do_update(index_elements=key, set_={"uri": uri, "about": about, "points": points})
    return session.scalars(again.returning(DrawnMapRow.id)).one()


def find_map(session: Session, *, kind: str, model_version: str, data_hash: str, seed: int) -> DrawnMapRow | None:
    """The map that this would draw, where it is there already."""
    same = {"kind": kind, "model_version": model_version, "data_hash": data_hash, "seed": seed}
    return session.scalars(select(DrawnMapRow).filter_by(**same)).one_or_none()


def get_map(session: Session, map_id: UUID) -> DrawnMapRow | None:
    """One map, or None."""
    return session.get(DrawnMapRow, map_id)


def newest_maps(session: Session, model_version: str | None = None) -> dict[str, DrawnMapRow]:
    """The newest map of each kind that there is one of, by one model or by any."""
    newest_first = (DrawnMapRow.created_at.desc(), DrawnMapRow.id)
    place = func.row_number().over(partition_by=DrawnMapRow.kind, order_by=newest_first).label("place")
    of_model = true() if model_version is None else DrawnMapRow.model_version == model_version
    ranked = select(DrawnMapRow.id, place).where(of_model).subquery()
    query = select(DrawnMapRow).join(ranked, ranked.c.id == DrawnMapRow.id).where(ranked.c.place == 1)
    return {row.kind: row for row in session.scalars(query)}
