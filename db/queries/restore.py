"""Bringing a listener back: from what an export or the vote journal holds, or to an earlier vote of theirs.

What is restored has the ids and times that it had. What came after an earlier vote is deleted, as if it had never been.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import (
    TIMESTAMP,
    CompoundSelect,
    LargeBinary,
    Select,
    Uuid,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, StatementError
from sqlalchemy.orm import Session

from db.queries.export import EXPORT_SCHEMA, OF_THIS_INSTALLATION
from db.queries.heads import delete_heads
from db.queries.listeners import delete_composed, get_listener
from db.queries.offers import ids_shown
from db.queries.statistics import CLAIM, TOLD
from db.queries.votes import count_picks_anew
from db.tables import (
    BROUGHT,
    FOUR_PICKS,
    PICKS,
    Base,
    Clip,
    ClipAudio,
    Duet,
    DuetPiece,
    Fit,
    Four,
    FourVote,
    Listener,
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

OLDER_SCHEMAS = (2, 3, 4)  # of heads that are learned again; the first two know no fours
PAIR = ("left_clip", "right_clip")
FOUR = ("clip_a", "clip_b", "clip_c", "clip_d")
LATER_COLUMNS: dict[str, Any] = {  # which the first exports and journals do not have
    **dict.fromkeys(("repeats", "population_id", "picture_population_id", "measured", "image", "mood")),
    "playing": "",
    "trust": "unavailable",
    "brought": False,
    "plays_tell": True,
    "token_generation": 0,
}
ASKED_FOR = (CLAIM, "studio")  # policies of pairs that a listener has put together


class NotAnExportError(ValueError):
    """What was given is not what ``export_listener`` gives, or it can't be brought back here."""


@dataclass(frozen=True)
class Restored:
    """Who came back; ``missing`` counts the pairs and fours whose clips are not here: they and their votes stay away.

    ``offers`` and ``votes`` count those of pairs and of fours.
    """

    listener_id: UUID
    offers: int
    votes: int
    missing: int


def restore_listener(session: Session, data: Mapping[str, Any], *, untrusted: bool = False) -> Restored:
    """Bring back the listener of an export: pairs, fours, votes, heads, clips, plays, fits and studio, but no jobs and
    no sound.

    Duets are not brought back: they were agreed between two listeners there.

    Clips for everybody that are new here come retired: they explain votes, and nobody else is offered them. From an
    ``untrusted`` file they become the listener's own, and go with them; the votes are marked as imported.
    Raises ``NotAnExportError`` where the listener is here already or the data is of another form.
    """
    if isinstance(data, Mapping) and data.get("kallos_listener") in OLDER_SCHEMAS:
        data = {"fours": [], **data, "heads": []}
    elif not isinstance(data, Mapping) or data.get("kallos_listener") != EXPORT_SCHEMA:
        given = data.get("kallos_listener") if isinstance(data, Mapping) else type(data).__name__
        raise NotAnExportError(
            f"this is no export of a listener: kallos_listener must be {EXPORT_SCHEMA} and is {given!r}; "
            "give a file that `kallos listener export` or the page's download wrote"
        )
    return restore_rows(session, data, untrusted=untrusted)


def restore_rows(session: Session, data: Mapping[str, Any], *, untrusted: bool = False) -> Restored:
    """Like ``restore_listener`` for the journal's rows, which carry no mark and may have no heads."""
    try:
        return _restore(session, UUID(data["listener"]["id"]), data, untrusted=untrusted)
    except NotAnExportError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, StatementError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError | ProgrammingError):
            raise  # the database's trouble, not the export's
        raise NotAnExportError(f"this export of a listener is damaged: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    """What is wrong with the data, without the driver's own words."""
    if isinstance(error, KeyError):
        return f"it lacks {str(error)[:80]}"
    if isinstance(error, IntegrityError):
        return "a row in it contradicts another one, or what is stored here"
    if isinstance(error, StatementError | TypeError | AttributeError):
        return "a value in it is of another kind than its column, or larger than any there can be"
    return (str(error).splitlines() or ["a value in it can't be read"])[0][:200]


def restore_clips(session: Session, clips: Iterable[Mapping[str, Any]], *, retired: bool = False) -> dict[UUID, UUID]:
    """Bring back clips with what is known of their sound; for every given id the id that the clip has here.

    A clip that is here already stays as it is. Raises ``NotAnExportError`` where an id is another clip's here.
    """
    here: dict[UUID, UUID] = {}
    for clip in clips:
        values = _values(Clip, clip)
        clip_id, owner = values["id"], values["composed_for"]
        values["retired"] = retired and owner is None
        found = session.scalar(upsert(Clip).values(values).on_conflict_do_nothing().returning(Clip.id))
        if found is not None:
            audio = [_values(ClipAudio, row) for row in clip["audio"]]
            if any(row["clip_id"] != clip_id for row in audio):
                raise NotAnExportError(f"sound of another clip stands under clip {clip_id}")
            if audio:
                session.execute(insert(ClipAudio), audio)
        else:
            same = (Clip.content_hash == values["content_hash"], Clip.composed_for.is_not_distinct_from(owner))
            found = session.scalar(select(Clip.id).where(*same))
            if found is None:
                raise NotAnExportError(f"clip {clip_id} is another piece in this installation")
        here[clip_id] = found
    return here


def _clips_of_untrusted(session: Session, clips: Iterable[Mapping[str, Any]], listener_id: UUID) -> dict[UUID, UUID]:
    """As ``restore_clips``, but what is new here belongs to the listener alone, under an id that nobody else has."""
    here: dict[UUID, UUID] = {}
    for clip in clips:
        known = select(Clip.id).where(Clip.content_hash == clip["content_hash"], Clip.composed_for.is_(None))
        found = None if clip["composed_for"] else session.scalar(known)
        if found is None:
            taken = session.scalar(select(Clip.id).where(Clip.id == UUID(clip["id"]))) is not None
            clip_id = str(uuid4()) if taken else clip["id"]
            kind = clip["kind"] if clip["composed_for"] else BROUGHT
            theirs = {"id": clip_id, "kind": kind, "composed_for": str(listener_id)}
            audio = [{**row, "clip_id": clip_id} for row in clip["audio"]]
            found = restore_clips(session, [{**clip, **theirs, "audio": audio}])[UUID(clip_id)]
        here[UUID(clip["id"])] = found
    return here


def restore_populations(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Bring back ``{population, study}``, of which the study may be None; what is here already stays as it is."""
    for row in rows:
        for table, part in ((Study, "study"), (StoredPopulation, "population")):
            if row[part] is not None:
                session.execute(upsert(table).values(_values(table, row[part])).on_conflict_do_nothing())


def restore_duet(session: Session, row: Mapping[str, Any]) -> bool:
    """Bring back ``{duet, pieces}`` of the journal; whether that was done.

    It is not where one of the two is not here, or where they share this or another duet already.
    """
    duet = _values(Duet, row["duet"])
    named = {duet["host_id"], duet["guest_id"]} - {None}
    if session.scalar(select(func.count()).where(Listener.id.in_(named))) != len(named):
        return False
    if session.scalar(upsert(Duet).values(duet).on_conflict_do_nothing().returning(Duet.id)) is None:
        return False
    if row["pieces"]:
        session.execute(insert(DuetPiece), [_values(DuetPiece, piece) for piece in row["pieces"]])
    return True


def _restore(session: Session, listener_id: UUID, data: Mapping[str, Any], *, untrusted: bool) -> Restored:
    if get_listener(session, listener_id) is not None:
        raise NotAnExportError(
            f"listener {listener_id} is here already, and nothing of theirs was changed; to listen as them in another "
            "browser, open there the link that “Continue on another device” gives"
        )
    if data["studies"]:
        studies = [_values(Study, row) for row in data["studies"]]
        session.execute(upsert(Study).values(studies).on_conflict_do_nothing())
    brought = [{**data[name], "study_id": None} for name in ("population", "picture_population") if data.get(name)]
    restore_populations(session, ({"population": each, "study": None} for each in brought))
    (listener,) = _theirs(Listener, [data["listener"]], listener_id)
    listener |= _beginnings(session, listener)
    listener["brought"] |= untrusted
    session.execute(insert(Listener), [listener])
    for clip in data["clips"]:
        if clip["composed_for"] not in {None, str(listener_id)}:
            raise NotAnExportError(f"clip {clip['id']} belongs to {clip['composed_for']}, not to {listener_id}")
    if untrusted:
        renamed = _clips_of_untrusted(session, data["clips"], listener_id)
    else:
        renamed = restore_clips(session, data["clips"], retired=True)
    offers = _brought(session, listener_id, _theirs(Offer, data["offers"], listener_id), PAIR, renamed)
    fours = _brought(session, listener_id, _theirs(Four, data.get("fours", []), listener_id), FOUR, renamed)
    cards, plays = (
        _brought(session, listener_id, _theirs(table, data.get(name, []), listener_id), ("clip_id",), renamed)
        for table, name in ((TasteCard, "cards"), (Play, "plays"))
    )
    kept = {row["id"] for row in (*offers, *fours)}
    parts = [row for row in data["offers"] if UUID(row["id"]) in kept]
    picked = [row for row in data.get("fours", []) if UUID(row["id"]) in kept and row["vote"] is not None]
    if any(row["vote"]["four_id"] != row["id"] for row in picked):
        raise NotAnExportError("a pick stands under a four that it does not belong to")
    rows: list[tuple[type[Base], list[dict[str, Any]]]] = [
        (Offer, offers),
        (Four, fours),
        (FourVote, _votes(FourVote, [row["vote"] for row in picked], listener_id, untrusted=untrusted)),
    ]
    for part_of, part in ((Prediction, "prediction"), (Vote, "vote"), (Listening, "listening")):
        given = [row[part] for row in parts if row[part] is not None]
        if any(row[part] is not None and row[part]["offer_id"] != row["id"] for row in parts):
            raise NotAnExportError(f"a {part} stands under an offer that it does not belong to")
        rows.append((part_of, _votes(part_of, given, listener_id, untrusted=untrusted)))
    rows.append((StoredHead, _theirs(StoredHead, data.get("heads", []), listener_id)))
    rows += [(TasteCard, cards), (Play, plays)]
    rows.append((Fit, _fits(session, _theirs(Fit, data.get("fits", []), listener_id), renamed)))
    studio = _theirs(StudioPiece, data.get("studio", []), listener_id)
    unseen = {"image": None} if untrusted else {}  # nobody has looked at it: it is drawn again
    rows.append((StudioPiece, [piece | {"recipe": _renamed(piece["recipe"], renamed)} | unseen for piece in studio]))
    for table, values in rows:
        if values:
            session.execute(insert(table), values)
    count_picks_anew(session, listener_id)
    votes = sum(row["vote"] is not None for row in parts) + len(picked)
    all_ = len(data["offers"]) + len(data.get("fours", []))
    return Restored(listener_id, len(kept), votes, all_ - len(kept))


def _beginnings(session: Session, listener: Mapping[str, Any]) -> dict[str, UUID | None]:
    """Where the listener's heads began; None where that was withdrawn: then the fixed prior is meant."""
    named = {column: listener[column] for column in ("population_id", "picture_population_id")}
    here = set(session.scalars(select(StoredPopulation.id).where(StoredPopulation.id.in_(named.values()))))
    return {column: began if began in here else None for column, began in named.items()}


def _brought(
    session: Session, listener_id: UUID, rows: list[dict[str, Any]], sides: Sequence[str], renamed: Mapping[UUID, UUID]
) -> list[dict[str, Any]]:
    """Those of these rows whose clips are all here, with the ids that the clips on their ``sides`` have here."""
    for row in rows:
        row.update({side: renamed.get(row[side], row[side]) for side in sides})
    named = {row[side] for row in rows for side in sides}
    found = session.execute(select(Clip.id, Clip.composed_for).where(Clip.id.in_(named)))
    owners = {row.id: row.composed_for for row in found}
    if any(owner not in {None, listener_id} for owner in owners.values()):
        raise NotAnExportError(f"an offer or a card holds a clip that belongs to somebody else, not to {listener_id}")
    return [row for row in rows if {row[side] for side in sides} <= owners.keys()]


def _fits(session: Session, rows: list[dict[str, Any]], renamed: Mapping[UUID, UUID]) -> list[dict[str, Any]]:
    """These rows with the ids that their clips have here; what was measured of a clip that is not here stays."""
    named = {renamed.get(row[side], row[side]) for row in rows for side in PAIR}
    here = set(session.scalars(select(Clip.id).where(Clip.id.in_(named), Clip.composed_for.is_(None))))
    for row in rows:
        clips = [renamed.get(row[side], row[side]) for side in PAIR]
        known = here.issuperset(clips)  # of a pair both or neither: their kind holds them together
        row.update(zip(PAIR, clips if known else (None, None), strict=True))
    return rows


def _renamed(recipe: dict[str, Any], renamed: Mapping[UUID, UUID]) -> dict[str, Any]:
    """A studio recipe whose clips have other ids here."""
    text = json.dumps(recipe)
    for old, new in renamed.items():
        text = text.replace(f"clips/{old}", f"clips/{new}")
    changed: dict[str, Any] = json.loads(text)
    return changed


def _theirs(table: type[Base], rows: Iterable[Mapping[str, Any]], listener_id: UUID) -> list[dict[str, Any]]:
    found = [_values(table, row) for row in rows]
    for values in found:
        if values.get("listener_id", listener_id) != listener_id:
            raise NotAnExportError(
                f"a row of {table.__tablename__} belongs to {values['listener_id']}, not to {listener_id}"
            )
    return found


def _votes(
    table: type[Base], rows: Iterable[Mapping[str, Any]], listener_id: UUID, *, untrusted: bool
) -> list[dict[str, Any]]:
    """As ``_theirs``; votes of an untrusted file are marked."""
    marked = {"trust": "imported"} if untrusted and table in {Vote, FourVote} else {}
    return [row | marked for row in _theirs(table, rows, listener_id)]


def _values(table: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for attribute in inspect(table).column_attrs:
        if attribute.key in OF_THIS_INSTALLATION:
            continue
        column = attribute.columns[0]
        key = attribute.key
        value = row.get(key, LATER_COLUMNS[key]) if key in LATER_COLUMNS else row[key]
        if value is not None and isinstance(column.type, Uuid):
            value = UUID(value)
        elif value is not None and isinstance(column.type, TIMESTAMP):
            value = datetime.fromisoformat(value)
        elif value is not None and isinstance(column.type, LargeBinary):
            value = np.asarray(value, dtype="<f8").tobytes()
        values[attribute.key] = value
    return values


@dataclass(frozen=True)
class NumberedVote:
    """A listener's vote on a pair or a four (``id``); the first one has the number 1.

    ``picks``: how many of the votes up to it compare clips.
    """

    number: int
    picks: int
    id: UUID
    outcome: str
    created_at: datetime


def count_votes(session: Session, listener_id: UUID) -> int:
    """How many votes the listener has given, of whatever outcome."""
    return session.scalars(select(func.count()).select_from(_votes_and_picks(listener_id).subquery())).one()


def numbered_votes(session: Session, listener_id: UUID, *, before: int, limit: int) -> list[NumberedVote]:
    """The votes below number ``before``, newest first."""
    votes = _votes_and_picks(listener_id).subquery()
    order = (votes.c.created_at, votes.c.id)
    number = func.row_number().over(order_by=order).label("number")
    comparing = votes.c.outcome.in_((*PICKS, *FOUR_PICKS))
    picks = func.count().filter(comparing).over(order_by=order, rows=(None, 0)).label("picks")
    rows = select(number, picks, votes.c.id, votes.c.outcome, votes.c.created_at).subquery()
    query = select(rows).where(rows.c.number < before).order_by(rows.c.number.desc()).limit(limit)
    return [NumberedVote(*row) for row in session.execute(query)]


def rewind_votes(session: Session, listener_id: UUID, keep: int) -> list[str]:
    """Delete every vote of a locked listener but the first ``keep``, with the offers, heads and clips that followed.

    Those that ``staying`` counts stay with their clips. Open pairs and fours go too: they were drawn for the head that
    is undone. So do the clips composed after the first vote that is undone, and the cards shared since. Gives the URIs
    of sound that nothing uses any more.
    """
    later = _votes_after(listener_id, keep).subquery()
    undone = select(later.c.id, later.c.created_at).where(~later.c.stays).subquery()
    begun = session.scalar(select(func.min(undone.c.created_at)))
    if begun is None:
        return []
    ids = list(session.scalars(select(undone.c.id)))
    for table in (Offer, Four):
        gone = delete(table).where(table.listener_id == listener_id, or_(table.id.in_(ids), table.state == "open"))
        session.execute(gone.execution_options(synchronize_session=False))
    # a card that was shared since tells of votes that never were
    session.execute(delete(TasteCard).where(TasteCard.listener_id == listener_id, TasteCard.created_at > begun))
    delete_heads(session, listener_id)
    count_picks_anew(session, listener_id)
    return delete_composed(session, listener_id, begun, but=ids_shown(session, listener_id))


def staying(session: Session, listener_id: UUID, keep: int) -> list[str]:
    """The outcomes of the votes beyond the first ``keep`` that stay when these are gone back to: of blind tests."""
    later = _votes_after(listener_id, keep).subquery()
    return list(session.scalars(select(later.c.outcome).where(later.c.stays)))


def _votes_after(listener_id: UUID, keep: int) -> Select[*tuple[Any, ...]]:
    """The votes beyond the first ``keep`` with ``id``, ``outcome``, ``created_at``, and whether each ``stays``."""
    votes = _votes_and_picks(listener_id).subquery()
    stays = select(Offer.id).where(Offer.id == votes.c.id, Offer.policy.in_(TOLD)).exists()
    return select(votes, stays.label("stays")).order_by(votes.c.created_at, votes.c.id).offset(keep)


def voted_on(session: Session, ids: Collection[UUID]) -> dict[UUID, Offer | Four]:
    """The pairs and fours of these ids."""
    pairs = session.scalars(select(Offer).where(Offer.id.in_(ids)))
    fours = session.scalars(select(Four).where(Four.id.in_(ids)))
    return {each.id: each for each in (*pairs, *fours)}


@dataclass(frozen=True)
class LastVote:
    """The newest vote of a listener, on an offer or a four (``what``), and how that was drawn."""

    what: str
    id: UUID
    policy: str
    domain: str
    created_at: datetime


def last_vote(session: Session, listener_id: UUID) -> LastVote | None:
    """The listener's newest vote; None where there is none."""
    found = []
    for what, table, votes, same, first in (
        ("offer", Offer, Vote, Vote.offer_id == Offer.id, Offer.left_clip),
        ("four", Four, FourVote, FourVote.four_id == Four.id, Four.clip_a),
    ):
        query = (
            select(table.id, table.policy, Clip.domain, votes.created_at)
            .join(votes, same)
            .join(Clip, Clip.id == first)
            .where(votes.listener_id == listener_id)
            .order_by(votes.created_at.desc(), table.id.desc())
            .limit(1)
        )
        found += [LastVote(what, *row) for row in session.execute(query)]
    return max(found, key=lambda vote: (vote.created_at, vote.id), default=None)


def reopen(session: Session, listener_id: UUID, vote: LastVote) -> None:
    """Delete a locked listener's newest vote with its prediction, and what was drawn since; its offer is open again.

    What the listener has asked for since, from the studio, waits on.
    """
    for table in (Offer, Four):
        drawn = delete(table).where(
            table.listener_id == listener_id,
            table.state == "open",
            table.created_at > vote.created_at,
            table.policy.not_in(ASKED_FOR),
        )
        session.execute(drawn.execution_options(synchronize_session=False))
    if vote.what == "offer":
        session.execute(delete(Prediction).where(Prediction.offer_id == vote.id))  # and the vote with it
    else:
        session.execute(delete(FourVote).where(FourVote.four_id == vote.id))
    table = Offer if vote.what == "offer" else Four
    session.execute(update(table).where(table.id == vote.id).values(state="open"))
    count_picks_anew(session, listener_id)
    session.expire_all()


def _votes_and_picks(listener_id: UUID) -> CompoundSelect[tuple[UUID, str, datetime]]:
    """The listener's votes on pairs and on fours: ``id`` of what was offered, ``outcome``, ``created_at``."""
    return union_all(
        select(Vote.offer_id.label("id"), Vote.outcome, Vote.created_at).where(Vote.listener_id == listener_id),
        select(FourVote.four_id, FourVote.outcome, FourVote.created_at).where(FourVote.listener_id == listener_id),
    )
