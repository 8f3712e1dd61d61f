"""Listeners: anonymous, exported whole, brought back whole, deleted whole."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries import export as export_rows
from db.queries import listeners as rows
from db.queries import votes as vote_rows
from db.queries.duets import duets_of
from db.queries.offers import clips_shown
from db.queries.restore import NotAnExportError, Restored, restore_listener
from db.tables import Clip, Study
from models.taste.space import TasteSpace
from webapp.composing import wishes
from webapp.learning import population, refits
from webapp.listeners import archive
from webapp.runtime.clip_store import ClipStore, key_of
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, NotAllowed, TooMany, UnknownListenerError
from webapp.runtime.journal import Journal
from webapp.runtime.limits import (
    IMPORTS_A_SECOND,
    IMPORTS_AT_ONCE,
    NEW_LISTENERS_A_SECOND,
    NEW_LISTENERS_AT_ONCE,
    TokenBucket,
)
from webapp.runtime.logs import forget_in_logs
from webapp.runtime.settings import Settings

log = logging.getLogger(__name__)
MOST_BROUGHT_BYTES = 2**28  # of JSON in a visitor's file
FARTHEST = 30.0  # standard deviations from the middle of the clips that any feature of a piece may lie
_arrivals = TokenBucket(NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE)
_imports = TokenBucket(IMPORTS_A_SECOND, IMPORTS_AT_ONCE)


def create(database: Database, journal: Journal) -> uuid.UUID:
    """A new anonymous listener; raises ``TooMany`` where they come faster than people do."""
    if not _arrivals.take():
        raise TooMany("too many new listeners at once; try again in a few seconds")

    def work(session: Session) -> uuid.UUID:
        listener_id = rows.create_listener(session).id
        journal.append(session, listener_id)
        return listener_id

    listener_id = database.transaction(work)
    log.info("listener_new listener=%s", listener_id)
    return listener_id


def exists(database: Database, listener_id: uuid.UUID) -> bool:
    """Whether there is such a listener (still)."""
    return database.transaction(lambda session: rows.get_listener(session, listener_id) is not None)


def overview(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{picks, domain, first_composed: {at_picks, ready}}``."""

    def work(session: Session) -> dict[str, Any]:
        listener = rows.get_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        return {
            "picks": vote_rows.count_picks(session, listener_id),
            "domain": listener.domain,
            "first_composed": {"at_picks": wishes.FIRST_AT, "ready": wishes.count(session, listener_id) > 0},
        }

    return database.transaction(work)


def change_domain(database: Database, journal: Journal, listener_id: uuid.UUID, domain: str) -> None:
    """From the next new offer on, pairs come from this domain."""

    def work(session: Session) -> None:
        if not rows.set_domain(session, listener_id, domain):
            raise UnknownListenerError
        journal.append(session, listener_id)

    database.transaction(work)


def export(database: Database, listener_id: uuid.UUID) -> dict[str, Any]:
    """Everything that is stored about a listener, as JSON."""

    def work(session: Session) -> dict[str, Any] | None:
        rows.lock_listener(session, listener_id)  # no vote may come in between
        return export_rows.export_listener(session, listener_id)

    data = database.transaction(work)
    if data is None:
        raise UnknownListenerError
    return data


def restore(database: Database, journal: Journal, data: Any) -> Restored:
    """Bring an exported listener back; sound that is not in the store is rendered when it is first asked for.

    Raises ``NotAnExportError``.
    """

    def work(session: Session) -> Restored:
        restored = restore_listener(session, data)
        journal.append(session, restored.listener_id)
        return restored

    _check_sound(data)
    restored = database.transaction(work)
    log.info(
        "listener_restored listener=%s offers=%d missing=%d", restored.listener_id, restored.offers, restored.missing
    )
    return restored


def bring(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    space: TasteSpace,
    settings: Settings,
    current: uuid.UUID | None,
    file: bytes,
    *,
    replace: bool,
) -> uuid.UUID:
    """Bring back whom a visitor's file is about, in place of the ``current`` listener, who is forgotten; their id.

    Nothing that a stranger may have made up counts for others: the study must be one of this installation, clips lie
    where clips can lie, and the head is learned again from the votes. Raises ``NotAllowed`` with what is wrong with the
    file, ``Contradiction`` where the current listener has votes and is not to be replaced, and ``TooMany``.
    """
    if not _imports.take():
        raise TooMany("several files are being read just now; try again in a few seconds")
    here = current if current is not None and exists(database, current) else None
    try:
        data = archive.unpack(file, MOST_BROUGHT_BYTES)
        _check_sound(data)
    except NotAnExportError as error:
        raise NotAllowed(
            "this is not the data of a listener; choose the file that “Download my data” gave, kallos-listener.zip"
        ) from error
    if here is not None and _named_in(data) == str(here):
        raise NotAllowed("this file is about you, and what it holds is here already")
    if here is not None and not replace and (picks := overview(database, here)["picks"]):
        raise Contradiction(f"{picks} picks were given here already; they would be deleted for what is in the file")
    try:
        restored = database.transaction(lambda session: _brought(session, journal, space, data))
    except NotAnExportError as error:
        raise NotAllowed(str(error)) from error
    if here is not None:
        delete(database, journal, clip_store, space, settings, here)
    log.info("listener_brought listener=%s votes=%d", restored.listener_id, restored.votes)
    return restored.listener_id


def _named_in(data: Any) -> str | None:
    """The id of the listener of an export; None where there is none."""
    listener = data.get("listener") if isinstance(data, dict) else None
    return listener.get("id") if isinstance(listener, dict) else None


def _brought(session: Session, journal: Journal, space: TasteSpace, data: Any) -> Restored:
    if _named_in(data) is not None:
        data = {**data, "heads": [], "population": None}
    here = set(session.scalars(select(Study.id)))
    restored = restore_listener(session, data)
    strange = set(session.scalars(select(Study.id))) - here
    if strange:
        raise NotAnExportError(
            f"this file belongs to the study {', '.join(sorted(strange))[:80]}, which is not here; whoever runs this "
            "installation can bring it back with `kallos listener import`"
        )
    named = select(Clip.summary).where(
        Clip.id.in_(clips_shown(restored.listener_id)) | (Clip.composed_for == restored.listener_id),
        Clip.model_version == space.version,
    )
    for summary in session.scalars(named):
        if len(summary) != space.dims or not np.abs(space.features(summary)).max() < FARTHEST:
            raise NotAnExportError("this export of a listener is damaged: a piece lies where no piece can lie")
    if restored.votes:
        refits.refit(session, space, restored.listener_id)
    journal.append(session, restored.listener_id)
    return restored


def delete(
    database: Database,
    journal: Journal,
    clip_store: ClipStore,
    space: TasteSpace,
    settings: Settings,
    listener_id: uuid.UUID,
) -> None:
    """Forget a listener: every row, the sound that only they could hear, their journal, their id in the logs.

    What the population learned from them goes too, and a job is left that learns it again without them.
    Files go before the rows do: who is told that they are deleted is, whatever fails meanwhile.
    """

    def work(session: Session) -> int:
        listener = rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        withdrawn = population.withdraw(session, space, listener)
        shared = [duet.id for duet in duets_of(session, listener_id)]
        keys = rows.delete_listener(session, listener_id) or []
        journal.forget_populations(withdrawn)
        for duet_id in shared:
            journal.forget_duet(duet_id)
        for key in keys:
            clip_store.delete(key)
        journal.segment(listener_id).remove()
        return len(keys)

    files = database.transaction(work)
    forget_in_logs(settings.home, str(listener_id))
    log.info("listener_deleted files=%d", files)


def _check_sound(data: Any) -> None:
    """An export names sound by its content alone: nothing else in the store may be read, or deleted, through it."""
    try:
        sounds = [(sound["sha256"], sound["uri"]) for clip in data["clips"] for sound in clip["audio"]]
        wrong = next((uri for sha256, uri in sounds if uri != key_of(sha256, ".mp3")), None)
    except (KeyError, TypeError):
        return  # no export at all, which is told better elsewhere
    if wrong is not None:
        raise NotAnExportError(f"this export of a listener is damaged: it names the sound {str(wrong)[:80]!r}")
