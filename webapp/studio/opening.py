"""A piece as the studio page shows it: its notes in the time of its sound, its bars, its recipe."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from db.queries import studio as rows
from models.music.notes import Piece
from models.taste.space import TasteSpace
from webapp.composing.sources import PIECES, Source, find, names_in, traits
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.runtime.journal import Journal
from webapp.studio.room import check_rate, keep
from webapp.studio.turning import dials, no_dials


def open_piece(
    database: Database,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    name: str,
    link_key: str = "",
) -> dict[str, Any]:
    """The clip or piece ``name`` as the page shows it; raises ``NotYours``."""
    return database.transaction(
        lambda session: shown(
            session, space, playable, style_folder, listener_id, find(session, name, listener_id, link_key), link_key
        )
    )


def open_link(
    database: Database,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    link_key: str,
) -> dict[str, Any]:
    """The piece that a link leads to, for whoever has it; raises ``NotYours``."""

    def work(session: Session) -> dict[str, Any]:
        return shown(
            session, space, playable, style_folder, listener_id, _linked(session, listener_id, link_key), link_key
        )

    return database.transaction(work)


def make_link(database: Database, journal: Journal, listener_id: uuid.UUID, piece_id: uuid.UUID) -> str:
    """The key under which anybody may open this piece of the listener's; raises ``NotYours``."""

    def work(session: Session) -> str:
        piece = rows.get_piece(session, piece_id)
        if piece is None or piece.listener_id != listener_id:
            raise NotYours(f"there is no {PIECES}/{piece_id} in your studio; only your own pieces get a link")
        key = rows.link(session, piece)
        journal.append(session, listener_id, pieces=[piece_id])
        return key

    return database.transaction(work)


def adopt(
    database: Database,
    journal: Journal,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    link_key: str,
) -> dict[str, Any]:
    """Copy the piece that a link leads to into the listener's own studio, to start from.

    Raises ``NotYours``, and ``TooMany`` as composing does.
    """

    def work(session: Session) -> str:
        check_rate(session, listener_id)
        source = _linked(session, listener_id, link_key)
        return keep(
            session,
            journal,
            listener_id,
            domain=source.domain,
            title=source.title or "From a link",
            recipe={},
            notes=source.notes,
            latents=source.latents,
            model_version=source.model_version,
        )

    return open_piece(database, space, playable, style_folder, listener_id, database.transaction(work))


def shown(
    session: Session,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    source: Source,
    link_key: str = "",
) -> dict[str, Any]:
    """A source with its notes ``[[start_s, duration_s, pitch, velocity], …]`` and the second at which each bar begins.

    ``sources`` describes what its recipe names and this listener may hear; ``editable`` says whether that is all of it,
    and ``mine`` whether the piece is theirs and not a link's.
    """
    found: dict[str, Source] = {}
    for name in names_in(source.recipe):
        with contextlib.suppress(NotYours):
            found[name] = find(session, name, listener_id)
    address = f"/api/studio/{source.name}"
    behind = f"?link={link_key}" if link_key else ""
    return {
        "name": source.name,
        "domain": source.domain,
        "title": source.title,
        "traits": traits(session, space, playable, source),
        "dials": dials(space, style_folder, source.piece, source.domain),
        "no_dials": no_dials(space, style_folder, source.domain),
        "recipe": dict(source.recipe) or None,
        "sources": {
            name: {"title": each.title, "traits": traits(session, space, playable, each)}
            for name, each in found.items()
        },
        "mine": source.mine,
        "editable": set(found) == set(names_in(source.recipe)),
        **in_time(source.piece),
        "audio_url": f"{address}/flac{behind}",
        "score_url": f"{address}/score{behind}",
        "downloads": {form: f"{address}/{form}{behind}" for form in ("mid", "abc", "mp3", "wav")},
    }


def in_time(piece: Piece) -> dict[str, Any]:
    """``seconds`` that a piece sounds, the second at which each bar begins, and its notes, in the time of its sound."""
    from models.music.render import notes_in_seconds, sounding_seconds  # noqa: PLC0415 (scipy)

    first = float(piece.seconds_at(piece.notes[:, 0]).min()) if len(piece.notes) else 0.0
    starts = piece.seconds_at([*piece.bars[:, 0], piece.end_tick]) - first
    return {
        "seconds": round(sounding_seconds(piece), 3),
        "bars_s": [round(float(start), 4) for start in starts],
        "notes": notes_in_seconds(piece),
    }


def _linked(session: Session, listener_id: uuid.UUID, link_key: str) -> Source:
    piece = rows.linked_piece(session, link_key)
    if piece is None:
        raise NotYours("this link leads to no piece (any more); ask for a new one, or start from a piece of your own")
    return find(session, f"{PIECES}/{piece.id}", listener_id, link_key)
