"""The sound and the notes of a clip as a player asks for them, the picture of one that is a picture, and clips like it.

More like a clip: from one that a listener knows to those most like it, and a path on. What waits in their open pairs
and fours, and what was composed for them and not met yet, stays away: it is met blind.
"""

from __future__ import annotations

import base64
import logging
import threading
import uuid
from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import clips as rows
from db.queries import offers as offer_rows
from db.tables import PICTURE_SECONDS, PICTURES
from models.music.notes import Domain, Piece
from models.music.performance import bars_in_seconds, notes_in_seconds
from models.style.performance import touch
from models.taste.space import TasteSpace, nearest_clips, similar_path
from webapp.composing import media
from webapp.composing.sources import named_traits
from webapp.generation.protocol import DrawingsRequest, Generator, answered
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool, domain_named
from webapp.listening.comparison import ShownClip
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database, in_transaction, known_listener
from webapp.runtime.errors import NotYours
from webapp.runtime.waiting import Waits, always, turn

log = logging.getLogger(__name__)
_rendering = threading.Lock()  # one at a time: it is rare, and votes come first
SIMILAR, STEPS = 6, 5


def require_theirs(database: Database, clip_id: uuid.UUID, listener_id: uuid.UUID | None) -> None:
    """Raises ``NotYours`` for a clip that was composed for another listener, who alone hears it."""
    _, owner = database.transaction(lambda session: rows.owner_of(session, clip_id))
    if owner is not None and owner != listener_id:
        raise NotYours(f"there is no clip {clip_id}, or it is another listener's; send your token with the request")


def audio(
    database: Database, clip_store: ClipStore, clip_id: uuid.UUID, seconds: float, waits: Waits = always
) -> bytes:
    """The MP3 of a clip; raises ``NotYours`` for what was never rendered, ``NobodyWaits`` where nobody ``waits``.

    It is rendered again where the store lost it, and where it is played otherwise than clips are today: whatever is
    heard beside it is played in the same way.
    """

    def find(session: Session) -> str | None:
        _require_music(clip_id, picture=bool(rows.pictures_among(session, [clip_id])))
        row = rows.get_audio(session, clip_id, seconds)
        if row is None:
            raise NotYours(f"there is no clip {clip_id} of {seconds:g} seconds")
        return row.uri if row.playing == touch.version() else None

    def stored() -> bytes | None:
        key = database.transaction(find)
        try:
            return None if key is None else clip_store.get(key)
        except ClipMissingError as lost:
            log.warning("clip_lost clip=%s seconds=%g error=%s", clip_id, seconds, lost)
            return None

    if (data := stored()) is not None:
        return data
    with turn(_rendering, waits):
        data = stored()  # where another request was first
        return _again(database, clip_store, clip_id, seconds, waits) if data is None else data


def notes(database: Database, clip_id: uuid.UUID, seconds: float) -> dict[str, Any]:
    """``{seconds, notes: [[start_s, duration_s, pitch, velocity], …], bars_s}`` of a clip at one of its lengths.

    ``bars_s`` as of a ``PianoRoll``, of the whole clip.
    """

    def find(session: Session) -> tuple[Piece, Domain]:
        stored = rows.sounding_notes(session, clip_id, seconds)
        if stored is None or stored.domain == PICTURES:
            _require_music(clip_id, picture=bool(rows.pictures_among(session, [clip_id])))
            raise NotYours(f"there is no clip {clip_id} of {seconds:g} seconds")
        return Piece.from_json(stored.notes), domain_named(stored.domain)

    piece, domain = database.transaction(find)
    performance = touch.play(piece, domain)
    sounding = notes_in_seconds(piece, seconds, performance)
    return {"seconds": seconds, "notes": sounding, "bars_s": bars_in_seconds(piece, performance)}


def image(database: Database, clip_store: ClipStore, generation: Generator, clip_id: uuid.UUID) -> bytes:
    """The file of a picture (``images``), drawn again from its latents where the store lost it.

    Raises ``NotYours`` for what is no picture, and ``NotReady`` where it would have to be drawn and nobody can.
    """

    def find(session: Session) -> tuple[str, dict[str, Any]]:
        row, clip = rows.get_audio(session, clip_id, PICTURE_SECONDS), rows.get_clip(session, clip_id)
        if row is None or clip is None or clip.domain != PICTURES:
            raise NotYours(f"there is no picture {clip_id}")
        return row.uri, clip.latents

    key, latents = database.transaction(find)
    try:
        return clip_store.get(key)
    except ClipMissingError as lost:
        log.warning("picture_lost clip=%s error=%s", clip_id, lost)
    with answered("the picture model", "this picture can't be drawn"):
        (drawn,) = generation.drawings(DrawingsRequest(latents=[latents]), decoded=True).pictures
    found = base64.b64decode(drawn)
    stored = clip_store.put(found, media.ending(found))

    def note(session: Session) -> None:
        row = rows.get_audio(session, clip_id, PICTURE_SECONDS, lock=True)
        if row is not None:  # another machine may round otherwise
            row.sha256, row.uri, row.bytes = stored.sha256, stored.key, stored.size

    database.transaction(note)
    return found


def _require_music(clip_id: uuid.UUID, *, picture: bool) -> None:
    if picture:
        seen = media.of_picture(clip_id)
        raise NotYours(f"clip {clip_id} is a picture, without sound and notes; GET {seen} gives its SVG or PNG")


def _again(database: Database, clip_store: ClipStore, clip_id: uuid.UUID, seconds: float, waits: Waits) -> bytes:
    """Render a clip from its notes."""
    from webapp.composing.rendering import render_into  # noqa: PLC0415 (the piano, only where it is needed)

    def read(session: Session) -> tuple[Piece, Domain] | None:
        clip = rows.get_clip(session, clip_id)
        return (Piece.from_json(clip.notes), domain_named(clip.domain)) if clip else None

    found = database.transaction(read)
    if found is None:
        raise NotYours(f"there is no clip {clip_id}")
    piece, domain = found
    sound = render_into(clip_store, piece, seconds, domain, waits=waits)

    def note(session: Session) -> None:
        row = rows.get_audio(session, clip_id, seconds, lock=True)
        if row is not None:  # another version of the synthesiser may give other bytes
            row.sha256, row.uri, row.bytes = sound.sha256, sound.key, sound.size
            row.lufs, row.true_peak_db, row.playing = sound.lufs, sound.true_peak_db, sound.playing

    database.transaction(note)
    return clip_store.get(sound.key)


@in_transaction
def similar(session: Session, playable: PlayablePool, listener_id: uuid.UUID, clip_id: uuid.UUID) -> dict[str, Any]:
    """``{start, similar, path}``: the clip itself, those most like it in order, and steps that lead on beyond these.

    Each ``{clip_id, audio_url, notes_url, seconds, image_url, traits}``. Raises ``NotYours`` for a clip that they must
    not know.
    """
    known_listener(session, listener_id)
    waiting = offer_rows.ids_shown(session, listener_id, state="open")
    judged = offer_rows.ids_shown(session, listener_id, state="voted")
    clip = clip_rows.get_clip(session, clip_id)
    space = playable.space_of(clip.domain if clip else "")
    known = clip is not None and (clip.composed_for is None or clip_id in judged)
    if clip is None or not known or clip_id in waiting - judged:
        raise NotYours(f"there is no clip {clip_id} from which you could go on; pick one of a pair or a four first")
    here = heads.features_of(session, [clip_id], space).get(clip_id)
    if here is None:
        raise NotYours(f"clip {clip_id} belongs to an older model; start from a newer one")
    own = clip_rows.composed_clips(session, listener_id, domain=clip.domain, model_version=space.version)
    met = PlayableClips.of([each for each in own if each.id in judged], space)
    among = playable.clips(session, clip.domain).joined(met)
    around = among.chosen([i for i, each in enumerate(among.ids) if each not in {clip_id, *waiting}])
    like = nearest_clips(around.features, here, SIMILAR)
    start = PlayableClips((clip_id,), here[None], (tuple(clip_rows.audio_lengths(session, clip_id)),))
    beyond = around.chosen([i for i in range(len(around.ids)) if i not in like])
    return {
        "start": _described(session, space, playable, clip.domain, start)[0],
        "similar": _described(session, space, playable, clip.domain, around.chosen(like)),
        "path": _described(
            session, space, playable, clip.domain, beyond.chosen(similar_path(beyond.features, here, STEPS))
        ),
    }


def _described(
    session: Session, space: TasteSpace, playable: PlayablePool, domain: str, clips: PlayableClips
) -> list[dict[str, Any]]:
    described = named_traits(session, space, playable, domain, clips.features)
    return [
        asdict(ShownClip.of(clip_id, max(lengths), picture=space.of_pictures)) | {"traits": traits}
        for clip_id, lengths, traits in zip(clips.ids, clips.seconds, described, strict=True)
    ]
