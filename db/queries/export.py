"""A listener's rows as JSON: all of them for an export, a few for an entry of the vote journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, inspect, or_, select
from sqlalchemy.orm import Session

from db.queries.listeners import get_listener
from db.queries.offers import clips_shown
from db.tables import (
    Base,
    Clip,
    ClipAudio,
    Duet,
    DuetPiece,
    Fit,
    Four,
    FourVote,
    Job,
    Listening,
    Offer,
    Play,
    Prediction,
    StoredHead,
    StoredPopulation,
    StudioPiece,
    Study,
    TasteCard,
    Vote,
)

EXPORT_SCHEMA = 5  # since heads know distances from the middle
BY_ID: dict[str, type[Offer | Four | Clip | StudioPiece | Play | Fit]] = {
    "offers": Offer, "fours": Four, "clips": Clip, "studio": StudioPiece, "plays": Play, "fits": Fit,
}  # fmt: skip
# columns that say nothing about a listener, or what their votes say as well
OF_THIS_INSTALLATION = {"journal_entries", "retired", "link_id", "music_picks", "picture_picks"}


def export_listener(session: Session, listener_id: UUID) -> dict[str, Any] | None:
    """Everything that is stored about a listener, as JSON-ready values; None where there is no such listener.

    ``offers`` hold the two clips by id with prediction, vote and what was heard, ``fours`` the four with the pick;
    ``clips`` are these clips and all that were composed for the listener, whole; ``studio`` holds the pieces in their
    studio, ``plays`` what became of whole pieces, ``fits`` which picture was found to fit which music, ``cards`` what
    they share of their taste; ``duets`` what was agreed with others, who are not named, and composed; ``population`` is
    where their head of music began, ``picture_population`` where that of pictures did, None at the fixed prior.
    """
    data = listener_rows(session, listener_id)
    if data is None:
        return None
    listener = data["listener"]
    began = (listener["population_id"], listener["picture_population_id"])
    population, of_pictures = (session.get(StoredPopulation, UUID(each)) if each else None for each in began)
    heads = select(StoredHead).where(StoredHead.listener_id == listener_id).order_by(StoredHead.model_version)
    jobs = select(Job).where(Job.listener_id == listener_id).order_by(Job.id)
    return {
        "kallos_listener": EXPORT_SCHEMA,
        **data,
        "clips": clip_rows(session, or_(Clip.composed_for == listener_id, Clip.id.in_(clips_shown(listener_id)))),
        "population": population and plain(population),
        "picture_population": of_pictures and plain(of_pictures),
        "heads": plain_rows(session.scalars(heads)),
        "duets": _duet_rows(session, listener_id),
        "jobs": plain_rows(session.scalars(jobs)),
    }


def listener_rows(session: Session, listener_id: UUID) -> dict[str, Any] | None:
    """What the journal begins with: ``{listener, studies, offers, fours, clips, cards, studio, plays, fits}``."""
    listener = get_listener(session, listener_id)
    if listener is None:
        return None
    taken_part = [select(table.study_id).where(table.listener_id == listener_id) for table in (Offer, Four)]
    which = or_(Study.id == listener.study_id, *(Study.id.in_(part) for part in taken_part))
    studies = select(Study).where(which).order_by(Study.id)
    return {
        "listener": plain(listener),
        "studies": plain_rows(session.scalars(studies)),
        "offers": offer_rows(session, Offer.listener_id == listener_id),
        "fours": four_rows(session, Four.listener_id == listener_id),
        "clips": clip_rows(session, Clip.composed_for == listener_id),
        "cards": cards_of(session, listener_id),
        "studio": _rows(session, "studio", StudioPiece.listener_id == listener_id),
        "plays": _rows(session, "plays", Play.listener_id == listener_id),
        "fits": _rows(session, "fits", Fit.listener_id == listener_id),
    }


def rows_named(session: Session, kind: str, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Those of these ids, of a kind that ``listener_rows`` has: offers, fours, clips, studio, plays or fits."""
    return _rows(session, kind, BY_ID[kind].id.in_(ids)) if ids else []


def _rows(session: Session, kind: str, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    match kind:
        case "offers":
            return offer_rows(session, which)
        case "fours":
            return four_rows(session, which)
        case "clips":
            return clip_rows(session, which)
    table = BY_ID[kind]
    query = select(table).where(which).order_by(table.created_at, table.id)
    return plain_rows(session.scalars(query.execution_options(populate_existing=True)))


def cards_of(session: Session, listener_id: UUID) -> list[dict[str, Any]]:
    """The cards that a listener shares, oldest first."""
    query = select(TasteCard).where(TasteCard.listener_id == listener_id)
    return plain_rows(session.scalars(query.order_by(TasteCard.created_at, TasteCard.id)))


def whole_population(session: Session, population_id: UUID) -> dict[str, Any] | None:
    """Where heads begin, with its study, ``{population, study}``; None where there is none."""
    row = session.get(StoredPopulation, population_id)
    if row is None:
        return None
    study = row.study_id and session.get(Study, row.study_id)
    return {"population": plain(row), "study": study and plain(study)}


def whole_duet(session: Session, duet_id: UUID) -> dict[str, Any] | None:
    """A duet with both listeners' ids and what was composed, ``{duet, pieces}``; None where there is none."""
    duet = session.get(Duet, duet_id, populate_existing=True)
    if duet is None:
        return None
    pieces = select(DuetPiece).where(DuetPiece.duet_id == duet_id).order_by(DuetPiece.created_at, DuetPiece.id)
    return {"duet": plain(duet), "pieces": plain_rows(session.scalars(pieces))}


def offer_rows(session: Session, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Offers with ``prediction``, ``vote`` and ``listening`` (None where there is none), oldest first."""
    rows = session.execute(
        select(Offer, Prediction, Vote, Listening)
        .outerjoin(Prediction, Prediction.offer_id == Offer.id)
        .outerjoin(Vote, Vote.offer_id == Offer.id)
        .outerjoin(Listening, Listening.offer_id == Offer.id)
        .where(which)
        .order_by(Offer.created_at, Offer.id)
        .execution_options(populate_existing=True)
    )
    return [offer_row(*row) for row in rows]


def offer_row(
    offer: Offer,
    prediction: Prediction | None = None,
    vote: Vote | None = None,
    listening: Listening | None = None,
) -> dict[str, Any]:
    """An offer with what belongs to it."""
    beside = {"prediction": prediction, "vote": vote, "listening": listening}
    return plain(offer) | {name: row and plain(row) for name, row in beside.items()}


def four_rows(session: Session, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Fours with ``vote`` (None where there is none), oldest first."""
    rows = session.execute(
        select(Four, FourVote)
        .outerjoin(FourVote, FourVote.four_id == Four.id)
        .where(which)
        .order_by(Four.created_at, Four.id)
        .execution_options(populate_existing=True)
    )
    return [four_row(*row) for row in rows]


def four_row(four: Four, vote: FourVote | None = None) -> dict[str, Any]:
    """A four with its pick."""
    return plain(four) | {"vote": vote and plain(vote)}


def _duet_rows(session: Session, listener_id: UUID) -> list[dict[str, Any]]:
    """What was agreed with others, without their ids and without links, and composed for both."""
    query = select(Duet).where(or_(Duet.host_id == listener_id, Duet.guest_id == listener_id))
    found = []
    for duet in session.scalars(query.order_by(Duet.created_at, Duet.id)):
        pieces = select(DuetPiece).where(DuetPiece.duet_id == duet.id).order_by(DuetPiece.created_at)
        told = {key: value for key, value in plain(duet).items() if key not in {"host_id", "guest_id", "link_key"}}
        role = "host" if duet.host_id == listener_id else "guest"
        found.append(told | {"role": role, "pieces": plain_rows(session.scalars(pieces))})
    return found


def clip_rows(session: Session, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Clips with ``audio``, where their sound lies at which length; oldest first."""
    clips = session.scalars(
        select(Clip).where(which).order_by(Clip.created_at, Clip.id).execution_options(populate_existing=True)
    ).all()
    audio = defaultdict(list)
    for row in session.scalars(
        select(ClipAudio)
        .where(ClipAudio.clip_id.in_([clip.id for clip in clips]))
        .order_by(ClipAudio.clip_id, ClipAudio.seconds)
    ):
        audio[row.clip_id].append(plain(row))
    return [plain(clip) | {"audio": audio[clip.id]} for clip in clips]


def plain_rows(rows: Iterable[Base]) -> list[dict[str, Any]]:
    """Each row's columns as JSON knows them."""
    return [plain(row) for row in rows]


def plain(row: Base) -> dict[str, Any]:
    """A row's columns as JSON knows them; bytes and vectors become lists of numbers."""
    return {key: _plain_value(getattr(row, key)) for key in _keys(type(row))}


@cache
def _keys(table: type[Base]) -> tuple[str, ...]:
    keys = (column.key for column in inspect(table).column_attrs)
    return tuple(key for key in keys if key not in OF_THIS_INSTALLATION)


def _plain_value(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return np.frombuffer(value, dtype="<f8").tolist()
    return value.tolist() if isinstance(value, np.ndarray) else value
