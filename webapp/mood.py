"""Moods of clips and of a studio's pieces, as judged, and the studio's pad, which moves a piece towards a mood.

The generation server judges (``models.mood``). What was judged of a clip is stored, two numbers a clip: notes of a clip
never change. Moods are put into words, and so are the moods that a listener's picks lean to.

The pad composes several versions of a recipe and keeps the one that the judges place nearest to the requested mood.
``models.mood.steering`` says which versions there are. Clips that everybody may play lend their styles, so that the
recipe names whose harmony it is; where rules changed the notes, it has the rules.
"""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from db.queries.clips import music_of
from db.queries.offers import ids_shown
from models.mood.labels import AROUSAL, VALENCE
from models.mood.liking import MOODS, Leaning, leanings
from models.mood.steering import Version, nearest, versions
from models.music.notes import Domain
from webapp.composing import sources
from webapp.composing.sources import CLIPS, Source, find
from webapp.generation.protocol import Mood, MoodsResult, answered
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.learning.playable_clips import HeardClips
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import STEERED_A_SECOND, STEERED_AT_ONCE, Buckets
from webapp.studio import composing
from webapp.studio.pieces import Borrowed, OpenedPiece, Recipe
from webapp.studio.studio import Studio

CLEARLY, A_LITTLE = 0.5, 0.15
CORNERS = {(int(v), int(a)): name for name, v, a in zip(MOODS, VALENCE, AROUSAL, strict=True)}  # signs → word
TOGETHER = 64  # pieces a request
NEWEST = 256  # clips of a domain that are considered
_heard = HeardClips("mood-cpu")
LEAST_PICKS = 10  # picks, before which nothing is said of leanings
NEWEST_PICKS = 300  # picks that are considered

OF_A_MOOD = 4  # pieces that are written for one, of which the nearest is kept

_asked = Buckets(STEERED_A_SECOND, STEERED_AT_ONCE)


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
    (mood,) = judged(studio.generation, [source.notes])
    if mood is None:
        raise NotAllowed("this piece has too few notes to have a mood; start from another one")
    return mood


def of_pool(studio: Studio, domain: Domain) -> dict[uuid.UUID, Mood]:
    """The moods of the newest playable clips of a domain that everybody may hear; raises ``NotReady``."""
    return of_clips(
        studio, studio.database.transaction(lambda session: studio.playable.clips(session, domain)).ids[-NEWEST:]
    )


def of_clips(studio: Studio, clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Mood]:
    """The moods of those of these clips that are there and have notes enough; raises ``NotReady``."""
    ids = list(dict.fromkeys(clip_ids))
    cached = dict(_heard.known(studio.database, ids))
    missing = [clip_id for clip_id in ids if clip_id not in cached]
    for start in range(0, len(missing), TOGETHER):
        some = missing[start : start + TOGETHER]
        rows = studio.database.transaction(partial(music_of, clip_ids=some))
        music = [clip for clip in rows if clip.notes]  # and no picture
        if music:
            answer = _judge(studio.generation, [clip.notes for clip in music])
            moods = [mood.model_dump() if mood else None for mood in answer.moods]
            judged_moods = {clip.id: mood for clip, mood in zip(music, moods, strict=True)}
            _heard.keep(studio.database, judged_moods, answer.model_version)
            cached |= judged_moods
    return {clip_id: Mood.model_validate(mood) for clip_id in ids if (mood := cached.get(clip_id))}


def words_of_met(studio: Studio, listener_id: uuid.UUID, clip_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """How the judged ones of these clips sound, in words: what pages say of clips that a listener has voted on.

    A clip that waits in an open pair or four is left out, for the words might sway the vote. It is judged in the
    background, as are those of ``clip_ids`` that nobody has judged yet: the words are there the next time.
    """
    waiting = studio.database.transaction(lambda session: ids_shown(session, listener_id, state="open"))
    both = [*clip_ids, *waiting]
    cached = _heard.known(studio.database, both)
    if missing := [clip_id for clip_id in both if clip_id not in cached]:
        begin(studio, missing)
    moods = {clip_id: cached.get(clip_id) for clip_id in clip_ids if clip_id not in waiting}
    return {clip_id: words for clip_id, mood in moods.items() if mood and (words := sounding(Mood(**mood)))}


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


@dataclass(frozen=True)
class Steered:
    """The piece that came nearest, and the moods of what was there ``before`` and of it (``after``)."""

    piece: OpenedPiece
    before: Mood
    after: Mood


def steer(
    studio: Studio, listener_id: uuid.UUID, recipe: Recipe, now: str, target: Mood, *, link: str = ""
) -> Steered | None:
    """Compose versions of ``recipe`` towards ``target`` and keep the nearest; None where none is nearer than ``now``.

    Where it keeps nothing, the writer is conditioned on the mood: fewer such pieces have it, and they sound more real
    (``evaluate.mood``).

    Raises as ``composing.compose`` does, ``NotAllowed`` where ``now`` (``clips/ID``, …) has too few notes, and
    ``TooMany`` for a listener who asks without end.
    """
    if not _asked.take(str(listener_id)):
        raise TooMany("so many moods were asked for that others must come first; wait a few seconds")
    before = hear(studio, listener_id, now, link)
    content = studio.database.transaction(lambda session: find(session, recipe.content, listener_id))
    ways = _anew(recipe, target) if recipe.keeps_nothing else _versions(studio, recipe, content, target)
    wanted = _place(target)
    after = before

    def choose(made: list[dict[str, Any]]) -> int | None:
        nonlocal after
        heard = [mood or before for mood in judged(studio.generation, made)]
        best = nearest(wanted, [_place(mood) for mood in [before, *heard]])
        after = [before, *heard][best]
        return best - 1 if best else None

    piece = composing.best_of(studio, listener_id, ways, choose)
    return None if piece is None else Steered(piece, before, after)


def _anew(recipe: Recipe, target: Mood) -> list[Recipe]:
    return [replace(recipe, mood=_place(target), seed=(recipe.seed + number) % 2**53) for number in range(OF_A_MOOD)]


def _versions(studio: Studio, recipe: Recipe, content: Source, target: Mood) -> list[Recipe]:
    """Versions of the recipe nearer to the mood; raises ``NotAllowed`` where all that carries one is locked."""
    lenders = {
        f"{CLIPS}/{clip_id}": mood
        for clip_id, mood in of_pool(studio, content.music).items()
        if f"{CLIPS}/{clip_id}" != recipe.content
    }
    candidates = versions(
        _place(target),
        [_place(mood) for mood in lenders.values()],
        locked=recipe.locks.groups,
        notes_stay=recipe.locks.notes_stay,
    )
    if not candidates:
        raise NotAllowed("everything that carries a mood is locked; unlock the harmony, the rhythm or the notes")
    return [_recipe(recipe, version, list(lenders)) for version in candidates]


def _place(mood: Mood) -> tuple[float, float]:
    return mood.valence, mood.arousal


def _recipe(recipe: Recipe, version: Version, lenders: list[str]) -> Recipe:
    borrowed = {} if version.donor is None else dict.fromkeys(version.groups, Borrowed(lenders[version.donor]))
    turned = {group: by for group, by in recipe.turned.items() if group not in borrowed}
    return replace(recipe, styles={**recipe.styles, **borrowed}, turned=turned, rules=version.dials)
