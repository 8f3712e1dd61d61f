"""Whole pieces for one listener, one after the other: a page leaves a job for the next while the last one plays.

What is asked for and not there yet begins at once with a clip of the pool, which the job plays on to its end. The
worker's part is ``playing_on``.
"""

from __future__ import annotations

import logging
import math
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed as rows
from db.queries import jobs, offers
from db.queries import listeners as listener_rows
from db.queries.composed import WholePiece
from db.tables import Job, Listener
from models.style.pieces.forms import wanted_form
from models.taste.head import Head
from models.taste.search import CAREFUL, SEARCHED, pick, scores
from models.taste.space import TasteSpace
from webapp.composing import sources
from webapp.composing.dials import FORM, MOOD, WISHED, MoodPlace, mood_dial, noted_mood, wanted_mood
from webapp.composing.wishes import ASKED_PRIORITY, require_room
from webapp.generation.protocol import GenerationError, Generator
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool, music_of
from webapp.runtime.database import Database, in_transaction, known_listener, locked_listener
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, TooMany
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

AMONG = 8  # of the clips that the head likes best one is played on, so that not every listener's first is the same
AMONG_IN_MOOD = 3  # the same where a mood is wanted, which few clips have
KIND = "compose_whole"
MOST_A_DAY = 60
COMING = ("running", "waiting")
SAME_MOOD = 0.25  # at most so far apart are two places of a mood that mean the same


@dataclass(frozen=True)
class Beginnings:
    """The ``clips`` of a ``domain`` that a listener's next piece may begin with; the head says which they like."""

    domain: str
    head: Head
    clips: PlayableClips

    @classmethod
    def of(cls, session: Session, space: TasteSpace, playable: PlayablePool, listener: Listener) -> Beginnings:
        """Those that wait in no pair of theirs and were not played on before."""
        domain = music_of(listener.domain)
        clips = playable.clips(session, domain)
        taken = offers.ids_shown(session, listener.id, state="open")
        known = rows.whole_pieces(session, listener.id)
        taken |= {uuid.UUID(piece.recipe["clip"]) for piece in known if "clip" in piece.recipe}
        free = clips.chosen([place for place, clip_id in enumerate(clips.ids) if clip_id not in taken])
        return cls(domain, heads.head_for_composing(session, listener.id, space, domain), free)

    def choose(self, database: Database, generation: Generator, mood: MoodPlace | None) -> uuid.UUID | None:
        """One that is liked, and near the ``mood``; None where there is none, or no mood can be heard just now."""
        best = self._of_mood(database, generation, mood) if mood else self._best()
        return secrets.choice(best) if best else None

    def _best(self) -> list[uuid.UUID]:
        best = pick(self.head, self.clips.features, AMONG) if self.clips.ids else []
        return [self.clips.ids[place] for place in best]

    def _of_mood(self, database: Database, generation: Generator, mood: MoodPlace) -> list[uuid.UUID]:
        """As drafts are chosen with a dial: among those that the head likes best (``steered_search``)."""
        if not self.clips.ids:
            return []
        order = np.argsort(-scores(self.head, self.clips.features, CAREFUL), kind="stable")
        liked = self.clips.chosen(order[:SEARCHED].tolist())
        notes = {each.id: each.notes for each in database.transaction(partial(clip_rows.music_of, clip_ids=liked.ids))}
        liked = liked.chosen([place for place, clip_id in enumerate(liked.ids) if clip_id in notes])
        dial = mood_dial(generation, mood)
        try:
            moods = dial.hear([notes[clip_id] for clip_id in liked.ids])
        except GenerationError as error:  # the bank's openings are heard when somebody answers again
            log.warning("no_beginning_in_mood error=%s", error)
            return []
        heard = {place: each for place, each in enumerate(moods) if each is not None}
        if not heard:
            return []
        liked = liked.chosen(list(heard))
        best = pick(self.head, liked.features, AMONG_IN_MOOD, cost=dial.cost(list(heard.values())))
        return [liked.ids[place] for place in best]


@dataclass(frozen=True)
class Opening:
    """A clip that can be heard while it is played on."""

    clip_id: uuid.UUID
    seconds: float


@dataclass(frozen=True)
class Programme:
    """The whole pieces of a listener, oldest first, and how the next one stands: none, waiting, running, failed.

    ``opening``: what the next one begins with, where that can be heard already. ``sounds``: whether the opening, or
    else the newest piece, is what was just asked for, and is to sound at once. ``seconds_left`` as
    ``jobs.seconds_left``, of what comes next.
    """

    pieces: Sequence[WholePiece]
    coming: str
    opening: Opening | None = None
    sounds: bool = False
    seconds_left: float | None = None


def play_next(
    database: Database,
    space: TasteSpace,
    playable: PlayablePool,
    generation: Generator,
    listener_id: uuid.UUID,
    *,
    journal: Journal,
    mood: MoodPlace | None = None,
    form: str = "",
) -> Programme:
    """Something new at once: the newest piece where it was not begun yet, or else a clip that is played on.

    With a ``mood`` either was made for that place, or one beside it, and with a ``form`` in that form. While a piece is
    composed anyway that one is waited for. Raises as ``ask`` does.
    """
    form = _wanted(form)

    def look(session: Session) -> Programme | Beginnings:
        listener = locked_listener(session, listener_id)
        return _there(session, listener, mood, form) or Beginnings.of(session, space, playable, listener)

    found = database.transaction(look)
    if isinstance(found, Programme):
        return found
    clip_id = found.choose(database, generation, mood)

    def leave(session: Session) -> Programme:
        listener = locked_listener(session, listener_id)
        there = _there(session, listener, mood, form)  # another tab may have asked meanwhile
        if there is not None:
            return there
        payload = _payload(found.domain, mood, form) | ({"clip": str(clip_id)} if clip_id else {})
        _leave(session, journal, listener, payload)
        return replace(_programme(session, listener_id), sounds=clip_id is not None)

    return database.transaction(leave)


def ask(
    database: Database,
    journal: Journal,
    listener_id: uuid.UUID,
    name: str = "",
    *,
    mood: MoodPlace | None = None,
    form: str = "",
) -> Programme:
    """Leave a job for one more piece in the music that the listener hears now; there is one at a time.

    Whoever asks has a file in the journal from then on, so that what comes of it is written down, too.

    It is near the ``mood`` and in the ``form`` (``sections.wanted_form``) where they are wanted. With a ``name`` it is
    that clip (``clips/ID``) or piece of their studio (``pieces/ID``) which is played on. Raises
    ``UnknownListenerError``, ``NotYours`` for what is none of theirs, ``NotAllowed`` for what is no form,
    ``Contradiction`` where another piece is under way instead, and ``TooMany`` after ``MOST_A_DAY``.
    """
    form = _wanted(form)

    def work(session: Session) -> Programme:
        listener = locked_listener(session, listener_id)
        if not name:
            _leave(session, journal, listener, _payload(music_of(listener.domain), mood, form))
            return _programme(session, listener_id)
        source = sources.find(session, name, listener_id)
        kind, _, number = name.partition("/")
        clip = kind == sources.CLIPS
        left = _leave(session, journal, listener, {"domain": source.domain, "clip" if clip else "piece": number})
        return replace(_programme(session, listener_id), sounds=left and clip)

    return database.transaction(work)


def change_form(database: Database, listener_id: uuid.UUID, form: str) -> bool:
    """Have what waits to be composed in this ``form``, "" for none; whether the next piece that is heard will be.

    It will not where that is being composed, or is there and was not begun, in another form.
    """
    form = _wanted(form)

    def work(session: Session) -> bool:
        if listener_rows.get_listener(session, listener_id) is None:  # who has only looked
            return True
        key = _keys(listener_id)[0]
        coming = jobs.newest_of(session, key)
        if coming is not None and coming.state == "waiting":
            others = {name: value for name, value in coming.payload.items() if name != FORM}
            return jobs.change_waiting(session, coming.id, others | ({FORM: form} if form else {}))
        if coming is not None and coming.state == "running":
            return str(coming.payload.get(FORM, "")) == form
        pieces = rows.whole_pieces(session, listener_id)
        newest = pieces[-1] if pieces else None
        return newest is None or bool(newest.done) or newest.recipe.get(FORM, "") == form

    return database.transaction(work)


@in_transaction
def ask_for_more(
    session: Session, journal: Journal, space: TasteSpace, listener_id: uuid.UUID, clip_id: uuid.UUID
) -> Programme:
    """Leave a job for a piece like this one of theirs. Raises as ``ask`` does."""
    listener = locked_listener(session, listener_id)
    source = sources.find(session, f"{sources.CLIPS}/{clip_id}", listener_id)
    if source.model_version != space.version:
        raise NotYours(f"piece {clip_id} belongs to an older model; start from a newer one")
    _leave(session, journal, listener, {"domain": source.domain, "like": str(clip_id)})
    return _programme(session, listener_id)


@in_transaction
def ask_for_another_ending(session: Session, journal: Journal, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Programme:
    """Leave a job for a piece that goes as this one of theirs does and ends in another way. Raises as ``ask`` does."""
    listener = locked_listener(session, listener_id)
    piece = next((each for each in rows.whole_pieces(session, listener_id) if each.id == clip_id), None)
    if piece is None:
        raise NotYours(f"there is no whole piece {clip_id} of yours; choose another one from the list")
    _leave(session, journal, listener, {"domain": piece.domain, "ending": str(clip_id)})
    return _programme(session, listener_id)


@in_transaction
def programme(session: Session, listener_id: uuid.UUID) -> Programme:
    """What there is, and how the next piece stands; raises ``UnknownListenerError``."""
    known_listener(session, listener_id)
    return _programme(session, listener_id)


@in_transaction
def cancel(session: Session, listener_id: uuid.UUID) -> Programme:
    """Take back what is being composed; pieces that are there stay. Raises ``UnknownListenerError``."""
    locked_listener(session, listener_id)
    jobs.cancel(session, _keys(listener_id))
    return _programme(session, listener_id)


def check_day(session: Session, listener_id: uuid.UUID) -> None:
    """Raises ``TooMany`` where the listener has got ``MOST_A_DAY`` pieces since yesterday."""
    since = datetime.now(UTC) - timedelta(days=1)
    made = sum(piece.created_at > since for piece in rows.whole_pieces(session, listener_id))
    if made >= MOST_A_DAY:
        raise TooMany(f"{made} pieces were composed for you since yesterday; play those again, and ask tomorrow")


def _wanted(form: str) -> str:
    """The form; raises ``NotAllowed``."""
    try:
        return wanted_form(form)
    except ValueError as error:
        raise NotAllowed(str(error)) from error


def _there(session: Session, listener: Listener, mood: MoodPlace | None, form: str) -> Programme | None:
    """What is to be played or waited for before anything else is composed."""
    found = _programme(session, listener.id)
    if found.coming in COMING:
        return found
    newest = found.pieces[-1] if found.pieces else None
    if newest is None or newest.done or newest.domain != music_of(listener.domain):
        return None
    if form and newest.recipe.get(FORM) != form:
        return None
    made_for = wanted_mood(newest.recipe.get(MOOD, {}).get(WISHED))
    return replace(found, sounds=True) if mood is None or (made_for and _near(made_for, mood)) else None


def _near(one: MoodPlace, other: MoodPlace) -> bool:
    return math.hypot(one.valence - other.valence, one.arousal - other.arousal) <= SAME_MOOD


def _payload(domain: str, mood: MoodPlace | None, form: str) -> dict[str, Any]:
    """Of a job for something new."""
    return {"domain": domain} | ({MOOD: noted_mood(mood)} if mood else {}) | ({FORM: form} if form else {})


def _leave(session: Session, journal: Journal, listener: Listener, payload: dict[str, Any]) -> bool:
    """Leave a job; False where one is under way, which must be the same where a clip was named."""
    check_day(session, listener.id)
    require_room(session, KIND, listener.id)
    named = {name: payload[name] for name in ("clip", "piece", "like", "ending") if name in payload}
    keys = _keys(listener.id)
    key = keys[1] if {"like", "ending"} & named.keys() else keys[0]  # these need not wait until the next is there
    left = jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener.id, priority=ASKED_PRIORITY)
    if left is not None:
        journal.begin(session, listener.id)
        return True
    under_way = jobs.newest_of(session, key)
    if named and under_way and not named.items() <= under_way.payload.items():
        raise Contradiction("another piece is being composed just now; ask again when it is there")
    return False


def _programme(session: Session, listener_id: uuid.UUID) -> Programme:
    left = [job for key in _keys(listener_id) if (job := jobs.newest_of(session, key)) is not None]
    newest = max(left, key=lambda job: job.id, default=None)
    coming = next((state for state in COMING if any(job.state == state for job in left)), None)
    coming = coming or ("failed" if newest and newest.state == "failed" else "none")
    opening = next((_opening(session, job.payload["clip"]) for job in left if _plays_on(job)), None)
    all_left_s = [jobs.seconds_left(session, job) for job in left if job.state in COMING]
    left_s = min((each for each in all_left_s if each is not None), default=None)
    return Programme(rows.whole_pieces(session, listener_id), coming, opening, seconds_left=left_s)


def _keys(listener_id: uuid.UUID) -> tuple[str, str]:
    """Under which jobs for the next piece are left, and for one made after another."""
    return f"{KIND}:{listener_id}", f"{KIND}:{listener_id}:like"


def _plays_on(job: Job) -> bool:
    return job.state in COMING and "clip" in job.payload


def _opening(session: Session, clip_id: str) -> Opening | None:
    """The clip as long as it can be heard."""
    lengths = clip_rows.audio_lengths(session, uuid.UUID(clip_id))
    return Opening(uuid.UUID(clip_id), lengths[-1]) if lengths else None
