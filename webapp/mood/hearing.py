"""What the judges of mood say of a clip or a piece of the studio, and of the clips that everybody may hear.

What was judged of a clip is stored, two numbers a clip: notes of a clip never change. Moods are told in words, and so
are the moods that a listener's picks lean to.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from db.queries.clips import music_of
from db.queries.offers import ids_shown
from models.mood.labels import AROUSAL, VALENCE
from models.mood.liking import MOODS, Leaning, leanings
from models.music.notes import Domain
from webapp.composing import sources
from webapp.generation.protocol import Mood, MoodsResult, answered
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.learning.heard_clips import HeardClips
from webapp.runtime.errors import NotAllowed
from webapp.studio.studio import Studio

CLEARLY, A_LITTLE = 0.5, 0.15
CORNERS = {(int(v), int(a)): name for name, v, a in zip(MOODS, VALENCE, AROUSAL, strict=True)}  # signs → word
TOGETHER = 64  # pieces a request
NEWEST = 256  # clips of a domain that are looked at
_heard = HeardClips("mood-cpu")
LEAST_PICKS = 10  # picks, before which it is not asked
NEWEST_PICKS = 300  # picks that are looked at


def in_words(mood: Mood) -> str:
    """Such as "happy", "rather calm" or "between happy and tense"."""
    glad, lively = (_sign(value) for value in (mood.valence, mood.arousal))
    if not glad and not lively:
        return "in the middle: neither glad nor sad, neither lively nor calm"
    if not glad:
        return f"between {CORNERS[1, lively]} and {CORNERS[-1, lively]}"
    if not lively:
        return f"between {CORNERS[glad, 1]} and {CORNERS[glad, -1]}"
    surely = min(abs(mood.valence), abs(mood.arousal)) >= CLEARLY
    return CORNERS[glad, lively] if surely else f"rather {CORNERS[glad, lively]}"


def sounding(mood: Mood) -> str:
    """``in_words``, where that says anything: "" for a mood in the middle."""
    return in_words(mood) if max(abs(mood.valence), abs(mood.arousal)) >= A_LITTLE else ""


def _sign(value: float) -> int:
    return 0 if abs(value) < A_LITTLE else 1 if value > 0 else -1


def hear(studio: Studio, listener_id: uuid.UUID, name: str, link_key: str = "") -> Mood:
    """The mood of ``clips/ID`` or ``pieces/ID``; ``link_key`` opens somebody else's piece.

    Raises ``NotYours``, ``NotAllowed`` for music with too few notes, and ``NotReady`` where no generator answers.
    """
    source = studio.database.transaction(lambda session: sources.find(session, name, listener_id, link_key))
    (found,) = judged(studio.generation, [source.notes])
    if found is None:
        raise NotAllowed("this piece has too few notes to have a mood; start from another one")
    return found


def of_pool(studio: Studio, domain: Domain) -> dict[uuid.UUID, Mood]:
    """The moods of the newest playable clips of a domain that everybody may hear; raises ``NotReady``."""
    return of_clips(
        studio, studio.database.transaction(lambda session: studio.playable.clips(session, domain)).ids[-NEWEST:]
    )


def of_clips(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Mood]:
    """The moods of those of these clips that are there and have notes enough; raises ``NotReady``."""
    ids = list(dict.fromkeys(clip_ids))
    known = dict(_heard.known(studio.database, ids))
    unknown = [clip_id for clip_id in ids if clip_id not in known]
    for start in range(0, len(unknown), TOGETHER):
        some = unknown[start : start + TOGETHER]
        found = studio.database.transaction(partial(music_of, clip_ids=some))
        music = [clip for clip in found if clip.notes]  # and no picture
        if music:
            answer = _judge(studio.generation, [clip.notes for clip in music])
            moods = [mood.model_dump() if mood else None for mood in answer.moods]
            heard = {clip.id: mood for clip, mood in zip(music, moods, strict=True)}
            _heard.keep(studio.database, heard, answer.model_version)
            known |= heard
    return {clip_id: Mood.model_validate(mood) for clip_id in ids if (mood := known.get(clip_id))}


def words_of_met(studio: Studio, listener_id: uuid.UUID, clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """How those of these clips sound, in words, that are judged: what a listener is told of clips they have voted on.

    A clip that waits in an open pair or four is left out, for the words might sway the vote. It is judged in the
    background, as are those of ``clip_ids`` that nobody has judged yet: the words are there the next time.
    """
    waiting = studio.database.transaction(lambda session: ids_shown(session, listener_id, state="open"))
    both = [*clip_ids, *waiting]
    known = _heard.known(studio.database, both)
    if unknown := [clip_id for clip_id in both if clip_id not in known]:
        begin(studio, unknown)
    told = {clip_id: known.get(clip_id) for clip_id in clip_ids if clip_id not in waiting}
    return {clip_id: words for clip_id, mood in told.items() if mood and (words := sounding(Mood(**mood)))}


def begin(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> threading.Thread | None:
    """Judge these clips in the background; None where others are being judged just now."""
    return _heard.begin(lambda: of_clips(studio, clip_ids))


def judged(generation: RemoteGenerator, pieces: Sequence[dict[str, Any]]) -> list[Mood | None]:
    """The moods of pieces (``Piece.to_json``); raises ``NotReady`` and ``NotAllowed``."""
    return _judge(generation, pieces).moods


def _judge(generation: RemoteGenerator, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
    with answered("the model of mood", "this music can't be judged"):
        return generation.moods(pieces)


def leanings_of(studio: Studio, listener_id: uuid.UUID) -> list[Leaning]:
    """By valence and by arousal; nothing before ``LEAST`` picks. Raises ``NotReady`` where no judge answers."""
    every = studio.database.transaction(lambda session: heads.votes_of(session, listener_id))
    votes = [(clips, outcome) for clips, outcome in every if outcome != "skipped"][-NEWEST_PICKS:]
    if len(votes) < LEAST_PICKS:
        return []
    moods = of_clips(studio, [clip for clips, _ in votes for clip in clips])
    picks = [
        (np.array([(moods[clip].valence, moods[clip].arousal) for clip in clips]), outcome)
        for clips, outcome in votes
        if all(clip in moods for clip in clips)
    ]
    return leanings(picks) if len(picks) >= LEAST_PICKS else []  # a clip may be gone, or have too few notes
